//! Measurements: who may give them, when, and what they make of a provider's score.
//!
//! A measurement counts for the routine verdicts of its epoch that are recorded after it. So an auditor's measurements
//! come first and the market records its verdicts last; a measurement that comes after them still belongs to the
//! epoch's record, and moves nothing.
//!
//! A provider that no audit asks has no verdicts. So that it is known all the same, the market's own measurement stands
//! for one: what the epoch's measurements say by then of its availability is noted, once.

use crate::docket::{self, MEASUREMENTS_MAX, Reading, VANTAGE_BYTES_MAX};
use crate::event::Event;
use crate::rejection::Rejection;
use crate::schedule;
use crate::state::Market;
use reputation::Outcome;
use types::documents::Measurement;
use types::{Did, Dimension, Epoch, Timestamp, Verified};

impl Market {
    pub(crate) fn measure(
        &self,
        now: Timestamp,
        measurement: &Verified<Measurement>,
    ) -> Result<Vec<Event>, Rejection> {
        let Measurement { auditor, provider, epoch, .. } = **measurement;
        if auditor != self.genesis.market && !self.genesis.auditors.contains(&auditor) {
            let (document, expected) = ("measurement", self.genesis.market);
            return Err(Rejection::ForeignParty { document, found: auditor, expected });
        }
        let readings = self.docket.readings(&provider, epoch);
        if readings.iter().any(|reading| reading.document == measurement.id()) {
            return Ok(Vec::new());
        }
        let invalid = |field, reason: String| Err(Rejection::Invalid { field, reason });
        if epoch != self.epoch {
            let reason = format!("it is of epoch {epoch}, and epoch {} is open", self.epoch);
            return invalid("epoch", format!("{reason}; measure and send within one epoch"));
        }
        let vantage = &measurement.vantage;
        if !(1..=VANTAGE_BYTES_MAX).contains(&vantage.len()) {
            let length = vantage.len();
            return invalid("vantage", format!("{length} bytes; give 1 to {VANTAGE_BYTES_MAX}"));
        }
        if measurement.probes == 0 || measurement.answered > measurement.probes {
            let (answered, probes) = (measurement.answered, measurement.probes);
            let reason =
                format!("{answered} of {probes} probes; send one at least, and count each once");
            return invalid("answered", reason);
        }
        if readings.iter().any(|r| r.auditor == auditor && r.vantage == *vantage) {
            let reference = format!("{vantage} in epoch {epoch}");
            return Err(Rejection::AlreadyUsed { what: "vantage point", reference });
        }
        // The last place is the market's, whose measurement of some is all there is.
        let own = |found: Did| found == self.genesis.market;
        let kept = usize::from(!own(auditor) && !readings.iter().any(|r| own(r.auditor)));
        if readings.len() >= MEASUREMENTS_MAX - kept {
            let (there, most) = (readings.len(), MEASUREMENTS_MAX);
            let reason =
                format!("{there} of at most {most} vantage points have measured it in this epoch");
            return invalid("vantage", format!("{reason}; measure in the next"));
        }
        self.measurable(now, provider)?;
        let reading = Reading::of(measurement.id(), measurement);
        let noted = self.noted_by(&provider, epoch, &reading);
        let measured = Event::Measured { provider, epoch, reading };
        Ok(std::iter::once(measured).chain(noted).collect())
    }

    /// Whoever is in a slot or offers to be can be measured.
    fn measurable(&self, now: Timestamp, provider: Did) -> Result<(), Rejection> {
        if self.holdings(&provider).next().is_some() {
            return Ok(());
        }
        self.not_banned(provider)?;
        if self.offer(&provider).is_some_and(|offer| offer.stands(now)) {
            return Ok(());
        }
        let reason = format!("{provider} keeps nothing here and has no ask that stands");
        let reason = format!("{reason}; it can be measured from its next ask on");
        Err(Rejection::Invalid { field: "provider", reason })
    }

    /// What `reading` brings to a close: the market's first of a provider that no audit asks, in an epoch that it has not
    /// announced to be away in. Further vantage points or identities add nothing: an epoch is one observation.
    fn noted_by(&self, provider: &Did, epoch: Epoch, reading: &Reading) -> Option<Event> {
        let own = |reading: &Reading| reading.auditor == self.genesis.market;
        let earlier = self.docket.readings(provider, epoch);
        let is_first = own(reading) && !earlier.iter().any(own);
        let audited = schedule::is_audited(self, provider);
        if !is_first || audited || self.docket.is_announced(provider, epoch) {
            return None;
        }
        let typical = docket::typical(earlier.iter().chain([reading]))?;
        let (provider, document, outcome) = (*provider, typical.document, availability(typical));
        Some(Event::AvailabilityNoted { provider, document, outcome })
    }

    /// What the epoch's measurements tell reputation of a provider's availability, where there are any: the
    /// probes of the vantage point in the middle.
    pub(crate) fn measured_availability(&self, provider: &Did, epoch: Epoch) -> Option<Outcome> {
        self.docket.typical(provider, epoch).map(availability)
    }
}

/// What a measurement tells reputation of a provider's availability.
const fn availability(reading: &Reading) -> Outcome {
    let (good, bad) = (reading.answered, reading.probes.saturating_sub(reading.answered));
    Outcome { dimension: Dimension::Availability, good, bad }
}
