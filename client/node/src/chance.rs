//! The two things the pure half may not have: the time, and fresh randomness.

pub(crate) use network::clock::now;

/// Fresh random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("an operating system without randomness cannot run this");
    bytes
}
