//! Waiting in line, and waiting for the last of a set.

use crate::statistics::{real, sum};

/// The chance that who comes must wait, with `servers` servers and a load of `load` (arrivals per mean service): Erlang's C
/// (Erlang 1917).
///
/// From the loss formula B, itself by B₀ = 1, Bₙ = a Bₙ₋₁ / (n + a Bₙ₋₁): C = B / (1 − (a / n)(1 − B)). With a load of all
/// servers or more everyone waits.
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    let all = f64::from(servers);
    if load >= all {
        return 1.0;
    }
    let blocked =
        (1..=servers).fold(1.0, |blocked, n| load * blocked / (f64::from(n) + load * blocked));
    blocked / (1.0 - load / all * (1.0 - blocked))
}

/// How many draws it takes on average until each of `kinds` equally likely kinds was drawn: n Σ 1/i (de Moivre 1711; Feller,
/// "An introduction to probability theory", 1950, IX.3).
pub fn coupons(kinds: u64) -> f64 {
    real(kinds) * sum((1..=kinds).rev().map(|i| 1.0 / real(i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_figures_come_out() {
        assert!((erlang_c(10, 8.0) - 0.409_18).abs() < 5e-6, "{}", erlang_c(10, 8.0));
        assert!((erlang_c(1, 0.3) - 0.3).abs() < 1e-12, "of one server it is the load");
        assert!((erlang_c(2, 2.0) - 1.0).abs() < 1e-12);
        assert!((coupons(100) - 518.74).abs() < 5e-3);
        assert!((coupons(2) - 3.0).abs() < 1e-12);
    }
}
