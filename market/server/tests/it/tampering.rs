//! A journal that was written out fails wherever it is changed, and the error names the block that was changed.

use crate::common::court::{body, slander};
use crate::common::provider::sign;
use crate::common::{client, key};
use crate::evidence::exported;
use crate::life::{CLIENT, town, until};
use contracts::{Account, SlotState};
use market::event::SlotId;
use market_server::export::{export_journal, verify_export};
use market_server::verify::VerifyError;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::Ordering;
use types::documents::evidence::EntryNames;
use types::documents::{Cancellation, Withdrawal};
use types::{Msat, Signed, Signer};

/// The journal of a whole contract: quoted, placed and stored; one provider slandered, penalised and cleared by its dispute;
/// another caught, penalised and replaced; then left by its client, and settled.
async fn lived() -> Journal {
    let town = town(7).await;
    let (me, speaks) = (key(CLIENT), client(&town.market, &key(CLIENT)));
    let view = town.stored().await;
    let accused = town.holder(&view, 0);
    let (challenge, verdict) = slander(&town, &view, 0).await;
    until("the slander costs it a part of its bond, and the slot is rebuilt", async || {
        let slot = SlotId { contract: view.id, slot: 0 };
        town.market.view(|seen| {
            let bond = seen.market.ledger().balance(Account::Bond(view.id, 0));
            let state = seen.market.slot(slot).unwrap().1.state;
            state == SlotState::Filled && bond < view.slots[0].bond
        })
    })
    .await;
    let dispute = body(&accused.key, verdict, &accused.prove(&challenge));
    client(&town.market, &accused.key).dispute(&dispute).await.unwrap();
    town.holder(&view, 1).mood.damaged.store(true, Ordering::SeqCst);
    while town.view(view.id).await.slots[1].provider == view.slots[1].provider {
        town.epoch().await;
    }
    let cancellation = Cancellation { client: me.did(), contract: view.id };
    speaks.cancel(view.id, &sign(cancellation, &me)).await.unwrap();
    while town.view(view.id).await.state != "settled" {
        town.epoch().await;
    }
    let (party, to) = (me.did(), "an address".to_owned());
    let withdrawal = Withdrawal { party, amount: Msat(4), to, nonce: 1 };
    speaks.withdraw(&sign(withdrawal, &me)).await.unwrap();
    let mut file = Vec::new();
    export_journal(town.house.place(), &mut file).unwrap();
    Journal::of(file)
}

/// The part of a journal that a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The first line: block 0.
    Beginning,
    Block(u64),
    /// The last line.
    End,
}

/// What a line is in its block; an entry is of a command, a document of a type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Beginning,
    Document(String),
    Entry(String),
    Seal,
    End,
}

#[derive(Clone)]
struct Line {
    /// Its bytes, its end among them.
    at: Range<usize>,
    part: Part,
    kind: Kind,
}

struct Journal {
    file: Vec<u8>,
    lines: Vec<Line>,
    blocks: u64,
}

impl Journal {
    fn of(file: Vec<u8>) -> Self {
        let (mut lines, mut blocks, mut start) = (Vec::new(), 0, 0);
        for line in file.split_inclusive(|byte| *byte == b'\n') {
            let kind = kind(std::str::from_utf8(line).unwrap().trim_end());
            let part = match kind {
                Kind::Beginning => Part::Beginning,
                Kind::End => Part::End,
                _ => Part::Block(blocks + 1),
            };
            blocks += u64::from(kind == Kind::Seal);
            let at = start..start + line.len();
            start = at.end;
            lines.push(Line { at, part, kind });
        }
        let journal = Self { file, lines, blocks };
        let report = verify_export(journal.file.as_slice(), None).unwrap();
        assert_eq!(report.blocks, blocks);
        journal
    }

    /// `changed`, for which something in `part` was changed, fails, and the error names that part.
    fn fails(&self, changed: &[u8], part: Part, what: &str) {
        let error = match verify_export(changed, None) {
            Err(error) => error,
            Ok(report) => panic!("{what} in {part:?} was not noticed: {report:?}"),
        };
        let named = match &error {
            VerifyError::Genesis(_) => (Part::Beginning, 0),
            VerifyError::Block { block, .. } => (Part::Block(*block), *block),
            VerifyError::End { block, .. } => (Part::End, *block),
        };
        let block = match part {
            Part::Beginning => 0,
            Part::Block(block) => block,
            Part::End => self.blocks,
        };
        assert_eq!(named, (part, block), "{what}: {error}");
        assert!(error.to_string().contains(&format!("block {block}")), "{what}: {error}");
    }

    /// The byte at `at`, in `line`, is another.
    fn fails_with(&self, line: &Line, at: usize, byte: u8) {
        let mut changed = self.file.clone();
        let was = std::mem::replace(&mut changed[at], byte);
        let what = format!("byte {at}, {byte:#x} for {was:#x}, in {:?}", line.kind);
        self.fails(&changed, line.part, &what);
    }

    fn bytes(&self, line: &Line) -> &[u8] {
        &self.file[line.at.clone()]
    }

    fn joined(&self, lines: &[&Line]) -> Vec<u8> {
        lines.iter().flat_map(|line| self.bytes(line)).copied().collect()
    }

    /// The lines with line `at` left out, with it twice, with it behind the next, and the lines before it alone.
    fn fails_without_twice_or_swapped(&self, at: usize) {
        let lines: Vec<&Line> = self.lines.iter().collect();
        let (line, last) = (lines[at], at + 1 == lines.len());
        let mut fewer = lines.clone();
        fewer.remove(at);
        self.fails(&self.joined(&fewer), line.part, &format!("without line {at}"));
        let mut more = lines.clone();
        more.insert(at, line);
        // A second seal is what the next block would begin with, and so is a second beginning.
        let part = match (line.part, &line.kind) {
            (Part::Beginning, _) if self.blocks > 0 => Part::Block(1),
            (Part::Block(block), Kind::Seal) => Part::Block(block + 1),
            (part, _) => part,
        };
        self.fails(&self.joined(&more), part, &format!("line {at} twice"));
        if !last {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            self.fails(&self.joined(&swapped), line.part, &format!("line {at} later"));
        }
        let part = match lines[..at].last().map(|line| (line.part, &line.kind)) {
            None => Part::Beginning,
            // Whoever has whole blocks alone cannot know how many there were; the error says behind which it ends.
            Some((Part::Block(block), Kind::Seal)) => return self.ends(&lines[..at], block),
            Some((Part::Beginning, _)) => return self.ends(&lines[..at], 0),
            Some((part, _)) => part,
        };
        self.fails(&self.joined(&lines[..at]), part, &format!("{at} lines alone"));
    }

    /// `lines`, after which nothing comes, are said to have no end behind `block`.
    fn ends(&self, lines: &[&Line], block: u64) {
        let error = verify_export(self.joined(lines).as_slice(), None).unwrap_err();
        let ends = matches!(&error, VerifyError::End { block: named, reason }
            if *named == block && reason.contains("without an end"));
        assert!(ends, "{} lines: {error}", lines.len());
    }
}

fn kind(line: &str) -> Kind {
    let within = |before, behind| line.strip_prefix(before)?.strip_suffix(behind);
    if let Some(document) = within("{\"document\":\"", "\"}") {
        return Kind::Document(Signed(document.to_owned()).typ().unwrap());
    }
    if let Some(entry) = within("{\"entry\":", "}") {
        return Kind::Entry(EntryNames::read(entry).unwrap().kind().to_owned());
    }
    match line {
        _ if line.starts_with("{\"journal\":") => Kind::Beginning,
        _ if line.starts_with("{\"block\":") => Kind::Seal,
        _ if line.starts_with("{\"end\":") => Kind::End,
        _ => panic!("no journal's line: {line}"),
    }
}

/// What is put in a byte's place: each of its bits the other way, another digit, the other case, a line's end, a space.
fn substitutes(byte: u8) -> Vec<u8> {
    let mut others: Vec<u8> = (0..8).map(|bit| byte ^ (1 << bit)).collect();
    if byte.is_ascii_digit() {
        others.extend([b'0' + (byte - b'0' + 1) % 10, b'0' + (byte - b'0' + 7) % 10]);
    }
    if byte.is_ascii_alphabetic() {
        others.extend([byte ^ 0x20, if byte.eq_ignore_ascii_case(&b'q') { b'z' } else { b'q' }]);
    }
    others.extend(b"\n 0".iter().filter(|other| **other != byte));
    others
}

/// Chance from a seed (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % bound).unwrap()
    }

    fn of<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Issue 3, "It must show", 6: every position of a small journal.
#[tokio::test(flavor = "multi_thread")]
async fn any_changed_byte_fails_and_the_error_names_its_block() {
    let journal = Journal::of(exported().await.1);
    let mut chance = Chance(1);
    for line in &journal.lines {
        for at in line.at.clone() {
            let byte = chance.of(&substitutes(journal.file[at]));
            journal.fails_with(line, at, byte);
        }
    }
}

/// What ended a line is text or none: either way it belongs to the part of the line that it ended.
#[tokio::test(flavor = "multi_thread")]
async fn lines_that_run_into_each_other_fail_where_they_do() {
    let journal = Journal::of(exported().await.1);
    for line in &journal.lines {
        for byte in [b' ', 0x8a] {
            journal.fails_with(line, line.at.end - 1, byte);
        }
    }
}

/// Issue 3, "It must show", 6: a contract's whole life, in which positions are drawn from every block, from every kind of line,
/// from entries of every command and documents of every type that it has.
#[tokio::test(flavor = "multi_thread")]
async fn any_changed_byte_of_a_contracts_life_fails_and_the_error_names_its_block() {
    let journal = lived().await;
    let kinds: BTreeSet<&Kind> = journal.lines.iter().map(|line| &line.kind).collect();
    for command in [
        "deposit",
        "withdraw",
        "publish_ask",
        "accept",
        "confirm",
        "revise",
        "open_epoch",
        "record_verdict",
        "dispute",
        "replace",
        "finish_rebuild",
        "release",
        "cancel",
        "settle",
    ] {
        assert!(kinds.contains(&Kind::Entry(command.into())), "{command} is missing: {kinds:?}");
    }
    for typ in ["quote", "acceptance", "challenge", "proof", "verdict", "dispute", "settlement"] {
        let typ = Kind::Document(format!("bondstore.{typ}"));
        assert!(kinds.contains(&typ), "{typ:?} is missing: {kinds:?}");
    }
    let mut chance = Chance(2);
    // From every block a document, an entry and its seal, as far as it has them.
    let mut groups: BTreeMap<(Part, usize), Vec<&Line>> = BTreeMap::new();
    for line in &journal.lines {
        let group = match &line.kind {
            Kind::Document(_) => 0,
            Kind::Entry(_) => 1,
            Kind::Beginning | Kind::Seal | Kind::End => 2,
        };
        groups.entry((line.part, group)).or_default().push(line);
    }
    let mut drawn: Vec<(&Line, usize)> = groups.values().map(|of| (chance.of(of), 1)).collect();
    // Of each kind one line more closely, first byte and end among it.
    for kind in kinds {
        let of: Vec<&Line> = journal.lines.iter().filter(|line| line.kind == *kind).collect();
        let line = chance.of(&of);
        for at in [line.at.start, line.at.end - 1] {
            journal.fails_with(line, at, chance.of(&substitutes(journal.file[at])));
        }
        drawn.push((line, 6));
    }
    for (line, times) in drawn {
        for _ in 0..times {
            let at = line.at.start + chance.below(line.at.len());
            journal.fails_with(line, at, chance.of(&substitutes(journal.file[at])));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_left_out_twice_or_swapped_fail_where_they_are() {
    let small = Journal::of(exported().await.1);
    (0..small.lines.len()).for_each(|at| small.fails_without_twice_or_swapped(at));
    let journal = lived().await;
    let mut chance = Chance(3);
    for _ in 0..20 {
        journal.fails_without_twice_or_swapped(chance.below(journal.lines.len()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_off_or_goes_on_fails_at_its_end() {
    let journal = Journal::of(exported().await.1);
    let (end, file) = (journal.lines.last().unwrap(), &journal.file);
    for at in end.at.clone() {
        journal.fails(&file[..at], Part::End, &format!("cut off at byte {at}"));
    }
    let document = journal.lines.iter().find(|line| matches!(line.kind, Kind::Document(_)));
    let document = journal.bytes(document.unwrap());
    let behind: [&[u8]; 7] = [b"\n", b"x", b" ", b"{}\n", &[0xff], document, journal.bytes(end)];
    for more in behind {
        journal.fails(&[file, more].concat(), Part::End, &format!("{more:?} behind it"));
    }
    for line in &journal.lines[1..] {
        let Part::Block(block) = line.part else { continue };
        let cut = verify_export(&file[..line.at.end - 1], None).unwrap_err();
        // Before anything of a block is whole, it is the end that is missing behind the block before.
        let named = match cut {
            VerifyError::Block { block, .. } => block,
            VerifyError::End { block, .. } => block + 1,
            VerifyError::Genesis(_) => 0,
        };
        assert_eq!(named, block, "{cut}");
    }
}
