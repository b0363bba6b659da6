//! Auditors as they announce and attest in dlcspecs' messages.

use super::{Attestation, Auditor, OracleError, Quorum};
use crate::oracle::messages::{self, Announcement, Descriptor};
use crate::oracle::points::{self, Outcome, VerifyError};

/// The base in which a compliance is attested.
const BINARY: u16 = 2;

impl Auditor {
    /// The auditor that has announced to attest a compliance: its signature holds, and the number has ten binary digits and no sign.
    ///
    /// # Errors
    /// [`OracleError::Message`] or [`OracleError::NoScore`].
    pub fn announced(announcement: &Announcement) -> Result<Self, OracleError> {
        points::verify_announcement(announcement)?;
        let (key, event) = (announcement.oracle, &announcement.event);
        let no_score = || OracleError::NoScore(event.id().to_owned());
        let Descriptor::Digits(digits) = event.descriptor() else { return Err(no_score()) };
        if digits.base != BINARY || digits.is_signed || digits.precision != 0 {
            return Err(no_score());
        }
        let nonces = event.nonces().try_into().map_err(|_| no_score())?;
        Ok(Self { key, nonces })
    }
}

impl Quorum {
    /// What auditor number `auditor` has attested under `announcement`, the one that this quorum was made of.
    ///
    /// # Errors
    /// Where it is another's, another event's, or does not hold.
    pub fn attested(
        &self,
        auditor: usize,
        announcement: &Announcement,
        attestation: &messages::Attestation,
    ) -> Result<Attestation, OracleError> {
        let known = self.auditors().get(auditor).ok_or(OracleError::NoAuditor(auditor))?;
        if *known != Auditor::announced(announcement)? {
            let (expected, found) = (known.key.to_string(), announcement.oracle.to_string());
            return Err(VerifyError::Foreign { expected, found }.into());
        }
        let no_score = || OracleError::NoScore(announcement.event.id().to_owned());
        let Outcome::Number(value) = points::verify_attestation(attestation, announcement)? else {
            return Err(no_score());
        };
        let value = u16::try_from(value).map_err(|_| no_score())?;
        self.attestation(auditor, value, attestation.signatures())
    }
}
