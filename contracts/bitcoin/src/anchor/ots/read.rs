//! Reading an `.ots` file, strictly: one way, one text for it, bounded.

use super::{
    ATTESTATION_MAX, BITCOIN, BYTES_MAX, MAGIC, Ots, OtsError, STEPS_MAX, Step, Trail, VERSION, tag,
};
use bitcoin::hashes::{Hash as _, sha256};

impl Ots {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`OtsError`] says what is no such file, or what of the format is not followed here.
    pub fn read(bytes: &[u8]) -> Result<Self, OtsError> {
        let mut reader = Reader { bytes, at: 0 };
        reader.open()?;
        let start = sha256::Hash::from_slice(reader.take(32)?).expect("32 bytes were taken");
        let mut trail = Trail::new(start);
        while let Some(step) = reader.step()? {
            trail = trail.step(step);
            if trail.longest() > BYTES_MAX {
                return Err(OtsError::TooLong(trail.longest()));
            }
            if trail.steps().len() > STEPS_MAX {
                return Err(OtsError::TooDeep);
            }
        }
        let height = reader.block()?;
        match bytes.len() - reader.at {
            0 => Ok(Self { trail, height }),
            more => Err(OtsError::Trailing(more)),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], OtsError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or(OtsError::Truncated(self.bytes.len()))?;
        self.at += count;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, OtsError> {
        Ok(self.take(1)?[0])
    }

    /// A number up to `most`, in as few bytes as it takes.
    fn number(&mut self, most: u64) -> Result<u64, OtsError> {
        let start = self.at;
        let mut number = 0;
        for shift in (0..).step_by(7).take(5) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let is_plain = byte != 0 || shift == 0;
                return Some(number)
                    .filter(|n| is_plain && *n <= most)
                    .ok_or(OtsError::Number(start));
            }
        }
        Err(OtsError::Number(start))
    }

    fn counted(&mut self, most: usize) -> Result<&'a [u8], OtsError> {
        let start = self.at;
        let count = self.number(most as u64)?;
        self.take(usize::try_from(count).map_err(|_| OtsError::Number(start))?)
    }

    /// Magic, version and the kind of digest.
    fn open(&mut self) -> Result<(), OtsError> {
        if !self.bytes.starts_with(MAGIC) {
            return Err(OtsError::Magic);
        }
        self.at = MAGIC.len();
        let version = self.number(u32::MAX.into())?;
        if version != u64::from(VERSION) {
            return Err(OtsError::Version(version));
        }
        let at = self.at;
        match self.byte()? {
            tag::SHA256 => Ok(()),
            found => Err(OtsError::Step { at, found }),
        }
    }

    /// The next step; nothing where the attestation begins.
    fn step(&mut self) -> Result<Option<Step>, OtsError> {
        let at = self.at;
        let found = self.byte()?;
        if found == tag::ATTESTATION {
            return Ok(None);
        }
        if found == tag::SHA256 {
            return Ok(Some(Step::Sha256));
        }
        if found != tag::APPEND && found != tag::PREPEND {
            return Err(OtsError::Step { at, found });
        }
        let length_at = self.at;
        let argument = self.counted(BYTES_MAX)?.to_vec();
        if argument.is_empty() {
            return Err(OtsError::Number(length_at));
        }
        let is_append = found == tag::APPEND;
        Ok(Some(if is_append { Step::Append(argument) } else { Step::Prepend(argument) }))
    }

    /// The height of the block that attests.
    fn block(&mut self) -> Result<u32, OtsError> {
        let kind = self.take(BITCOIN.len())?;
        let payload = self.counted(ATTESTATION_MAX)?;
        if kind != BITCOIN {
            return Err(OtsError::OtherAttestation);
        }
        let mut inside = Reader { bytes: payload, at: 0 };
        let start = self.at - payload.len();
        let height = inside.number(u32::MAX.into()).map_err(|_| OtsError::Number(start))?;
        if inside.at != payload.len() {
            return Err(OtsError::Number(start));
        }
        u32::try_from(height).map_err(|_| OtsError::Number(start))
    }
}
