//! The tables of `market/tests/states`, through the writer and in both databases: the same answer, the same state, and
//! the same state once more when the database is opened anew.

use super::super::{Submission, Work};
use super::tests::{attempt, idle};
use super::*;
use crate::progress::Progress;
use crate::replay::replay;
use crate::store::driver::{Driver, Postgres};
use crate::store::tests::cluster;
use common::World;
use market::Command;
use table::{CONTRACTS, FILLINGS, Line, SHORT, SLOTS, STAGES, at_slot, at_stage};
use tempfile::TempDir;
use types::{ContractId, Did, Hash, SecretKey};

#[path = "../../../../tests/common/mod.rs"]
#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;
#[path = "../../../../tests/states/table.rs"]
#[expect(dead_code, reason = "the list of commands is the other test's")]
mod table;

/// How long the lock of a connection that was dropped may last.
const RELEASED_WITHIN: Duration = Duration::from_secs(30);

/// The market of every story, whose signatures nobody reads.
struct Stamp;

impl Signer for Stamp {
    fn did(&self) -> Did {
        common::did(common::MARKET)
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [0; 64]
    }
}

/// Where databases are made: one after the other, each empty.
struct Databases {
    dir: TempDir,
    postgres: Option<String>,
    count: u32,
}

impl Databases {
    fn new(postgres: Option<String>) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), postgres, count: 0 }
    }

    fn next(&mut self) -> Place {
        self.count += 1;
        let name = format!("cell{}", self.count);
        let Some(url) = &self.postgres else { return Place::Directory(self.dir.path().join(name)) };
        let script = format!("CREATE SCHEMA {name}");
        Postgres::connect(url).unwrap().script(script.leak()).unwrap();
        Place::Postgres(format!("{url}&options[search_path]={name}"))
    }
}

/// The writer of a new database, in which everything has happened that has happened in `world`.
fn written(place: &Place, world: &World) -> Thread {
    let genesis = world.market.genesis().clone();
    crate::found(place, &SecretKey::from_seed(&[1; 32]), |_, _| genesis).unwrap();
    let store = Store::open(place, None).unwrap();
    let clock = Clock::standing_at(world.now);
    let mut thread = idle(place.clone(), &store, (clock, Arc::new(Stamp)));
    let asked = Instant::now();
    while !thread.take_office(&store).unwrap() {
        assert!(asked.elapsed() < RELEASED_WITHIN, "the last writer's lock is still held");
        std::thread::sleep(Duration::from_millis(5));
    }
    thread.store = Some(store);
    for at_once in world.book.history.chunk_by(|one, next| one.0 == next.0) {
        let (now, commands) = (at_once[0].0, at_once.iter().map(|(_, command)| command));
        let names: Vec<_> = commands.clone().map(Command::name).collect();
        let done = answers(&mut thread, now, commands.cloned());
        assert!(done.iter().all(|answer| *answer == "taken"), "{names:?}: {done:?}");
    }
    assert_eq!(thread.working.root(), world.market.root(), "the writer's state is the market's");
    thread
}

/// What the writer answers to commands at one time: taken, - where nothing happens, or the refusal's code.
fn answers(
    thread: &mut Thread,
    now: Timestamp,
    commands: impl Iterator<Item = Command>,
) -> Vec<&'static str> {
    thread.clock = Clock::standing_at(now);
    let work = |command: Command| Work::Decide(Box::new(Submission::from(command)));
    let outcomes = attempt(thread, commands.map(work).collect()).unwrap();
    let answer = |outcome: Result<Outcome, Refusal>| match outcome {
        Ok(outcome) if outcome.events.is_empty() => "-",
        Ok(_) => "taken",
        Err(Refusal::Rejected(rejection)) => rejection.code(),
        Err(other) => panic!("{other}"),
    };
    outcomes.into_iter().map(answer).collect()
}

/// The state that a database gives to whoever opens it.
fn reopened(place: &Place) -> Hash {
    let store = Store::open_for_reading(place).unwrap();
    replay(&store, true, &Progress::default()).unwrap().market.root()
}

/// What brings a contract to a stage, by the stage's name.
type Staging = fn(&str) -> (World, ContractId);

/// Every line of a column, each in a database of its own where anything changes in it.
fn column(
    databases: &mut Databases,
    (at, name): (Staging, &str),
    lines: &mut dyn Iterator<Item = (&'static str, table::Make)>,
) {
    let (stage, _) = at(name);
    let shared = databases.next();
    let mut unchanged = None;
    let (mut changing, mut checked) = (Vec::new(), 0);
    for (expected, make) in lines {
        let (mut world, contract) = at(name);
        let command = make(&mut world, contract);
        let code = SHORT.iter().find(|(_, short)| *short == expected);
        let expected = code.map_or(expected, |(code, _)| code);
        let is_known = |(_, done): &(Timestamp, Command)| {
            let document = command.documents().first().map(|(id, _)| *id);
            document.is_some() && document == done.documents().first().map(|(id, _)| *id)
        };
        // The writer knows what it has taken, whatever has become of it.
        let known = world.book.history.iter().any(is_known);
        let expected = if known { "-" } else { expected };
        let what = format!("{} at {name}", command.name());
        let (now, probe) = (world.now, std::iter::once(command.clone()));
        if expected != "taken" && world.book.history.len() == stage.book.history.len() {
            // Only one at a time writes to a database that is shared.
            let thread = unchanged.get_or_insert_with(|| written(&shared, &stage));
            assert_eq!(answers(thread, now, probe), [expected], "{what}");
            assert_eq!(thread.working.root(), stage.market.root(), "{what}: nothing changed");
        } else {
            changing.push((expected, make));
        }
        checked += 1;
    }
    drop(unchanged);
    for (expected, make) in changing {
        let (mut world, contract) = at(name);
        let command = make(&mut world, contract);
        let what = format!("{} at {name}", command.name());
        let (now, probe) = (world.now, std::iter::once(command.clone()));
        let place = databases.next();
        let mut thread = written(&place, &world);
        assert_eq!(answers(&mut thread, now, probe), [expected], "{what}");
        if expected == "taken" {
            world.done(&command);
        }
        assert_eq!(thread.working.root(), world.market.root(), "{what}: the same state");
        drop(thread);
        assert_eq!(reopened(&place), world.market.root(), "{what}: and when it is reopened");
    }
    assert_eq!(reopened(&shared), stage.market.root(), "{name}, when it is reopened");
    assert!(checked >= 29, "every command has its line");
}

/// Drives a table through the writer, column by column.
fn driven(
    postgres: Option<String>,
    (table, columns): (&'static [Line], &[&'static str]),
    at: fn(&str) -> (World, ContractId),
) {
    let mut databases = Databases::new(postgres);
    for (number, name) in columns.iter().enumerate() {
        let cell = |(row, make): &Line| {
            (row.split(' ').nth(number).expect("each line has a word for each column"), *make)
        };
        column(&mut databases, (at, name), &mut table.iter().map(cell));
    }
}

#[test]
fn every_command_in_every_state_of_a_contract_in_sqlite() {
    driven(None, (CONTRACTS, &STAGES), at_stage);
}

#[test]
fn every_command_in_every_state_of_a_slot_in_sqlite() {
    driven(None, (FILLINGS, &SLOTS), at_slot);
}

#[test]
fn every_command_in_every_state_of_a_contract_in_postgresql() {
    let Some(url) = cluster::new_database() else { return };
    driven(Some(url), (CONTRACTS, &STAGES), at_stage);
}

#[test]
fn every_command_in_every_state_of_a_slot_in_postgresql() {
    let Some(url) = cluster::new_database() else { return };
    driven(Some(url), (FILLINGS, &SLOTS), at_slot);
}
