//! What providers and auditors do, one command after the other, and what is seen of it afterwards.

use crate::support::{Finished, PATIENCE, bondstore, text, wait_for};
use crate::town::Town;
use market::{Command, Event};
use market_server::writer::Submission;
use network::api::{ContractView, SlotView};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use types::documents::{AuditKind, Challenge, SlotChallenge, SlotVerdict, Verdict};
use types::{ContractId, Epoch, Hash, Msat, Signer, Verified};

/// How many days a handover may take.
const DAYS_MAX: usize = 10;

/// Every scene.
pub(crate) async fn play(town: &mut Town) {
    let contract = stored(town);
    earned_money_goes(town);
    // Nobody has audited the slots yet, and the first verdict of an epoch counts.
    wrongly_accused(town, contract).await;
    worn_and_filled_up(town, contract).await;
    away_as_announced(town, contract).await;
    town.audit();
    town.attest();
    left(town, contract).await;
}

/// Something to keep, where two days of announced maintenance a month are free.
fn stored(town: &mut Town) -> ContractId {
    let letter = town.path("letter");
    std::fs::write(&letter, b"dear market, keep this").expect("a file can be written");
    let terms = ["--data-shards", "1", "--parity-shards", "1", "--maintenance", "2d"];
    let put = town.client(&[&["put", &letter, "letter", "--for", "90d"][..], &terms].concat());
    text(&put["contract"]).parse().expect("a name")
}

/// The directory of a slot's provider.
fn name_of(town: &Town, slot: &SlotView) -> String {
    format!("provider-{}", town.keeper(slot))
}

/// What a provider's own withdrawal leaves.
fn earned_money_goes(town: &mut Town) {
    let available = |town: &mut Town| {
        let shown = town.run(&["provider", "show"], "provider-1");
        shown["account"]["available"].as_i64().expect("an amount")
    };
    let before = available(town);
    town.run(&["provider", "withdraw", "100", "--to", "my bank"], "provider-1");
    assert_eq!(available(town), before - 100);
    let statement = town.run(&["statement"], "provider-1");
    assert!(statement["lines"].as_array().is_some_and(|lines| !lines.is_empty()), "{statement}");
}

/// A provider that says so beforehand may be away: its slot is at fault only once its notice is over.
async fn away_as_announced(town: &mut Town, contract: ContractId) {
    let slot = town.view(contract).await.slots.swap_remove(0);
    let (keeper, now) = (town.keeper(&slot), town.market.info().current_epoch.0);
    let (name, from, begun) = (name_of(town, &slot), (now + 1).to_string(), now.to_string());
    let notice = ["provider", "maintenance", "--epochs", "1", "--reason", "new disks", "--from"];
    town.run(&[&notice[..], &[&from]].concat(), &name);
    let place = town.path(&name);
    let late = [&notice[..], &[&begun, "--data", &place]].concat();
    let refused = Finished::of(bondstore(late));
    assert!(!refused.is_success() && refused.stderr.contains("has begun"), "{refused:?}");
    let states = town
        .without(keeper, async |town: &mut Town| {
            let mut states = Vec::new();
            for _ in 0..2 {
                town.day().await;
                states.push(town.view(contract).await.slots.swap_remove(0).state);
            }
            states
        })
        .await;
    assert_eq!(states, ["filled", "at_fault"]);
    town.day().await;
    assert_eq!(town.view(contract).await.slots[0].state, "filled", "it is well again");
}

/// Records a verdict, signed by the market's own key, that a slot of the contract fails every challenge.
async fn slander(town: &Town, view: &ContractView, slot: u16) -> String {
    let (market, key) = (&town.market, Town::key());
    let line = &view.slots[usize::from(slot)];
    let (epoch, beacon): (Epoch, Hash) =
        market.view(|view| (view.market.epoch(), view.market.beacon()));
    let (contract, provider, size) = (view.id, line.provider, line.size);
    let (count, kind) = (9, AuditKind::Routine);
    let challenge = Challenge {
        auditor: key.did(),
        provider,
        epoch,
        beacon,
        kind,
        slots: vec![SlotChallenge { contract, slot, size, count }],
        answer_by: network::clock::now(),
    };
    let challenge = Verified::sign(challenge, &key).expect("the market signs");
    let found =
        SlotVerdict { contract, slot, challenges: count, passed: 0, answered: true, latency_ms: 3 };
    let verdict = Verdict {
        auditor: key.did(),
        provider,
        epoch,
        kind,
        challenge: challenge.id(),
        proof: None,
        slots: vec![found],
    };
    let verdict = Verified::sign(verdict, &key).expect("the market signs");
    let (id, command) = (verdict.id(), Command::RecordVerdict(verdict));
    let evidence = vec![(challenge.id(), challenge.signed().clone())];
    let submission = Submission { evidence, ..Submission::from(command) };
    market.submit(submission).await.expect("the market believes itself");
    id.to_string()
}

/// Waits until a slot is well and its bond has lost something; gives what it holds then.
async fn worn(town: &Town, contract: ContractId, slot: usize, whole: Msat) -> Msat {
    let until = Instant::now() + PATIENCE;
    loop {
        let line = town.view(contract).await.slots.swap_remove(slot);
        if line.state == "filled" && line.bond < whole {
            return line.bond;
        }
        assert!(Instant::now() < until, "the slander costs nothing: {line:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a verdict against a provider is listed as.
fn listed(town: &mut Town, name: &str, verdict: &str) -> Value {
    let lines = town.run(&["provider", "verdicts"], name);
    let line = lines.as_array().expect("a list").iter().find(|line| line["id"] == *verdict);
    line.expect("it is listed").clone()
}

/// A market that lies: the accused disputes by command, and has its bond back.
async fn wrongly_accused(town: &mut Town, contract: ContractId) {
    let view = town.view(contract).await;
    let (keeper, name) = (town.keeper(&view.slots[0]), name_of(town, &view.slots[0]));
    let whole = view.slots[0].bond;
    let verdict = slander(town, &view, 0).await;
    let left = worn(town, contract, 0, whole).await;
    // A node that comes back asks what is held against it, and writes down what it can prove.
    town.without(keeper, async |_: &mut Town| ()).await;
    let written = Path::new(&town.path(&name)).join("objections").join(format!("{verdict}.json"));
    wait_for("the node to write its objection down", || written.exists());
    let line = listed(town, &name, &verdict);
    assert_eq!((&line["penalised"], &line["disputed"]), (&true.into(), &Value::Null));
    let mut happened = town.market.events();
    let taken = town.run(&["provider", "dispute", &verdict], &name);
    assert_eq!(town.run(&["provider", "dispute", &verdict], &name), taken, "it is judged once");
    let mut reversed = None;
    while let Ok(events) = happened.try_recv() {
        for event in events.iter() {
            if let Event::PenaltyReversed { owed, .. } = event {
                reversed = Some(*owed);
            }
        }
    }
    let owed = reversed.expect("the penalty is reversed");
    let bond = town.view(contract).await.slots[0].bond;
    assert!(bond > left, "{bond} of {whole}, after {left}");
    assert_eq!(bond.add(owed), Ok(whole), "what the market cannot give back at once, it owes");
    assert_ne!(listed(town, &name, &verdict)["disputed"], Value::Null);
    let unknown = contract.to_string();
    let refused = ["provider", "dispute", &unknown, "--data", &town.path(&name)];
    let refused = Finished::of(bondstore(refused));
    assert!(!refused.is_success() && refused.stderr.contains("provider verdicts"), "{refused:?}");
}

/// A bond that a penalty has worn is whole again once its provider fills it up.
async fn worn_and_filled_up(town: &mut Town, contract: ContractId) {
    let view = town.view(contract).await;
    let (name, whole) = (name_of(town, &view.slots[1]), view.slots[1].bond);
    slander(town, &view, 1).await;
    worn(town, contract, 1, whole).await;
    let (id, amount) = (contract.to_string(), whole.0.to_string());
    town.run(&["provider", "top-up", &id, "1", &amount], &name);
    assert_eq!(town.view(contract).await.slots[1].bond, whole);
    let nowhere = ["provider", "top-up", &id, "9", "5", "--data", &town.path(&name)];
    let refused = Finished::of(bondstore(nowhere));
    assert!(!refused.is_success() && refused.stderr.contains("has no slot 9"), "{refused:?}");
}

/// A provider that leaves serves until another has taken its slot over.
async fn left(town: &mut Town, contract: ContractId) {
    let slot = town.view(contract).await.slots.swap_remove(1);
    let name = name_of(town, &slot);
    town.run(&["provider", "leave", &contract.to_string(), "1"], &name);
    assert!(town.view(contract).await.slots[1].leaving.is_some());
    for _ in 0..DAYS_MAX {
        town.day().await;
        let now = &town.view(contract).await.slots[1];
        if now.provider != slot.provider && now.state == "filled" {
            break;
        }
    }
    let now = town.view(contract).await.slots.swap_remove(1);
    assert_ne!(now.provider, slot.provider, "another has taken over: {now:?}");
    assert_eq!((&*now.state, now.size), ("filled", slot.size), "with the same bytes");
}
