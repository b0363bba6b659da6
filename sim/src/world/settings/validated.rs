//! Whether a world's figures are sensible, before anything is made of them.

use super::WorldSettings;
use crate::world::WorldError;
use types::Span;

/// The shortest epoch: within it a reservation is answered or not.
const EPOCH_MIN: Span = Span(5 * 60 * Span::SECOND.0);
/// The most epochs of a run: ten years of hours.
const EPOCHS_MAX: u64 = 87_600;

fn wrong(field: &str, reason: impl Into<String>) -> WorldError {
    WorldError::Setting { field: field.into(), reason: reason.into() }
}

impl WorldSettings {
    /// The length of an epoch, where everything is sensible.
    ///
    /// # Errors
    /// [`WorldError::Setting`] names the first figure that is not.
    pub(crate) fn validated(&self) -> Result<Span, WorldError> {
        let epoch: Span = self.epoch.parse().map_err(|error| wrong("epoch", format!("{error}")))?;
        if epoch < EPOCH_MIN {
            return Err(wrong("epoch", format!("{epoch}; give {EPOCH_MIN} at least")));
        }
        if self.epochs == 0 || self.epochs > EPOCHS_MAX {
            return Err(wrong("epochs", format!("{}; give 1 to {EPOCHS_MAX}", self.epochs)));
        }
        self.rates()?;
        self.rate.validated()?;
        for event in &self.failures.events {
            let group = event.group.as_ref();
            if group.is_some_and(|name| self.agents.iter().all(|group| group.called() != name)) {
                let reason = format!("there is no group {:?}", event.group);
                return Err(wrong("failures.events.group", reason));
            }
        }
        for (at, group) in self.agents.iter().enumerate() {
            if self.agents[..at].iter().any(|other| other.called() == group.called()) {
                let reason =
                    format!("two groups are called {:?}; name one otherwise", group.called());
                return Err(wrong("agents.name", reason));
            }
        }
        Ok(epoch)
    }

    fn rates(&self) -> Result<(), WorldError> {
        let (failures, costs, network) = (&self.failures, &self.costs, &self.network);
        for (field, rate) in [
            ("failures.disks_yearly", failures.disks_yearly),
            ("failures.disks_shape", failures.disks_shape),
            ("failures.outages_yearly", failures.outages_yearly),
            ("failures.outage_hours", failures.outage_hours),
            ("failures.outage_sigma", failures.outage_sigma),
            ("failures.outage_hours_max", failures.outage_hours_max),
            ("costs.keeping", costs.keeping),
            ("network.answer_ms", network.answer_ms),
            ("network.answer_sigma", network.answer_sigma),
        ] {
            if !rate.is_finite() || rate < 0.0 {
                return Err(wrong(field, format!("{rate}; give 0 or more")));
            }
        }
        if failures.disks_yearly >= 1.0 {
            let reason = format!("{}; a share of disks a year is below 1", failures.disks_yearly);
            return Err(wrong("failures.disks_yearly", reason));
        }
        if network.lost_ppm > 1_000_000 {
            let reason = format!("{} of a million messages; give 0 to 1000000", network.lost_ppm);
            return Err(wrong("network.lost_ppm", reason));
        }
        Ok(())
    }
}
