//! What goes wrong with machines: disks that fail, providers out of reach, alone and together.

use super::{Happening, World};
use crate::chance::Stream;
use crate::statistics::{real, whole};
use market::event::SlotId;
use types::{Did, Epoch, Span, Timestamp};

/// Where outages begin among the moments that failures are drawn for.
const OUTAGES: u64 = 1 << 40;

/// A year, in microseconds.
const fn year_us() -> f64 {
    365.0 * real(Span::DAY.0)
}

impl World {
    /// A provider's machines begin to age.
    pub(super) fn plug_in(&mut self, party: Did) {
        self.age_disk(party);
        self.wait_for_outage(party);
    }

    /// When a new disk of `party` fails: Weibull of the yearly share of failures (1 − e^−(1 year ÷ scale)^shape).
    fn age_disk(&mut self, party: Did) {
        let failures = &self.settings.failures;
        if failures.disks_yearly <= 0.0 {
            return;
        }
        let shape = if failures.disks_shape > 0.0 { failures.disks_shape } else { 1.0 };
        let scale = year_us() / libm::pow(-libm::log(1.0 - failures.disks_yearly), 1.0 / shape);
        let Some(known) = self.members.party_mut(&party) else { return };
        known.disks += 1;
        let mut draws = self.seed.draws(Stream::Failures, known.number, known.disks);
        self.soon(Span(whole(draws.weibull(shape, scale))), Happening::DiskFails(party));
    }

    fn wait_for_outage(&mut self, party: Did) {
        let yearly = self.settings.failures.outages_yearly;
        if yearly <= 0.0 {
            return;
        }
        let Some(mut draws) = self.next_outage(&party) else { return };
        self.soon(Span(whole(draws.exponential(year_us() / yearly))), Happening::Away(party));
    }

    /// Outages and disks have luck of their own: more of the one moves nothing of the other.
    fn next_outage(&mut self, party: &Did) -> Option<crate::chance::Draws> {
        let known = self.members.party_mut(party)?;
        known.outages += 1;
        Some(self.seed.draws(Stream::Failures, known.number, OUTAGES + known.outages))
    }

    /// A disk fails: everything on it is gone, and a new one begins to age.
    pub(super) fn disk_fails(&mut self, party: Did) {
        self.watch.count("disks.failed");
        self.destroy(party);
        self.age_disk(party);
    }

    fn destroy(&mut self, party: Did) {
        let slots: Vec<SlotId> = self.disks.lose_all(&party);
        self.weigh(&party);
        let Some(agent) = self.members.party(&party).map(|party| party.agent) else { return };
        let view = (self.desk.market(), &self.disks, self.now);
        let ((), deeds) =
            self.members.ask(agent, view, |agent, seat| agent.lost(seat, party, &slots));
        self.perform_all(agent, deeds);
    }

    /// An outage begins, and the next one is drawn.
    pub(super) fn goes_away(&mut self, party: Did) {
        let failures = self.settings.failures.clone();
        let Some(mut draws) = self.next_outage(&party) else { return };
        let hours = draws.lognormal(failures.outage_hours, failures.outage_sigma);
        let hours = hours.min(failures.outage_hours_max);
        self.watch.count("outages");
        self.away_for(party, Span(whole(hours * real(Span::HOUR.0))));
        self.wait_for_outage(party);
    }

    fn away_for(&mut self, party: Did, span: Span) {
        let until = self.now.after(span);
        let Some(known) = self.members.party_mut(&party) else { return };
        known.away_until = known.away_until.max(until);
        self.reach.remove(&party);
        self.soon(span, Happening::Back(party));
    }

    /// A provider is never in reach again.
    pub(super) fn vanish(&mut self, party: Did) {
        let Some(known) = self.members.party_mut(&party) else { return };
        known.away_until = Timestamp(i64::MAX);
        self.reach.remove(&party);
    }

    /// An outage ends, unless another one lasts longer.
    pub(super) fn comes_back(&mut self, party: Did) {
        if self.members.party(&party).is_some_and(|known| known.away_until <= self.now) {
            self.reach.insert(party);
        }
    }

    /// What goes wrong for many at once in this epoch.
    pub(super) fn black_out(&mut self, epoch: Epoch) {
        let events = self.settings.failures.events.clone();
        for (event, at) in events.iter().zip(0u64..).filter(|(event, _)| event.epoch == epoch.0) {
            let groups = self.members.groups();
            let meant = |party: &super::members::Party| {
                let group = groups[self.members.group_of(party.agent)].called();
                event.group.as_ref().is_none_or(|name| name == group)
                    && event.region.as_ref().is_none_or(|region| *region == party.region)
            };
            let parties = self.members.parties();
            let offering = parties.iter().filter(|(_, p)| !p.region.is_empty());
            let mut struck: Vec<Did> =
                offering.filter(|(_, p)| meant(p)).map(|(did, _)| **did).collect();
            if let Some(count) = event.count {
                self.seed.draws(Stream::Failures, u32::MAX, at).shuffle(&mut struck);
                struck.truncate(count as usize);
            }
            for party in struck {
                if event.destroys {
                    self.destroy(party);
                }
                self.away_for(party, Span(self.epoch.0 * event.epochs));
            }
        }
    }
}
