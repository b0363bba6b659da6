//! Where prices come to rest, how fast they move, and when they swing.

/// Demand and supply that are straight lines: D = a − b p and S = c + d p.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lines {
    /// a: what is asked for at a price of nothing.
    pub demand: f64,
    /// b: by how much less for each unit of the price.
    pub demand_slope: f64,
    /// c: what is offered at a price of nothing.
    pub supply: f64,
    /// d: by how much more for each unit of the price.
    pub supply_slope: f64,
}

impl Lines {
    /// The price at which both are equal, and what is traded there: p* = (a − c) / (b + d), q* = a − b p* (Marshall,
    /// "Principles of economics", 1890, book V).
    pub fn meet(&self) -> (f64, f64) {
        let price = (self.demand - self.supply) / (self.demand_slope + self.supply_slope);
        (price, self.demand - self.demand_slope * price)
    }
}

/// After how many full blocks a base fee has grown by `factor`, when each raises it by a share of `step`: ⌈ln f / ln(1 + d)⌉
/// (Buterin, Conner, Dudley, Slipper, Norden and Bakhta, EIP-1559, 2019).
pub fn full_blocks(factor: f64, step: f64) -> f64 {
    libm::ceil(libm::log(factor) / libm::log1p(step))
}

/// What step × elasticity must stay below for a price to come to rest whose demand is seen `delay` steps late:
/// 2 cos(τπ / (2τ + 1)).
///
/// Near the balance x' = x − d·ε·x(τ ago), whose roots leave the unit circle there (Levin and May, "A note on
/// difference-delay equations", Theoretical Population Biology 9, 1976).
pub fn stable_below(delay: u32) -> f64 {
    let delay = f64::from(delay);
    2.0 * libm::cos(delay * std::f64::consts::PI / (2.0 * delay + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_figures_come_out() {
        let lines = Lines { demand: 100.0, demand_slope: 2.0, supply: 10.0, supply_slope: 1.0 };
        assert_eq!(lines.meet(), (30.0, 40.0));
        assert!((full_blocks(10.0, 0.125) - 20.0).abs() < 1e-12);
        for (delay, bound) in [(0, 2.0), (1, 1.0), (2, 0.618), (4, 0.347)] {
            assert!((stable_below(delay) - bound).abs() < 5e-4, "{delay}");
        }
    }
}
