//! What one provider can look like to the market: the texts of its asks that nobody can check, and the network it comes from.

use super::{Deed, Seat};
use types::documents::Ask;

/// What an offer says of who makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disguise {
    /// Who it says runs it; as it is where there is nothing.
    pub operator: Option<String>,
    /// The network it comes from; as it is where there is nothing.
    pub network: Option<String>,
    /// What else it carries.
    pub tags: Vec<String>,
}

impl Disguise {
    /// Puts it on every offer that was handed in since there were `before` deeds, and gives the last of them.
    pub fn put_on(&self, seat: &mut Seat<'_>, before: usize) -> Option<(Ask, String)> {
        let mut last = None;
        for deed in seat.deeds.iter_mut().skip(before) {
            let Deed::Offer(ask, network) = deed else { continue };
            if let Some(operator) = &self.operator {
                ask.operator.clone_from(operator);
            }
            if let Some(other) = &self.network {
                network.clone_from(other);
            }
            ask.tags.clone_from(&self.tags);
            last = Some(((**ask).clone(), network.clone()));
        }
        last
    }
}

/// A /24 that no honest provider has.
pub(super) fn foreign_network(seat: &Seat<'_>, number: u64) -> String {
    format!("172.16.{}.0/24 of {number}", seat.agent)
}
