//! An agent-based simulator that attacks the market's rules with the very code that ships.
//!
//! Reading order: [`desk`] is the shipped [`market::Market`] with a trace of what it took; [`world`] is everything around it,
//! with time on a [`wheel`], bytes on [`disks`], and [`agents`] that act by documents. All luck is looked up in [`chance`].
//! [`scenario`] reads what is to be compared ([`overlay`] lays it over what ships), [`experiment`] runs every arm with every seed
//! and judges it, [`results`] is what runs leave: [`tables`], [`summary`], [`report`]. [`sweep`] and [`sensitivity`] vary a
//! scenario. [`statistics`] and [`theory`] are what figures are held against: [`validate`] reproduces what is known, [`bounds`] brackets
//! where attacks begin to pay, [`hunt`] searches for attacks that nobody thought of.
//!
//! Pure, and no rule of its own: whatever is decided here is decided by the packages that ship.

pub mod agents;
pub mod bounds;
mod by_party;
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
