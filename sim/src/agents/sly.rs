//! A provider that drops a small part of everything for ever, and confesses the least there is just before it would be found.

use super::{Agent, Asked, Deed, Reply, Seat, honest};
use crate::agents::honest::Honest;
use crate::disks::Kept;
use market::event::SlotId;
use serde::{Deserialize, Serialize};
use shards::{Root, SlotSummary, prove};
use types::Did;
use types::documents::{Confession, Reservation, SlotChallenge};

/// What a sly provider is like: an honest one's settings, how much it drops, and whether it confesses.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which it looks.
    #[serde(flatten)]
    pub honest: honest::Settings,
    /// The share of every slot that it drops whenever it has all of it, in parts per million.
    pub drop_ppm: u32,
    /// Whether it confesses one byte when a challenge asks for what is not there: it sees the challenge first.
    #[serde(default)]
    pub confesses: bool,
}

/// The provider.
#[derive(Clone, Debug)]
pub struct Sly {
    honest: Honest,
    drop_ppm: u32,
    confesses: bool,
}

impl Sly {
    /// The `number`th of a group.
    pub fn new(settings: Settings, number: u32) -> Self {
        let Settings { honest, drop_ppm, confesses } = settings;
        Self { honest: Honest::new(honest, number), drop_ppm, confesses }
    }

    /// Drops its share of every slot that is whole.
    fn drop_all(&self, seat: &mut Seat<'_>, party: Did) {
        if self.drop_ppm == 0 {
            return;
        }
        let whole: Vec<SlotId> =
            seat.disks.of(&party).filter(|(_, kept)| kept.is_whole()).map(|(id, _)| *id).collect();
        for id in whole {
            seat.hand(Deed::Drop(party, id, self.drop_ppm));
        }
    }
}

/// Whether a challenge asks for something that is not there.
fn is_caught(seat: &Seat<'_>, asked: &Asked<'_>, slot: &SlotChallenge, kept: &Kept) -> bool {
    let seed = slot.seed(&seat.market.beacon(), seat.epoch(), asked.kind);
    let size = slot.size;
    let summary = SlotSummary { root: Root(size.root.0), bytes: size.bytes, shards: size.shards };
    prove::picks(seed, &summary, slot.count).iter().any(|pick| kept.gone.takes(pick.offset))
}

impl Agent for Sly {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = Honest::me(seat);
        self.honest.act(seat);
        self.drop_all(seat, me);
    }

    fn reserved(&mut self, seat: &mut Seat<'_>, reservation: &Reservation) -> Result<(), String> {
        self.honest.reserved(seat, reservation)
    }

    fn challenged(&mut self, seat: &mut Seat<'_>, asked: &Asked<'_>) -> Reply {
        if !self.confesses {
            return Reply::FromDisk;
        }
        for slot in asked.slots {
            let id = SlotId { contract: slot.contract, slot: slot.slot };
            let Some(kept) = seat.disks.kept(&asked.party, &id) else { continue };
            let Some(contract) = seat.market.contract(&slot.contract) else { continue };
            if is_caught(seat, asked, slot, kept) {
                let confession = Confession {
                    provider: asked.party,
                    contract: slot.contract,
                    slot: slot.slot,
                    lost_bytes: 1,
                    revision: contract.revision,
                };
                seat.hand(Deed::Confess(confession));
            }
        }
        Reply::FromDisk
    }
}
