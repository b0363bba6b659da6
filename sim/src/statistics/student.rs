//! Student's and the normal distribution, and the incomplete beta function beneath them.

/// How often a continued fraction or a bisection goes on at most.
const STEPS: u32 = 400;

/// The regularised incomplete beta function Iₓ(a, b), by its continued fraction (Abramowitz and Stegun, "Handbook of
/// mathematical functions", 26.5.8), evaluated as Lentz does (1976).
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side alone.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let logs = a * libm::log(x) + b * libm::log1p(-x);
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + logs;
    libm::exp(front) * fraction(a, b, x) / a
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let not_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut above = 1.0;
    let mut below = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = below;
    for step in 1..STEPS {
        let n = f64::from(step);
        let even = n * (b - n) * x / ((a + 2.0 * n - 1.0) * (a + 2.0 * n));
        let odd = -(a + n) * (a + b + n) * x / ((a + 2.0 * n) * (a + 2.0 * n + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            below = 1.0 / not_zero(1.0 + term * below);
            above = not_zero(1.0 + term / above);
            change = above * below;
            result *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

/// Where `rising` reaches `target` between `low` and `high`.
pub(super) fn solve(
    target: f64,
    (mut low, mut high): (f64, f64),
    rising: impl Fn(f64) -> f64,
) -> f64 {
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if rising(middle) < target { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// How many standard errors of a mean lie on either side of it, for an interval of this confidence and so many degrees of
/// freedom: the quantile of Student's t at (1 + confidence) / 2.
///
/// With x = ν / (ν + t²) both tails together are Iₓ(ν/2, 1/2) (Abramowitz and Stegun 26.7.1). Without a degree of freedom it
/// is unbounded; from 100,000 on it is the [normal](normal_width) one, less than .01 % off.
pub fn width(confidence: f64, freedom: f64) -> f64 {
    if freedom < 1.0 || freedom.is_nan() {
        return f64::INFINITY;
    }
    if freedom > 1e5 {
        return normal_width(confidence);
    }
    // The tails fall as t rises, and x with them.
    let x = solve(1.0 - confidence, (0.0, 1.0), |x| incomplete_beta(freedom / 2.0, 0.5, x));
    libm::sqrt(freedom * (1.0 - x) / x)
}

/// As [`width`], where the deviation is known: the quantile of the normal distribution at (1 + confidence) / 2.
pub fn normal_width(confidence: f64) -> f64 {
    solve(confidence, (0.0, 40.0), |z| libm::erf(z / std::f64::consts::SQRT_2))
}

/// The quantile of the normal distribution of mean 0 and deviation 1 below which `share` of it lies, 0 to 1.
pub fn normal_quantile(share: f64) -> f64 {
    solve(share, (-40.0, 40.0), |z| libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0)
}

/// The interval of this confidence around a mean with this standard error.
pub(super) fn around(mean: f64, error: f64, freedom: f64, confidence: f64) -> (f64, f64) {
    let width = width(confidence, freedom);
    if width.is_infinite() {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    (mean - width * error, mean + width * error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: critical values of Student's t.
    #[test]
    fn widths_are_the_tabled_ones() {
        for (freedom, at_95, at_99) in [
            (1.0, 12.706, 63.657),
            (2.0, 4.303, 9.925),
            (3.0, 3.182, 5.841),
            (4.0, 2.776, 4.604),
            (9.0, 2.262, 3.250),
            (29.0, 2.045, 2.756),
            (100.0, 1.984, 2.626),
            (1e12, 1.960, 2.576),
        ] {
            let found = (width(0.95, freedom), width(0.99, freedom));
            assert!((found.0 - at_95).abs() < 6e-4, "{freedom}: {found:?}");
            assert!((found.1 - at_99).abs() < 6e-4, "{freedom}: {found:?}");
        }
        assert!(width(0.95, 0.0).is_infinite());
    }

    /// With one degree of freedom the quantile is tan(π (p − ½)), with two (2p − 1) / √(2p (1 − p)).
    #[test]
    fn widths_are_the_closed_ones_where_there_are_such() {
        for confidence in [0.5f64, 0.9, 0.95, 0.999] {
            let p = f64::midpoint(1.0, confidence);
            let one = libm::tan(std::f64::consts::PI * (p - 0.5));
            let two = confidence / libm::sqrt(2.0 * p * (1.0 - p));
            assert!((width(confidence, 1.0) / one - 1.0).abs() < 1e-9, "{confidence}");
            assert!((width(confidence, 2.0) / two - 1.0).abs() < 1e-9, "{confidence}");
        }
    }

    /// Abramowitz and Stegun, table 26.5 and 26.1: z(.975) = 1.959964, z(.999) = 3.090232.
    #[test]
    fn normal_quantiles_are_the_tabled_ones() {
        for (share, z) in [(0.5, 0.0), (0.975, 1.959_964), (0.999, 3.090_232), (0.001, -3.090_232)]
        {
            assert!((normal_quantile(share) - z).abs() < 1e-6, "{share}");
        }
    }

    /// I.5(2, 3) = 11/16, as four throws of a coin say; and Iₓ(1, 1) = x.
    #[test]
    fn the_incomplete_beta_function_counts_coins() {
        assert!((incomplete_beta(2.0, 3.0, 0.5) - 11.0 / 16.0).abs() < 1e-14);
        assert!((incomplete_beta(1.0, 1.0, 0.3) - 0.3).abs() < 1e-14);
    }
}
