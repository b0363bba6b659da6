//! A market that lies, over the wire: the provider has its answers, and evidence alone decides.

use crate::common::court::{balance, body, slander, slander_drawn};
use crate::common::provider::sign;
use crate::common::{available, client, key, sound};
use crate::life::{CLIENT, town, until};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::{Account, SlotState};
use market::Event;
use market::event::SlotId;
use market_server::verify_journal;
use std::sync::atomic::Ordering;
use types::documents::{Challenge, Maintenance, Measurement};
use types::{Epoch, Hash, Msat, SecretKey, Signer};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slandered_has_its_bond_back() {
    let town = town(7).await;
    let view = town.stored().await;
    let accused = town.holder(&view, 0);
    let (me, bond) = (accused.key.clone(), Account::Bond(view.id, 0));
    let whole = balance(&town, bond);
    let (challenge, verdict) = slander(&town, &view, 0).await;
    until("the slander costs it a part of its bond, and the slot is rebuilt", async || {
        let slot = SlotId { contract: view.id, slot: 0 };
        let state = town.market.view(|v| v.market.slot(slot).unwrap().1.state);
        state == SlotState::Filled && balance(&town, bond) < whole
    })
    .await;
    let client_has = available(&town.market, &key(CLIENT));
    let speaks = client(&town.market, &me);
    let lines = speaks.verdicts(me.did()).await.unwrap();
    let line = lines.iter().find(|line| line.id == verdict).unwrap();
    assert!(line.penalised && line.disputed.is_none());
    assert_eq!(line.challenge.as_ref(), Some(challenge.signed()), "it is told what it was asked");
    let error = client(&town.market, &key(CLIENT)).verdicts(me.did()).await.unwrap_err();
    assert_eq!(error.code(), Some("not_yours"));
    let answer = accused.prove(&challenge);
    let dispute = body(&me, verdict, &answer);
    let mut happened = town.market.events();
    let taken = speaks.dispute(&dispute).await.unwrap();
    assert_eq!(speaks.dispute(&dispute).await.unwrap(), taken, "it is judged once");
    let events = happened.recv().await.unwrap();
    let reversed = |event: &Event| match event {
        Event::PenaltyReversed { owed, to_provider, .. } => Some((*owed, *to_provider)),
        _ => None,
    };
    let (owed, to_provider) = events.iter().find_map(reversed).expect("a reversal");
    // The contract is so small that its fees do not cover what the rebuild has cost.
    assert_eq!(balance(&town, bond).add(owed), Ok(whole));
    assert_eq!(to_provider, Msat::ZERO);
    assert_eq!(balance(&town, Account::Contested(view.id, 0)), Msat::ZERO);
    assert_eq!(available(&town.market, &key(CLIENT)), client_has, "the client wins nothing by it");
    sound(&town.market);
    town.settle(view.id).await;
}

/// A challenge that could have been chosen is found by whoever decides the journal again, whichever epoch it says it is of.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_of_any_epoch_must_be_drawn_from_that_epochs_beacon() {
    type Case = (fn(Epoch, Hash) -> (Epoch, Hash), Option<&'static str>);
    let cases: [Case; 3] = [
        (|epoch, beacon| (epoch, beacon), None),
        (|epoch, _| (epoch, Hash::of(b"chosen")), Some("is drawn from")),
        (|epoch, beacon| (Epoch(epoch.0 + 1), beacon), Some("in a verdict on epoch")),
    ];
    for (draw, says) in cases {
        let town = town(7).await;
        let view = town.stored().await;
        let (epoch, beacon) = town.market.view(|v| (v.market.epoch(), v.market.beacon()));
        slander_drawn(&town, &[(&view, 0)], draw(epoch, beacon), epoch).await;
        let verified = verify_journal(town.house.place());
        match says {
            None => drop(verified.unwrap()),
            Some(says) => {
                let reason = verified.unwrap_err().to_string();
                assert!(reason.contains(says), "{reason:?} does not say {says:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_damaged_its_bytes_keeps_its_penalty() {
    let town = town(7).await;
    let view = town.stored().await;
    let guilty = town.holder(&view, 0);
    guilty.mood.damaged.store(true, Ordering::SeqCst);
    let contested = Account::Contested(view.id, 0);
    town.market.open_epoch().await.unwrap();
    until("it is found out", async || balance(&town, contested) > Msat::ZERO).await;
    let speaks = client(&town.market, &guilty.key);
    let lines = speaks.verdicts(guilty.key.did()).await.unwrap();
    let line = lines.iter().find(|line| line.penalised).unwrap();
    let challenge = line.challenge.as_ref().unwrap().verify::<Challenge>().unwrap();
    let waiting = balance(&town, contested);
    let answer = guilty.answered(&challenge);
    let disputed = speaks.dispute(&body(&guilty.key, line.id, &answer)).await;
    disputed.expect("a dispute that is dismissed is taken all the same");
    assert_eq!(balance(&town, contested), waiting, "nothing comes back");
    let mut other = body(&guilty.key, line.id, &answer);
    other.answers = BASE64.encode([1, 2, 3]);
    let error = speaks.dispute(&other).await;
    // The same document again is the same request, whatever comes with it.
    assert!(error.is_ok(), "{error:?}");
    other.answers = "not base64!".into();
    let error = speaks.dispute(&other).await.unwrap_err();
    assert_eq!(error.code(), Some("answers_malformed"));
    let strange = body(&guilty.key, types::Hash([7; 32]), &answer);
    let error = speaks.dispute(&strange).await.unwrap_err();
    assert_eq!(error.code(), Some("not_found"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_and_measurements_are_taken_from_who_may_give_them() {
    let town = town(6).await;
    let view = town.stored().await;
    let provider = &town.holder(&view, 0).key;
    let speaks = client(&town.market, provider);
    let notice = |from, key: &SecretKey| {
        let reason = "new disks".to_owned();
        sign(Maintenance { provider: key.did(), from: Epoch(from), epochs: 1, reason }, key)
    };
    speaks.announce(&notice(1, provider)).await.unwrap();
    let error = speaks.announce(&notice(0, provider)).await.unwrap_err();
    assert_eq!(error.code(), Some("invalid_field"), "{error}");
    let error = speaks.announce(&notice(1, &key(CLIENT))).await.unwrap_err();
    assert!(error.to_string().contains("publish an ask first"), "{error}");
    let measurement = |key: &SecretKey, vantage: &str| {
        let measurement = Measurement {
            auditor: key.did(),
            vantage: vantage.into(),
            provider: provider.did(),
            epoch: Epoch(0),
            probes: 4,
            answered: 4,
            first_byte_ms: 12,
            throughput: 1_000_000,
        };
        sign(measurement, key)
    };
    let error = speaks.measured(&measurement(provider, "home")).await.unwrap_err();
    assert_eq!(error.code(), Some("foreign_party"), "{error}");
    let operator = client(&town.market, &town.house.key);
    operator.measured(&measurement(&town.house.key, "eu")).await.unwrap();
    let found = town.market.view(|v| v.market.docket().measured(&provider.did(), Epoch(0)));
    assert_eq!(found.map(|measured| measured.first_byte_ms), Some(12));
    let error = speaks.probes().await.unwrap_err();
    assert_eq!(error.code(), Some("not_an_auditor"));
    town.epoch().await;
    let lines = operator.probes().await.unwrap();
    assert_eq!(lines.len(), 6);
    assert!(lines.iter().all(|line| line.read.is_some()), "every slot's provider was audited");
}
