//! What is acknowledged is durable, what is repeated happens once, what is damaged is named.

use crate::common::{House, available, client, key, sound};
use market::Command;
use market_server::writer::{Refusal, RequestKey, Submission};
use market_server::{deposit, verify_journal};
use types::documents::{Deposit, Withdrawal};
use types::{Msat, SecretKey, Signer, Verified};

fn withdrawal(key: &SecretKey, amount: i64, nonce: u64) -> Verified<Withdrawal> {
    let (party, to) = (key.did(), "an address".to_owned());
    Verified::sign(Withdrawal { party, amount: Msat(amount), to, nonce }, key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_starts_answers_and_comes_back_as_it_was() {
    let house = House::founded();
    let market = house.start().await;
    let alice = client(&market, &key(1));
    assert_eq!(alice.info().await.unwrap().market, house.key.did());
    alice.deposit(deposit(&house.key, key(1).did(), Msat(1_000), "first").signed()).await.unwrap();
    alice.withdraw(withdrawal(&key(1), 300, 1).signed()).await.unwrap();
    assert_eq!(alice.account(key(1).did()).await.unwrap().available, Msat(700));
    let history = alice.history(key(1).did(), 0, 10).await.unwrap();
    let reasons: Vec<&str> = history.iter().map(|entry| entry.reason.as_str()).collect();
    assert_eq!(reasons, ["deposited", "withdrawn"]);
    let before = market.journal();
    market.kill();
    market.closed().await;

    let again = house.start().await;
    assert_eq!(again.journal(), before);
    assert_eq!(available(&again, &key(1)), Msat(700));
    sound(&again);
    again.shutdown().await;

    let report = verify_journal(house.place()).unwrap();
    assert!(report.is_sound());
    assert_eq!((report.blocks, report.head), (before.blocks, before.head));
    assert_eq!(report.written_root, Some((before.blocks, before.state_root)));
    let third = house.start().await;
    assert_eq!(third.journal(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_sent_one_to_five_times_in_parallel_takes_effect_once() {
    let house = House::founded();
    let market = std::sync::Arc::new(house.start().await);
    let mut sent = tokio::task::JoinSet::new();
    let mut expected = 0;
    for number in 0..200u8 {
        let amount = 1 + i64::from(number);
        expected += amount;
        let deposit = deposit(&house.key, key(number % 5).did(), Msat(amount), &number.to_string());
        for copy in 0..=(number % 5) {
            let (market, deposit) = (market.clone(), deposit.clone());
            let key = (number % 2 == 0).then(|| RequestKey {
                principal: market.did(),
                key: format!("key {number}"),
                body: deposit.id(),
            });
            sent.spawn(async move {
                if copy % 2 == 0 {
                    tokio::task::yield_now().await;
                }
                let submission = Submission { key, ..Submission::from(Command::Deposit(deposit)) };
                market.submit(submission).await.unwrap()
            });
        }
    }
    let mut effects = 0;
    while let Some(outcome) = sent.join_next().await {
        effects += outcome.unwrap().events.len();
    }
    assert_eq!(effects, 200);
    let total: i64 = (0..5).map(|number| available(&market, &key(number)).0).sum();
    assert_eq!(total, expected);
    sound(&market);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_the_first_answer_again_and_belongs_to_one_body() {
    let house = House::founded();
    let market = house.start().await;
    let keyed = |deposit: Verified<Deposit>| Submission {
        key: Some(RequestKey { principal: market.did(), key: "k".into(), body: deposit.id() }),
        ..Submission::from(Command::Deposit(deposit))
    };
    let first = deposit(&house.key, key(1).did(), Msat(5), "a");
    let other = deposit(&house.key, key(1).did(), Msat(5), "b");
    let answer = market.submit(keyed(first.clone())).await.unwrap();
    let again = market.submit(keyed(first)).await.unwrap();
    assert_eq!((answer.events.len(), again.events.len()), (1, 0));
    assert_eq!(answer.answer, again.answer);
    assert!(answer.answer.is_some());
    assert_eq!(market.submit(keyed(other)).await.unwrap_err(), Refusal::KeyReused("k".into()));
    assert_eq!(available(&market, &key(1)), Msat(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_document_sent_again_is_answered_as_at_first() {
    let house = House::founded();
    let market = house.start().await;
    market.credit(key(1).did(), Msat(100), "a").await.unwrap();
    let (first, second) = (withdrawal(&key(1), 10, 1), withdrawal(&key(1), 20, 2));
    let third = withdrawal(&key(1), 30, 2);
    for document in [&first, &second, &first, &second] {
        market.submit(Command::Withdraw(document.clone())).await.unwrap();
    }
    let refused = market.submit(Command::Withdraw(third)).await.unwrap_err();
    assert!(matches!(refused, Refusal::Rejected(_)), "{refused}");
    assert_eq!(available(&market, &key(1)), Msat(70));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_never_arrived_is_given_after_the_crash() {
    let house = House::founded();
    let market = house.start().await;
    let deposit = deposit(&house.key, key(1).did(), Msat(9), "lost reply");
    let mut blocks = market.events();
    // Whoever asked is gone before the answer; the journal has it all the same.
    let asked = tokio::spawn({
        let (market, deposit) = (market.did(), deposit.clone());
        async move { (market, deposit) }
    });
    let (_, sent) = asked.await.unwrap();
    {
        let submit = market.submit(Command::Deposit(sent));
        tokio::pin!(submit);
        tokio::select! {
            biased;
            _ = blocks.recv() => {}
            outcome = &mut submit => { outcome.unwrap(); }
        }
    }
    market.kill();
    let again = house.start().await;
    assert_eq!(available(&again, &key(1)), Msat(9));
    let outcome = again.submit(Command::Deposit(deposit)).await.unwrap();
    assert_eq!(outcome.events.len(), 0);
    assert_eq!(available(&again, &key(1)), Msat(9));
}
