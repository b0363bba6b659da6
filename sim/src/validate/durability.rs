//! Rows 1 and 2: how likely an object is lost within a period, as Storj and Backblaze publish it.
//!
//! Pieces are lost far more often here than in truth, about as often as loses the object, and what was found is weighed
//! with the likelihood of such luck at the true rate. A run ends with the loss that is one too many: what came after it
//! has no weight of its own.

use super::{Effort, Luck, Published, Row};
use crate::chance::{Draws, Seed, Stream};
use crate::statistics::real;
use crate::theory::durability::Vault;

/// Storj's table: pieces needed, pieces in all, the share of objects that survives, in per cent.
const STORJ: [(u64, u64, f64); 5] = [
    (2, 4, 99.207_366_813),
    (4, 8, 99.858_868_985),
    (8, 16, 99.995_462_407),
    (16, 32, 99.999_994_621),
    (20, 40, 99.999_999_808),
];

/// The chance with which a piece is lost in Storj's table.
const CHANCE: f64 = 0.1;

/// Runs of a quick validation.
const RUNS: u64 = 400_000;

/// One period in which losses come one by one, `mean` of them on average, each piece replaced when it is lost: the weight of
/// what happened where more than `spared` came, nothing where fewer did.
fn one_by_one(draws: &mut Draws, mean: f64, spared: u64) -> f64 {
    let fatal = real(spared + 1);
    let inflated = fatal.max(mean);
    let mut at = 0.0;
    for _ in 0..=spared {
        at += draws.exponential(1.0 / inflated);
        if at > 1.0 {
            return 0.0;
        }
    }
    libm::exp(fatal * libm::log(mean / inflated) + (inflated - mean) * at)
}

/// One period in which each drive fails or does not: the weight of what happened where more than may did.
fn each_or_not(draws: &mut Draws, chance: f64, vault: &Vault) -> f64 {
    let inflated = real(vault.spared + 1) / real(vault.drives);
    let (mut weight, mut failed) = (1.0, 0);
    for _ in 0..vault.drives {
        if draws.happens(inflated) {
            weight *= chance / inflated;
            failed += 1;
        } else {
            weight *= (1.0 - chance) / (1.0 - inflated);
        }
        if failed > vault.spared {
            return weight;
        }
    }
    0.0
}

pub(super) fn rows(seed: Seed, effort: Effort) -> Vec<Row> {
    let luck = |row| Luck { seed, stream: Stream::Failures, row };
    let runs = effort.runs(RUNS);
    let storj = (100..).zip(STORJ).map(|(row, (needed, pieces, survive))| {
        let found = luck(row).measured(runs, |draws| {
            100.0 * one_by_one(draws, CHANCE * real(pieces), pieces - needed)
        });
        let name = format!("Storj, {needed} of {pieces} pieces: objects lost, per cent");
        Row::mean((1, name), Published::rounded(100.0 - survive, 1e-9), &found)
    });
    let vault = Vault::BACKBLAZE;
    let (chance, drives) = (vault.failure(), real(vault.drives));
    let poisson =
        luck(200).measured(runs, |draws| one_by_one(draws, chance * drives, vault.spared));
    let binomial = luck(201).measured(runs, |draws| each_or_not(draws, chance, &vault));
    let annual = |loss: f64| vault.annual(loss);
    let vaults = [
        ("Backblaze, 17 + 3, drives replaced: annual loss", 1.010e-11, 1e-13, poisson),
        ("Backblaze, 17 + 3, drives not replaced: annual loss", 7.34e-12, 1e-14, binomial),
    ];
    let vaults = vaults.into_iter().map(|(name, value, digit, found)| {
        Row::shown((2, name), Published::rounded(value, digit), &found, annual)
    });
    storj.chain(vaults).collect()
}
