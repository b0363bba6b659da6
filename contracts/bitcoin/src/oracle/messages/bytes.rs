//! How dlcspecs writes numbers, texts, lists and records (BOLT 1's `BigSize` and TLV).

use super::MessageError;
use bitcoin::secp256k1::XOnlyPublicKey;
use bitcoin::secp256k1::schnorr::Signature;

/// Appends a number in the shortest of `BigSize`'s four forms.
pub(super) fn put_big_size(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    match number {
        0..=0xfc => out.push(bytes[7]),
        0xfd..=0xffff => {
            out.push(0xfd);
            out.extend(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xfe);
            out.extend(&bytes[4..]);
        }
        _ => {
            out.push(0xff);
            out.extend(bytes);
        }
    }
}

/// Appends a list's length, which was checked to fit when the list was made.
pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u16::try_from(count).expect("lists are made with at most 65535 items");
    out.extend(count.to_be_bytes());
}

/// Appends a text behind its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_big_size(out, text.len() as u64);
    out.extend(text.as_bytes());
}

/// Appends a record: type, length, body.
pub(super) fn put_tlv(out: &mut Vec<u8>, kind: u64, body: &[u8]) {
    put_big_size(out, kind);
    put_big_size(out, body.len() as u64);
    out.extend(body);
}

/// What of some bytes has not been read yet.
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], MessageError> {
        let Some((taken, left)) = self.left.split_at_checked(count) else {
            return Err(MessageError::Short(count.saturating_sub(self.left.len())));
        };
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("so many bytes were taken"))
    }

    pub(super) fn u16(&mut self) -> Result<u16, MessageError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, MessageError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, MessageError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn flag(&mut self) -> Result<bool, MessageError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(MessageError::Flag(other)),
        }
    }

    pub(super) fn big_size(&mut self) -> Result<u64, MessageError> {
        let [first] = self.array()?;
        let (number, least) = match first {
            0xff => (u64::from_be_bytes(self.array()?), 0x1_0000_0000),
            0xfe => (u64::from(self.u32()?), 0x1_0000),
            0xfd => (u64::from(self.u16()?), 0xfd),
            small => (u64::from(small), 0),
        };
        if number < least { Err(MessageError::Number(number)) } else { Ok(number) }
    }

    fn sized(&mut self) -> Result<&'a [u8], MessageError> {
        let length = self.big_size()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    pub(super) fn text(&mut self) -> Result<String, MessageError> {
        let bytes = self.sized()?;
        str::from_utf8(bytes).map(str::to_owned).map_err(|_| MessageError::Utf8)
    }

    pub(super) fn point(&mut self) -> Result<XOnlyPublicKey, MessageError> {
        XOnlyPublicKey::from_slice(self.take(32)?).map_err(|_| MessageError::Point)
    }

    pub(super) fn signature(&mut self) -> Result<Signature, MessageError> {
        let bytes = self.take(64)?;
        Ok(Signature::from_slice(bytes).expect("a signature is any 64 bytes"))
    }

    /// A list behind its length. What it says of its length reserves no memory.
    pub(super) fn list<T>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, MessageError>,
    ) -> Result<Vec<T>, MessageError> {
        let count = self.u16()?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// The next record: its type, and its body alone.
    pub(super) fn tlv(&mut self) -> Result<(u64, Self), MessageError> {
        let kind = self.big_size()?;
        Ok((kind, Self { left: self.sized()? }))
    }

    pub(super) fn tlv_of(&mut self, expected: u64) -> Result<Self, MessageError> {
        match self.tlv()? {
            (kind, body) if kind == expected => Ok(body),
            (found, _) => Err(MessageError::Type { expected, found }),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), MessageError> {
        match self.left.len() {
            0 => Ok(()),
            left => Err(MessageError::Trailing(left)),
        }
    }
}
