//! What is known in closed form: the figures against which the simulator is held, and the bounds that attacks meet.
//!
//! Reading order: [`durability`] and [`lifetime`] are about data that is lost, [`detection`] about finding out, [`prices`]
//! about supply and demand, [`wealth`] and [`queue`] about crowds and lines, [`bounds`] about what an attack can gain.
//! Above each function stand its formula and where it comes from. Logarithms are `libm`'s, so that every build agrees.

pub mod bounds;
pub mod detection;
pub mod durability;
pub mod lifetime;
pub mod prices;
pub mod queue;
pub mod wealth;
