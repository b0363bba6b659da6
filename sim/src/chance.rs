//! Luck that is looked up, not used up: every draw is a function of a seed, a stream, an agent and a moment.
//!
//! Two arms of an experiment with one seed share their luck, and one more draw here moves nothing there: there is no
//! state to shift. The generator is Philox-4×32 with ten rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
//! as easy as 1, 2, 3", 2011), the logarithms are `libm`'s, so that every machine and every build draws the same.

use types::Hash;

/// What kind of luck is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stream {
    /// Who there is, and what each is like.
    Population,
    /// What agents choose.
    Behaviour,
    /// What breaks, and when.
    Failures,
    /// How long messages take, and which are lost.
    Network,
    /// What the market draws: placement and beacons.
    Market,
    /// Who wants to buy, when and what.
    Demand,
    /// What a search for exploits tries.
    Hunt,
}

/// The root of all luck in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

/// Draws of one agent at one moment, in order.
#[derive(Clone, Debug)]
pub struct Draws {
    key: [u32; 2],
    /// Which draw, the moment's low half, the agent, and the stream with the moment's high part.
    counter: [u32; 4],
    spare: Option<u64>,
}

impl Seed {
    /// The draws of `agent` at `moment` from `stream`. Asked again they are the same.
    #[inline]
    pub const fn draws(self, stream: Stream, agent: u32, moment: u64) -> Draws {
        let [low, high] = halves(self.0);
        let [moment_low, moment_high] = halves(moment);
        let last = (stream as u32) << 24 | moment_high & 0x00ff_ffff;
        Draws { key: [low, high], counter: [0, moment_low, agent, last], spare: None }
    }

    /// The root of another run with the same scenario: its `index`th.
    #[must_use]
    pub const fn nth(self, index: u64) -> Self {
        Self(self.0.wrapping_add(index))
    }
}

impl Draws {
    /// 64 bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let [a, b, c, d] = philox(self.counter, self.key);
        self.counter[0] = self.counter[0].wrapping_add(1);
        self.spare = Some(u64::from(c) | u64::from(d) << 32);
        u64::from(a) | u64::from(b) << 32
    }

    /// 0 to 1, without 1: a multiple of 2^-53.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// One of `0..count`, each as likely (Lemire 2019, with rejection); 0 where there is none.
    #[expect(clippy::cast_possible_truncation, reason = "each half of the product is wanted")]
    #[inline]
    pub fn below(&mut self, count: u64) -> u64 {
        if count <= 1 {
            return 0;
        }
        loop {
            let wide = u128::from(self.bits()) * u128::from(count);
            let [low, high] = [wide as u64, (wide >> 64) as u64];
            // The least that is not rejected is below `count`, so that dividing is seldom needed.
            if low >= count || low >= count.wrapping_neg() % count {
                return high;
            }
        }
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Normal, of mean 0 and deviation 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Exponential, of this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.uniform())
    }

    /// Weibull, of this shape and scale.
    pub fn weibull(&mut self, shape: f64, scale: f64) -> f64 {
        scale * libm::pow(-libm::log(1.0 - self.uniform()), 1.0 / shape)
    }

    /// Log-normal, of this median; `sigma` is the deviation of its logarithm.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// 32 bytes, to seed what draws for itself.
    pub fn seed(&mut self) -> [u8; 32] {
        let words: [u64; 4] = std::array::from_fn(|_| self.bits());
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Hash::derive("bondstore 2026 simulated seed", &[&bytes]).0
    }

    /// Puts `items` into an order by chance (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let at = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(at).unwrap_or(last));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "each takes its half")]
const fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

/// Philox-4×32-10.
#[inline]
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    for _ in 0..10 {
        let [low_0, high_0] = halves(u64::from(MULTIPLIERS[0]) * u64::from(counter[0]));
        let [low_1, high_1] = halves(u64::from(MULTIPLIERS[1]) * u64::from(counter[2]));
        counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests;
