//! An agent-based simulator that attacks the market's rules with the very code that ships.

pub mod chance;
pub mod report;
pub mod results;
pub mod summary;
pub mod tables;
pub mod wheel;

pub use chance::{Draws, Seed, Stream};
