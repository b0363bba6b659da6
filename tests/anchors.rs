//! What `bondstore verify` makes of anchors: receipts and `.ots` files against block headers, without a market and without a node.

#[path = "../contracts/bitcoin/tests/support/anchored.rs"]
mod anchored;

use anchored::{Anchoring, HEIGHT, content, statement};
use contracts_bitcoin::anchor::Statement;
use contracts_bitcoin::anchor::ots::Ots;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;
use types::documents::{Anchor, Deposit, Receipt, TreeHead};
use types::tree::{self, ConsistencyProof, Frontier, InclusionProof, Tip};
use types::{DocId, Hash, Msat, SecretKey, Signer, Timestamp, Verified};

/// A folder with a receipt, its anchor's chain, an anchored file and what is wrong of each.
struct Desk {
    folder: TempDir,
    receipt: Receipt,
    anchoring: Anchoring,
}

fn market() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn deposit() -> Verified<Deposit> {
    let party = SecretKey::from_seed(&[2; 32]).did();
    let reference = "bank line 1".into();
    let deposit = Deposit { market: market().did(), party, amount: Msat(7), reference };
    Verified::sign(deposit, &market()).expect("it can be signed")
}

fn entry(id: DocId) -> String {
    format!(r#"{{"at":5,"command":{{"deposit":{{"signed":"{id}"}}}},"events":[]}}"#)
}

/// A journal of `size` entries, the third of which names the deposit.
fn journal(size: usize) -> (Tip, Vec<Hash>) {
    let (mut frontier, mut nodes) = (Frontier::default(), Vec::new());
    let mine = entry(deposit().id());
    for text in ["a", "b", &mine, "d", "e", "f", "g"].into_iter().take(size) {
        frontier.append(tree::leaf(text.as_bytes()), |hash| nodes.push(hash));
    }
    (frontier.tip(), nodes)
}

impl Desk {
    /// A receipt whose head has five entries, in an anchor of a journal of `size`.
    fn with(size: usize) -> Self {
        let (tip, nodes) = journal(5);
        let (anchored, all) = journal(size);
        let market = market();
        let statement =
            Statement { market: market.did(), entries: anchored.size, root: anchored.root };
        let anchoring = Anchoring::of(&statement, 4, 3);
        let (size, root) = (tip.size, tip.root);
        let head = TreeHead { market: market.did(), size, root, block: 2, time: Timestamp(9) };
        let consistency = ConsistencyProof::make(size, anchored.size, all.as_slice());
        let consistency =
            consistency.expect("the nodes are there").filter(|_| size != anchored.size);
        let proof = anchoring.proof.clone().into();
        let receipt = Receipt {
            document: deposit().signed().clone(),
            entry: entry(deposit().id()),
            inclusion: InclusionProof::make(2, size, nodes.as_slice())
                .expect("the nodes are there")
                .expect("the leaf is there"),
            head: Verified::sign(head, &market).expect("it can be signed").signed().clone(),
            anchor: Some(Anchor { size: anchored.size, root: anchored.root, consistency, proof }),
        };
        let desk = Self { folder: TempDir::new().expect("there is room"), receipt, anchoring };
        desk.write("headers", &desk.anchoring.header_bytes());
        desk.write_receipt(&desk.receipt);
        desk
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().expect("a plain name").to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("there is room");
    }

    fn write_receipt(&self, receipt: &Receipt) {
        self.write("receipt.json", &serde_json::to_vec_pretty(receipt).expect("it can be written"));
    }

    /// `bondstore verify` with files of this folder in the places of `@name`.
    fn verify(&self, words: &[&str]) -> Output {
        let words = words.iter().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name),
            None => (*word).to_owned(),
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_bondstore"));
        command.arg("verify").args(words).output().expect("the binary runs")
    }

    fn accepted(&self, words: &[&str]) -> Value {
        let done = self.verify(&[words, &["--json"]].concat());
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).expect("JSON was asked for")
    }

    #[track_caller]
    fn refused(&self, words: &[&str], why: &str) {
        let done = self.verify(words);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains(why), "{words:?}: {said}");
    }
}

type Change = fn(&mut Anchor);

const BY_HEADERS: [&str; 5] = ["@receipt.json", "--network", "regtest", "--headers", "@headers"];

#[test]
fn a_receipt_is_proven_down_to_a_block_that_is_trusted() {
    for size in [5, 6, 7] {
        let desk = Desk::with(size);
        let shown = desk.accepted(&BY_HEADERS);
        let anchored = &shown["receipts"][0]["anchored"];
        assert_eq!((&anchored["height"], &anchored["confirmations"]), (&HEIGHT.into(), &3.into()));
        let block = desk.anchoring.proof.header.block_hash().to_string();
        assert_eq!(anchored["block"], block.as_str());
        let by_name = ["@receipt.json", "--network", "regtest", "--block", &block];
        let shown = desk.accepted(&by_name);
        assert_eq!(shown["receipts"][0]["anchored"]["confirmations"], Value::Null);
        let told = desk.verify(&BY_HEADERS);
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(told.contains(&block) && told.contains("which has 3 from itself on"), "{told}");
    }
}

#[test]
fn without_blocks_a_receipt_proves_what_it_did_before() {
    let desk = Desk::with(6);
    let shown = desk.accepted(&["@receipt.json"]);
    assert_eq!(shown["receipts"][0]["anchored"], Value::Null);
    let told = desk.verify(&["@receipt.json"]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("not checked"));
    desk.write_receipt(&Receipt { anchor: None, ..desk.receipt.clone() });
    assert_eq!(desk.accepted(&["@receipt.json"])["ok"], true);
    desk.refused(&BY_HEADERS, "the receipt has no anchor");
}

#[test]
fn whatever_is_wrong_with_an_anchor_or_with_headers_is_named() {
    let desk = Desk::with(6);
    let with = |change: &dyn Fn(&mut Anchor)| {
        let mut receipt = desk.receipt.clone();
        receipt.anchor.as_mut().map(change).expect("there is an anchor");
        desk.write_receipt(&receipt);
    };
    let cases: [(Change, &str); 8] = [
        (|anchor| anchor.root = Hash::of(b"x"), "does not continue the journal"),
        (|anchor| anchor.consistency = None, "does not continue the journal"),
        (|anchor| anchor.proof.files = "00".repeat(32), "these files come to"),
        (|anchor| anchor.proof.files = "00".into(), "cannot be read"),
        (|anchor| anchor.proof.index ^= 1, "leads to Merkle root"),
        (|anchor| anchor.proof.height = 9, "take headers that have it"),
        (|anchor| anchor.proof.height = 1, "the trusted one is"),
        (|anchor| anchor.proof.network = "bitcoin".into(), "regtest is asked for"),
    ];
    for (change, why) in cases {
        with(&change);
        desk.refused(&BY_HEADERS, why);
    }
    let foreign = Anchoring::of(&statement(), 4, 3).proof;
    with(&|anchor| anchor.proof = foreign.clone().into());
    desk.refused(&BY_HEADERS, "these files come to");
    with(&|_| ());
    let main = ["@receipt.json", "--headers", "@headers"];
    desk.refused(&main, "which is no target of bitcoin");
    let other = "00".repeat(32);
    desk.refused(&["@receipt.json", "--block", &other], "bitcoin is asked for");
    let by_name = ["@receipt.json", "--network", "regtest", "--block", &other];
    desk.refused(&by_name, "the trusted one is");
    let whole = desk.anchoring.header_bytes();
    let mut changed = whole.clone();
    changed[100] ^= 1;
    for (bytes, why) in [
        (&whole[..300], "60 bytes are left over"),
        (&whole[..160], "take headers that have it"),
        (&[][..], "there are no headers"),
        (&changed, "block 1 "),
    ] {
        desk.write("headers", bytes);
        desk.refused(&BY_HEADERS, why);
    }
    desk.write("headers", &whole[160..]);
    let later = [&BY_HEADERS[..], &["--headers-from", "2"]].concat();
    assert_eq!(desk.accepted(&later)["receipts"][0]["anchored"]["height"], HEIGHT);
}

#[test]
fn what_a_receipt_has_anchored_is_written_as_an_ots_proof_that_is_proven_again() {
    let desk = Desk::with(7);
    let written = [&BY_HEADERS[..], &["--statement", "@statement.txt"]].concat();
    desk.accepted(&written);
    let by_stamp = ["@statement.txt.ots", "--network", "regtest", "--headers", "@headers"];
    let shown = desk.accepted(&by_stamp);
    let text = std::fs::read_to_string(desk.path("statement.txt")).expect("it was written");
    assert_eq!(shown["stamps"][0]["statement"], text.as_str());
    assert_eq!(shown["stamps"][0]["height"], HEIGHT);
    desk.write("statement.txt", text.replace("entries 7", "entries 8").as_bytes());
    desk.refused(&by_stamp, "the proof is of a file with SHA-256");
    desk.refused(&["@statement.txt.ots"], "give --headers");
    desk.write("statement.txt.ots", b"nothing");
    desk.refused(&by_stamp, "this is no OpenTimestamps proof");
}

#[test]
fn a_clients_file_is_proven_by_its_own_ots_proof() {
    let desk = Desk::with(5);
    let Anchor { size, root, .. } = *desk.receipt.anchor.as_ref().expect("there is an anchor");
    let statement = Statement { market: market().did(), entries: size, root };
    let files = (&desk.anchoring.files, 1);
    let stamp = Ots::of_file(files, &statement, &desk.anchoring.proof).expect("it is short");
    desk.write("photo.jpg", &content(1));
    desk.write("photo.jpg.ots", &stamp.to_bytes());
    let words = ["@photo.jpg.ots", "--network", "regtest", "--headers", "@headers"];
    let shown = desk.accepted(&words);
    assert_eq!(
        (&shown["stamps"][0]["height"], &shown["stamps"][0]["statement"]),
        (&HEIGHT.into(), &Value::Null)
    );
    let headers = desk.anchoring.header_bytes();
    desk.write("headers", &headers[..160]);
    desk.refused(&words, "which is not among the trusted headers");
}
