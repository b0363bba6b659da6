//! Headers of Bitcoin blocks, as far as a beacon needs them: which block follows which, and what work it shows.

use sha2::{Digest, Sha256};
use types::Hash;

/// How long a header is, in bytes.
pub const LENGTH: usize = 80;
/// After so many blocks the work asked for may change.
pub(super) const PERIOD: u32 = 2_016;
/// How long so many blocks are to take, in seconds.
const FORTNIGHT: u32 = 14 * 24 * 3_600;
/// The most significant bit of a target as a header writes it is its sign.
const SIGN: u32 = 0x0080_0000;

/// A block's header, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The block's hash, first byte first.
    pub hash: Hash,
    /// The hash of the block before it.
    pub previous: Hash,
    /// When its miner says it was made, in seconds since 1970.
    pub time: u32,
    /// The target, as it is written.
    pub bits: u32,
}

impl Header {
    /// Reads one.
    pub fn read(bytes: &[u8; LENGTH]) -> Self {
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut previous = [0; 32];
        previous.copy_from_slice(&bytes[4..36]);
        let hash = Hash(Sha256::digest(Sha256::digest(bytes)).into());
        Self { hash, previous: Hash(previous), time: number(68), bits: number(72) }
    }

    /// Reads headers that stand one behind the other; nothing where the last one is cut short.
    pub fn read_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let (headers, rest) = bytes.as_chunks::<LENGTH>();
        rest.is_empty().then(|| headers.iter().map(Self::read).collect())
    }

    /// Whether its hash is below its target, and the target one that `network` has.
    pub(super) fn is_worked_for(&self, network: &Network) -> bool {
        let target = Target::read(self.bits);
        let most = Target::read(network.bits_max);
        target.is_some_and(|target| Some(target) <= most && Target::of(&self.hash) <= target)
    }
}

/// A header on `previous`, worked for: for chains on which that costs nothing, as regtest's.
pub fn worked(previous: &Hash, time: u32, bits: u32) -> [u8; LENGTH] {
    let mut header = [0; LENGTH];
    header[..4].copy_from_slice(&4u32.to_le_bytes());
    header[4..36].copy_from_slice(&previous.0);
    header[68..72].copy_from_slice(&time.to_le_bytes());
    header[72..76].copy_from_slice(&bits.to_le_bytes());
    let target = Target::read(bits);
    let nonces = (0..=u32::MAX).map(u32::to_le_bytes);
    for nonce in nonces {
        header[76..].copy_from_slice(&nonce);
        if target.is_some_and(|target| Target::of(&Header::read(&header).hash) <= target) {
            break;
        }
    }
    header
}

/// What is known of a network: how little work a block may show, and whether it must be exactly what the blocks before demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The hash of its first block, first byte first.
    pub first: Hash,
    /// What it is called.
    pub name: &'static str,
    /// The easiest target.
    pub(super) bits_max: u32,
    /// Networks that sometimes let a block off (testnets, regtest) demand no more than the least.
    pub(super) is_exact: bool,
}

/// Each network's name and first block, as Bitcoin's programs show it, with its easiest target and whether it is exact.
const NETWORKS: [(&str, &str, u32, bool); 5] = [
    (
        "bitcoin",
        "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        0x1d00_ffff,
        true,
    ),
    (
        "testnet",
        "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
        0x1d00_ffff,
        false,
    ),
    (
        "testnet4",
        "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
        0x1d00_ffff,
        false,
    ),
    (
        "signet",
        "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
        0x1e03_77ae,
        true,
    ),
    (
        "regtest",
        "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
        0x207f_ffff,
        false,
    ),
];

/// The easiest target that a block may have from which headers of Bitcoin are followed: a tenth of the mean work of blocks 804,000 to
/// 938,343, which is difficulty 10.3 million million. It follows from the least chain work that Bitcoin Core's sources of versions 26 and 31
/// name for these two blocks (`nMinimumChainWork` in `src/kernel/chainparams.cpp`).
const BITCOIN_FLOOR: u32 = 0x171b_5b29;

/// A start that its network never had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "headers are followed from a block of {network} with target {found:#010x}, which is easier than {floor:#010x}, a tenth of \
     what its blocks have asked for since block 804,000; a market must start from a block that asks for at least that much work"
)]
pub struct EasyStart {
    /// The network's name.
    pub network: &'static str,
    /// The start's target, as headers write it.
    pub found: u32,
    /// The easiest one that is believed.
    pub floor: u32,
}

impl Network {
    /// The easiest target that a start may have, where it is known how much work the network asks for. Blocks of the test networks,
    /// signet and development chains may ask for hardly any: they have no floor.
    pub fn floor(&self) -> Option<u32> {
        (self.name == "bitcoin").then_some(BITCOIN_FLOOR)
    }

    /// Whether headers may be followed from a block that asks for `bits`.
    ///
    /// # Errors
    /// [`EasyStart`] names the block's target and the floor.
    pub fn check_start(&self, bits: u32) -> Result<(), EasyStart> {
        let Some(floor) = self.floor() else { return Ok(()) };
        let is_hard = Target::read(bits).is_some_and(|target| Some(target) <= Target::read(floor));
        if is_hard { Ok(()) } else { Err(EasyStart { network: self.name, found: bits, floor }) }
    }

    /// The network that begins with `first`.
    pub fn of(first: &Hash) -> Option<Self> {
        NETWORKS.iter().find_map(|(name, shown, bits_max, is_exact)| {
            let own = turned(&shown.parse().ok()?);
            let (bits_max, is_exact) = (*bits_max, *is_exact);
            (own == *first).then_some(Self { first: own, name, bits_max, is_exact })
        })
    }

    /// The target that the blocks of the next period must have, where the last one, with blocks of target `bits`, took so many
    /// seconds.
    pub fn next_bits(&self, bits: u32, took: i64) -> u32 {
        let least = i64::from(FORTNIGHT / 4);
        let took = took.clamp(least, i64::from(FORTNIGHT) * 4);
        let took = u32::try_from(took).unwrap_or(FORTNIGHT);
        let next = Target::read(bits).map(|target| target.scaled(took, FORTNIGHT));
        let most = Target::read(self.bits_max);
        next.filter(|next| Some(*next) <= most).map_or(self.bits_max, Target::written)
    }
}

/// A hash as Bitcoin's programs show it, and back.
pub fn turned(hash: &Hash) -> Hash {
    let mut bytes = hash.0;
    bytes.reverse();
    Hash(bytes)
}

/// A number of 256 bits that a hash must not be above; most significant byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target([u8; 32]);

impl Target {
    fn of(hash: &Hash) -> Self {
        Self(turned(hash).0)
    }

    /// A target as a header writes it; nothing where it is none, or is not written in the one way in which it must be.
    fn read(bits: u32) -> Option<Self> {
        let [length, digits @ ..] = bits.to_be_bytes();
        let from = 32usize.checked_sub(length.into())?;
        let mut bytes = [0; 32];
        for (at, digit) in (from..).zip(digits) {
            match bytes.get_mut(at) {
                Some(byte) => *byte = digit,
                None if digit != 0 => return None,
                None => {}
            }
        }
        let target = Self(bytes);
        (bits & SIGN == 0 && target.written() == bits && digits != [0; 3]).then_some(target)
    }

    /// As a header writes it: how many bytes it has, and the three most significant.
    fn written(self) -> u32 {
        let first = self.0.iter().position(|byte| *byte != 0).unwrap_or(32);
        // A first byte with its top bit set would read as a sign.
        let first = if self.0.get(first).is_some_and(|byte| byte & 0x80 != 0) {
            first.saturating_sub(1)
        } else {
            first
        };
        let digit = |place: usize| self.0.get(first + place).copied().unwrap_or(0);
        let length = u8::try_from(32 - first).unwrap_or(0);
        u32::from_be_bytes([length, digit(0), digit(1), digit(2)])
    }

    /// `times` of it by `over`, rounded down; what does not fit is the greatest.
    fn scaled(self, times: u32, over: u32) -> Self {
        let mut wide = [0u8; 40];
        let mut carry = 0u64;
        for (at, place) in (0..40).rev().enumerate() {
            let byte = 31usize.checked_sub(at).map_or(0, |at| self.0[at]);
            carry += u64::from(byte) * u64::from(times);
            wide[place] = u8::try_from(carry & 0xff).unwrap_or(0);
            carry >>= 8;
        }
        let mut rest = 0u64;
        for byte in &mut wide {
            rest = rest << 8 | u64::from(*byte);
            *byte = u8::try_from(rest / u64::from(over)).unwrap_or(0xff);
            rest %= u64::from(over);
        }
        let mut bytes = [0xff; 32];
        if wide[..8] == [0; 8] {
            bytes.copy_from_slice(&wide[8..]);
        }
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str) -> Network {
        let shown = NETWORKS.iter().find(|(known, ..)| *known == name).unwrap().1;
        Network::of(&turned(&shown.parse().unwrap())).unwrap()
    }

    /// Bitcoin's block 1.
    const BLOCK_1: &str = "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000\
                           982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299";

    fn block_1() -> [u8; LENGTH] {
        let digits: Vec<u8> = BLOCK_1.bytes().filter(u8::is_ascii_hexdigit).collect();
        let mut bytes = [0; LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        bytes
    }

    #[test]
    fn bitcoins_block_1_is_read_as_everybody_reads_it() {
        let (bitcoin, header) = (network("bitcoin"), Header::read(&block_1()));
        let shown = "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048";
        assert_eq!(turned(&header.hash).to_string(), shown);
        assert_eq!((header.previous, header.time), (bitcoin.first, 1_231_469_665));
        assert!(header.is_worked_for(&bitcoin) && header.is_worked_for(&network("regtest")));
        let mut changed = block_1();
        changed[79] ^= 1;
        assert!(!Header::read(&changed).is_worked_for(&bitcoin));
        let twice = [block_1(), changed].concat();
        assert_eq!(Header::read_all(&twice), Some(vec![header, Header::read(&changed)]));
        assert_eq!(Header::read_all(&twice[..159]), None);
    }

    #[test]
    fn targets_are_written_in_one_way_only() {
        for bits in [0x1d00_ffff, 0x207f_ffff, 0x1e03_77ae, 0x1b04_04cb, 0x0312_3456] {
            assert_eq!(Target::read(bits).map(Target::written), Some(bits), "{bits:08x}");
        }
        for bits in [0, 0x2100_0001, 0x2300_0001, 0x1d80_0000, 0x1d00_00ff, 0x0212_3456, u32::MAX] {
            assert_eq!(Target::read(bits), None, "{bits:08x}");
        }
    }

    #[test]
    fn the_work_asked_for_follows_from_how_long_a_period_took() {
        let bitcoin = network("bitcoin");
        let fortnight = i64::from(FORTNIGHT);
        for (bits, took, next) in [
            // Bitcoin's first change, at block 32,256.
            (0x1d00_ffff, 1_262_152_739 - 1_261_130_161, 0x1d00_d86a),
            (0x1c00_ffff, 2 * fortnight, 0x1c01_fffe),
            (0x1c00_ffff, 0, 0x1b3f_ffc0),
            (0x1c00_ffff, -7, 0x1b3f_ffc0),
            (0x1c00_ffff, 9 * fortnight, 0x1c03_fffc),
            (0x1d00_ffff, 2 * fortnight, 0x1d00_ffff),
        ] {
            assert_eq!(bitcoin.next_bits(bits, took), next, "{bits:08x} after {took} s");
        }
    }

    #[test]
    fn networks_are_known_by_their_first_block() {
        assert_eq!(Network::of(&Hash([0; 32])), None);
        let names = NETWORKS.map(|(name, ..)| network(name).name);
        assert_eq!(names, ["bitcoin", "testnet", "testnet4", "signet", "regtest"]);
    }

    #[test]
    fn the_floor_is_a_tenth_of_the_mean_work_between_two_known_blocks() {
        // Twelve bytes of each chain work; a block's work is 2^256 over its target.
        let (early, late) =
            (0x52b2_5593_53df_4117_b734_8b64_u128, 0x1_1287_50f8_2f4c_3661_53a3_a030);
        let tenth: u128 = (late - early) / (938_343 - 804_000) / 10;
        // The floor's target is its three digits and 20 bytes behind them: times a tenth of the mean it comes to 2^256, to a digit.
        let digits = u128::from(BITCOIN_FLOOR & 0x00ff_ffff);
        let whole = 1u128 << 96;
        let quotient = whole / tenth;
        assert_eq!(BITCOIN_FLOOR >> 24, 23);
        assert_eq!(quotient, digits, "2^(256 - 160) over a tenth of the mean");
    }

    #[test]
    fn a_start_easier_than_its_networks_floor_is_none() {
        let bitcoin = network("bitcoin");
        let cases = [
            // bits, whether they are hard enough
            (0x171b_5b29, true),
            (0x171b_5b28, true),
            (0x1701_f303, true),
            (0x171b_5b2a, false),
            (0x1800_8000, false),
            (0x1d00_ffff, false),
            (0x1780_0000, false),
        ];
        for (bits, is_hard) in cases {
            assert_eq!(bitcoin.check_start(bits).is_ok(), is_hard, "{bits:#x}");
        }
        let text = bitcoin.check_start(0x1d00_ffff).unwrap_err().to_string();
        assert!(
            text.contains("bitcoin with target 0x1d00ffff, which is easier than 0x171b5b29"),
            "{text}"
        );
        for free in ["testnet", "testnet4", "signet", "regtest"] {
            let free = network(free);
            assert_eq!((free.floor(), free.check_start(0x207f_ffff)), (None, Ok(())));
        }
    }
}
