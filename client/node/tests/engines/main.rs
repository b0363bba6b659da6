//! The engines against real servers on loopback, with faults that each test chooses.
#![cfg(test)]

mod download;
mod sharing;
mod upload;
mod world;
