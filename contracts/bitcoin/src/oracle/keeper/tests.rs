//! An oracle that is asked twice, killed at every step, copied, damaged and looked through for what it must not show.

use super::super::points::{Outcome, verify_announcement, verify_attestation};
use super::*;
use bitcoin::Network;
use bitcoin::secp256k1::Keypair;
use bitcoin::secp256k1::schnorr::Signature;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const LATER: Timestamp = Timestamp(2_000_000_000_000_000);
const MATURITY: u32 = 1_900_000_000;

fn master() -> MasterKey {
    MasterKey::new(&[7; 64], Network::Regtest).unwrap()
}

fn open_in(folder: &Path) -> Oracle {
    Oracle::open(folder, master()).unwrap()
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("oracle");
    (directory, folder)
}

fn slot(number: u16) -> (ContractId, u16) {
    (ContractId::of(b"a contract"), number)
}

fn alone(oracle: &Oracle) -> Rule {
    Rule::alone(oracle.public_key())
}

fn name(oracle: &Oracle, number: u16) -> String {
    EventName::new(slot(number).0, number, &alone(oracle)).to_string()
}

#[test]
fn what_is_announced_is_attested_and_verified_by_anybody() {
    let (_directory, folder) = place();
    let oracle = open_in(&folder);
    for (number, score) in [0, 1, 499, 700, 1000].into_iter().enumerate() {
        let number = u16::try_from(number).unwrap();
        let announcement = oracle.announce(slot(number), MATURITY, &alone(&oracle)).unwrap();
        verify_announcement(&announcement).unwrap();
        assert_eq!(oracle.attestation(&name(&oracle, number)).unwrap(), None);
        let attestation = oracle.attest(&name(&oracle, number), score, LATER).unwrap();
        let outcome = verify_attestation(&attestation, &announcement).unwrap();
        assert_eq!(outcome, Outcome::Number(score.into()));
    }
}

#[test]
fn the_same_again_gives_the_same_bytes_and_another_outcome_is_refused_for_ever() {
    let (_directory, folder) = place();
    let oracle = open_in(&folder);
    let event = name(&oracle, 0);
    let announcement = oracle.announce(slot(0), MATURITY, &alone(&oracle)).unwrap();
    let attestation = oracle.attest(&event, 700, LATER).unwrap();
    drop(oracle);
    for _ in 0..2 {
        let oracle = open_in(&folder);
        let again = oracle.announce(slot(0), MATURITY, &alone(&oracle)).unwrap();
        assert_eq!(again.encode(), announcement.encode());
        let refused = oracle.announce(slot(0), MATURITY + 1, &alone(&oracle)).unwrap_err();
        assert!(matches!(refused, OracleError::OtherMaturity { .. }), "{refused}");
        let refused = oracle.attest(&event, 699, LATER).unwrap_err();
        let stands = matches!(refused, OracleError::Attested { attested: 700, asked: 699, .. });
        assert!(stands, "{refused}");
        assert_eq!(oracle.attest(&event, 700, LATER).unwrap().encode(), attestation.encode());
        assert_eq!(oracle.attestation(&event).unwrap(), Some(attestation.clone()));
    }
}

#[test]
fn what_is_unknown_early_shared_or_no_score_is_refused_by_name() {
    let (_directory, folder) = place();
    let oracle = open_in(&folder);
    let event = name(&oracle, 0);
    let refused = oracle.attest(&event, 1, LATER).unwrap_err();
    assert!(matches!(refused, OracleError::Unknown(_)), "{refused}");
    oracle.announce(slot(0), MATURITY, &alone(&oracle)).unwrap();
    let early = Timestamp(i64::from(MATURITY) * 1_000_000 - 1);
    let refused = oracle.attest(&event, 1, early).unwrap_err();
    assert!(matches!(refused, OracleError::Early { .. }), "{refused}");
    let refused = oracle.attest(&event, 1001, LATER).unwrap_err();
    assert!(matches!(refused, OracleError::Score(1001)), "{refused}");
    let other = Keypair::from_seckey_slice(&SECP, &[9; 32]).unwrap().x_only_public_key().0;
    let refused = oracle.announce(slot(0), MATURITY, &Rule::alone(other)).unwrap_err();
    assert!(matches!(refused, OracleError::NotNamed(1)), "{refused}");
    let both = Rule::new(2, vec![other, oracle.public_key()]).unwrap();
    oracle.announce(slot(0), MATURITY, &both).unwrap();
    let shared = EventName::new(slot(0).0, 0, &both).to_string();
    let refused = oracle.attest(&shared, 1, LATER).unwrap_err();
    assert!(matches!(refused, OracleError::Shared(_)), "{refused}");
}

/// Everything that anybody has ever seen of an oracle.
#[derive(Default)]
struct Seen {
    announced: BTreeMap<String, Vec<u8>>,
    /// By nonce: what was signed under it.
    signed: BTreeMap<Vec<u8>, (String, Signature)>,
}

impl Seen {
    fn announced(&mut self, announcement: &Announcement) {
        let bytes = announcement.encode();
        let kept = self.announced.entry(announcement.event.id().to_owned()).or_insert(bytes);
        assert_eq!(*kept, announcement.encode(), "what was announced stands");
    }

    fn attested(&mut self, attestation: &Attestation) {
        for (signature, outcome) in attestation.signatures().iter().zip(attestation.outcomes()) {
            let nonce = signature.serialize()[..32].to_vec();
            let new = (outcome.clone(), *signature);
            let kept = self.signed.entry(nonce).or_insert_with(|| new.clone());
            assert_eq!(*kept, new, "one nonce has signed two outcomes");
        }
    }
}

/// Two events announced, one attested, as far as the power lasts; everything shown is looked at.
fn live(oracle: &Oracle, score: u16, seen: &mut Seen) -> Result<(), OracleError> {
    for number in [0, 1] {
        seen.announced(&oracle.announce(slot(number), MATURITY, &alone(oracle))?);
        seen.attested(&oracle.attest(&name(oracle, number), score, LATER)?);
    }
    Ok(())
}

/// The power is cut at every step of every write, with more or less of the write on the disk, and again while the oracle comes back;
/// each time it is asked for another outcome afterwards.
#[test]
fn no_crash_at_any_step_makes_one_nonce_sign_twice() {
    let mut crashes = 0;
    for quarters in 0..=4 {
        for steps in 0.. {
            let (_directory, folder) = place();
            let mut seen = Seen::default();
            let oracle = open_in(&folder);
            oracle.book().cut_power(steps, quarters);
            let lived = live(&oracle, 700, &mut seen);
            // Without power, nothing more is signed.
            if lived.is_err() {
                assert!(live(&oracle, 699, &mut seen).is_err());
            }
            drop(oracle);
            for (again, score) in [(steps % 5, 699), (usize::MAX, 698)] {
                let oracle = open_in(&folder);
                oracle.book().cut_power(again, quarters);
                // What was decided before is refused, what was not is decided now.
                let _ = live(&oracle, score, &mut seen);
                drop(oracle);
            }
            let oracle = open_in(&folder);
            for number in [0, 1] {
                let attestation = oracle.attestation(&name(&oracle, number));
                if let Ok(Some(attestation)) = attestation {
                    seen.attested(&attestation);
                }
            }
            if lived.is_ok() {
                assert_eq!(seen.signed.len(), 2 * usize::from(SCORE_DIGITS));
                break;
            }
            crashes += 1;
        }
    }
    assert!(crashes >= 4 * 4 * 5, "{crashes} crashes: every step of four records");
}

#[test]
fn a_book_that_lost_or_changed_a_byte_is_refused_or_says_what_it_said() {
    let (_directory, folder) = place();
    let oracle = open_in(&folder);
    let event = name(&oracle, 0);
    oracle.announce(slot(0), MATURITY, &alone(&oracle)).unwrap();
    let attestation = oracle.attest(&event, 700, LATER).unwrap();
    drop(oracle);
    let mut refused = 0;
    for file in ["book", "head"] {
        let whole = fs::read(folder.join(file)).unwrap();
        let cut = (0..whole.len()).map(|end| whole[..end].to_vec());
        let flipped = (0..whole.len()).step_by(7).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        });
        for bytes in cut.chain(flipped) {
            fs::write(folder.join(file), &bytes).unwrap();
            match Oracle::open(&folder, master()) {
                Ok(oracle) => {
                    assert!(oracle.attest(&event, 699, LATER).is_err());
                    assert_eq!(oracle.attestation(&event).unwrap(), Some(attestation.clone()));
                }
                Err(OracleError::Book(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        fs::write(folder.join(file), &whole).unwrap();
    }
    assert!(refused > 500, "{refused}");
    fs::remove_file(folder.join("head")).unwrap();
    let headless = Oracle::open(&folder, master()).unwrap_err();
    assert!(matches!(headless, OracleError::Book(BookError::Damaged { .. })), "{headless}");
}

#[test]
fn a_copied_folder_signs_nothing_until_it_is_adopted_and_then_gives_up_what_was_open() {
    let (directory, folder) = place();
    let oracle = open_in(&folder);
    let (attested, open) = (name(&oracle, 0), name(&oracle, 1));
    oracle.announce(slot(0), MATURITY, &alone(&oracle)).unwrap();
    let attestation = oracle.attest(&attested, 700, LATER).unwrap();
    oracle.announce(slot(1), MATURITY, &alone(&oracle)).unwrap();
    let backup = directory.path().join("backup");
    fs::create_dir(&backup).unwrap();
    for file in ["book", "head", "lock"] {
        fs::copy(folder.join(file), backup.join(file)).unwrap();
    }
    // What the backup does not know.
    oracle.attest(&open, 500, LATER).unwrap();
    let refused = Oracle::open(&backup, master()).unwrap_err();
    assert!(matches!(refused, OracleError::Book(BookError::Copied(_))), "{refused}");
    let (restored, given_up) = Oracle::adopt(&backup, master()).unwrap();
    assert_eq!(given_up, 1);
    assert_eq!(restored.attestation(&attested).unwrap(), Some(attestation));
    let refused = restored.attest(&open, 501, LATER).unwrap_err();
    assert!(matches!(refused, OracleError::GivenUp(_)), "{refused}");
    let refused = restored.announce(slot(1), MATURITY, &alone(&restored)).unwrap_err();
    assert!(matches!(refused, OracleError::GivenUp(_)), "{refused}");
    drop(restored);
    assert!(open_in(&backup).attest(&open, 501, LATER).is_err());
}

#[test]
fn words_on_an_empty_disk_give_other_nonces_for_the_same_event() {
    let ((_one, one), (_two, two)) = (place(), place());
    let (one, two) = (open_in(&one), open_in(&two));
    let nonces = |oracle: &Oracle| {
        let announced = oracle.announce(slot(0), MATURITY, &alone(oracle)).unwrap();
        announced.event.nonces().to_vec()
    };
    let (first, second) = (nonces(&one), nonces(&two));
    assert!(first.iter().all(|nonce| !second.contains(nonce)));
}

#[test]
fn one_process_alone_has_a_folder_and_one_oracle_alone() {
    let (_directory, folder) = place();
    let oracle = open_in(&folder);
    let refused = Oracle::open(&folder, master()).unwrap_err();
    assert!(matches!(refused, OracleError::Book(BookError::InUse(_))), "{refused}");
    assert!(Oracle::adopt(&folder, master()).is_err());
    drop(oracle);
    let other = MasterKey::new(&[8; 64], Network::Regtest).unwrap();
    let refused = Oracle::open(&folder, other).unwrap_err();
    assert!(matches!(refused, OracleError::Book(BookError::OtherOracle { .. })), "{refused}");
}

#[test]
fn neither_debug_nor_errors_nor_files_show_a_secret() {
    let (_directory, folder) = place();
    let oracle = open_in(&folder);
    oracle.announce(slot(0), MATURITY, &alone(&oracle)).unwrap();
    oracle.attest(&name(&oracle, 0), 700, LATER).unwrap();
    let mut shown = format!("{oracle:?} {:?}", oracle.events());
    for error in [
        oracle.attest(&name(&oracle, 0), 1, LATER).unwrap_err(),
        oracle.attest("nothing", 1, LATER).unwrap_err(),
        Oracle::open(&folder, master()).unwrap_err(),
    ] {
        write!(shown, "{error} {error:?}").unwrap();
    }
    for file in ["book", "head", "lock"] {
        shown.push_str(&String::from_utf8(fs::read(folder.join(file)).unwrap()).unwrap());
    }
    let book = oracle.book();
    let entry = book.entry(&name(&oracle, 0)).unwrap();
    let Entry { event, index, maturity, salt, .. } = entry;
    let origin = Origin { index: *index, salt: &salt.0, event, maturity: *maturity };
    let nonces = Nonces::derive(&master(), origin, SCORE_DIGITS).unwrap();
    write!(shown, "{nonces:?}").unwrap();
    let mut secrets = nonces.secrets();
    secrets.push(master().oracle().unwrap().secret_bytes());
    secrets.push(*master().oracle_nonces(0).unwrap());
    assert_eq!(secrets.len(), 12);
    for secret in secrets {
        assert!(!shown.contains(&hex::encode(secret)), "a secret is shown");
    }
}
