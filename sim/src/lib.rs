//! An agent-based simulator that attacks the market's rules with the very code that ships.

pub mod agents;
pub mod bounds;
pub mod chance;
pub mod desk;
pub mod disks;
pub mod experiment;
pub mod hunt;
pub mod overlay;
pub mod report;
pub mod results;
pub mod scenario;
pub mod sensitivity;
pub mod statistics;
pub mod summary;
pub mod sweep;
pub mod tables;
pub mod theory;
pub mod validate;
pub mod wheel;
pub mod world;

pub use chance::{Draws, Seed, Stream};
pub use world::World;
