//! Measurements: who may give them, when, and what they make of a provider's score.
//!
//! A measurement counts for the routine verdicts of its epoch that are recorded after it. So an auditor's measurements
//! come first and the market records its verdicts last; a measurement that comes after them still belongs to the
//! epoch's record, and moves nothing.

use crate::docket::{MEASUREMENTS_MAX, Reading, VANTAGE_BYTES_MAX};
use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::Market;
use reputation::Outcome;
use types::documents::Measurement;
use types::{Did, Dimension, Epoch, Verified};

impl Market {
    pub(crate) fn measure(
        &self,
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
        if readings.len() >= MEASUREMENTS_MAX {
            let reason =
                format!("{MEASUREMENTS_MAX} vantage points have measured it in this epoch already");
            return invalid("vantage", format!("{reason}; measure in the next"));
        }
        if self.holdings(&provider).next().is_none() {
            return invalid(
                "provider",
                format!("{provider} keeps nothing here; there is nothing to measure"),
            );
        }
        let reading = Reading::of(measurement.id(), measurement);
        Ok(vec![Event::Measured { provider, epoch, reading }])
    }

    /// What the epoch's measurements tell reputation of a provider's availability, where there are any: the
    /// probes of the vantage point in the middle.
    pub(crate) fn measured_availability(&self, provider: &Did, epoch: Epoch) -> Option<Outcome> {
        let typical = self.docket.typical(provider, epoch)?;
        let (good, bad) = (typical.answered, typical.probes.saturating_sub(typical.answered));
        Some(Outcome { dimension: Dimension::Availability, good, bad })
    }
}
