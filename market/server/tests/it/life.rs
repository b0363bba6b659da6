//! The life of a contract over real sockets: reserved, stored, audited, broken, penalised, repaired, settled.

use crate::common::evidence::{adds_up, exported, receipted};
use crate::common::provider::{Cloud, Provider, Shards, sign, size_of};
use crate::common::{House, available, client, key, sound};
use bytes::Bytes;
use market_server::{Config, Handle, verify_journal};
use network::api::{AcceptBody, ContractView, ReviseBody};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use types::documents::{Acceptance, Confession, Quote, Request, Revision, Voucher, Withdrawal};
use types::{
    Bytes as Size, ContractId, Hash, Msat, SecretKey, Signer, Span, Terms, Timestamp, Verified,
};

pub(crate) const CLIENT: u8 = 100;
const DAYS: u64 = 10;

/// A market, providers 1 to `count`, everyone with money.
pub(crate) struct Town {
    pub(crate) house: House,
    pub(crate) market: Handle,
    pub(crate) providers: Vec<Provider>,
    cloud: Cloud,
}

pub(crate) async fn town(count: u8) -> Town {
    town_with(count, |_| ()).await
}

pub(crate) async fn town_with(count: u8, adjust: impl FnOnce(&mut Config)) -> Town {
    let house = House::founded();
    let mut config = house.config();
    adjust(&mut config);
    let market = market_server::start(config).await.unwrap();
    let cloud = Cloud::default();
    let mut providers = Vec::new();
    for number in (1..=count).chain([CLIENT]) {
        let reference = format!("start {number}");
        market.credit(key(number).did(), Msat(1_000_000_000), &reference).await.unwrap();
    }
    for number in 1..=count {
        providers.push(Provider::connect(&market, number, &cloud).await);
    }
    Town { house, market, providers, cloud }
}

pub(crate) fn usual() -> Terms {
    Terms::standard(Size(4 << 20), Span(DAYS * Span::DAY.0))
}

pub(crate) async fn quoted(market: &Handle, client_key: &SecretKey) -> Verified<Quote> {
    quoted_under(market, client_key, usual()).await
}

async fn quoted_under(market: &Handle, client_key: &SecretKey, terms: Terms) -> Verified<Quote> {
    let request = Request { client: client_key.did(), terms, nonce: 1 };
    let quote = client(market, client_key).quote(&sign(request, client_key)).await.unwrap();
    quote.verify().unwrap()
}

pub(crate) async fn agreed(town: &Town) -> ContractView {
    agreed_under(town, usual()).await
}

async fn agreed_under(town: &Town, terms: Terms) -> ContractView {
    let (me, speaks) = (key(CLIENT), client(&town.market, &key(CLIENT)));
    let quote = quoted_under(&town.market, &me, terms).await;
    let acceptance = sign(Acceptance { client: me.did(), quote: quote.id() }, &me);
    let body = AcceptBody { acceptance, quote: quote.signed().clone() };
    let view = speaks.accept(&body).await.unwrap();
    until("every slot is confirmed", async || {
        let view = speaks.contract(view.id).await.unwrap();
        view.slots.iter().all(|slot| slot.confirmed)
    })
    .await;
    speaks.contract(view.id).await.unwrap()
}

impl Town {
    pub(crate) fn holder(&self, view: &ContractView, slot: usize) -> &Provider {
        let provider = view.slots[slot].provider;
        self.providers.iter().find(|p| p.key.did() == provider).unwrap()
    }

    pub(crate) async fn view(&self, id: ContractId) -> ContractView {
        client(&self.market, &key(CLIENT)).contract(id).await.unwrap()
    }

    /// An active contract whose slots hold one shard each.
    pub(crate) async fn stored(&self) -> ContractView {
        self.stored_under(usual()).await
    }

    /// As [`Town::stored`], under other terms for as many slots.
    pub(crate) async fn stored_under(&self, terms: Terms) -> ContractView {
        let view = agreed_under(self, terms).await;
        let (me, speaks) = (key(CLIENT), client(&self.market, &key(CLIENT)));
        let mut sizes = Vec::new();
        let mut receipts = Vec::new();
        for slot in &view.slots {
            let bytes: Vec<u8> = (0..1u32 << 20)
                .map(|i| i.wrapping_mul(7 + u32::from(slot.slot)).to_le_bytes()[1])
                .collect();
            let shards: Shards = vec![Bytes::from(bytes)];
            self.cloud.lock().unwrap().insert((view.id, slot.slot), shards.clone());
            sizes.push(size_of(&shards));
            let holder = self.holder(&view, usize::from(slot.slot));
            receipts.push(holder.store((view.id, slot.slot), &shards, 1));
        }
        let layout = speaks.put_layout(view.id, Bytes::from_static(b"layout")).await.unwrap();
        assert_eq!(speaks.layout(view.id, layout).await.unwrap(), b"layout".as_slice());
        let revision =
            Revision { signer: me.did(), contract: view.id, number: 1, slots: sizes, layout };
        let body = ReviseBody { revision: sign(revision, &me), receipts };
        let view = speaks.revise(view.id, &body).await.unwrap();
        assert_eq!((view.state.as_str(), view.revision), ("active", 1));
        view
    }

    pub(crate) async fn epoch(&self) {
        self.market.open_epoch().await.unwrap();
        self.market.quiesce().await.unwrap();
        sound(&self.market);
    }

    /// Opens epochs to the contract's end and beyond its grace.
    pub(crate) async fn settle(&self, id: ContractId) -> ContractView {
        for _ in 0..=DAYS + 2 {
            self.epoch().await;
        }
        let view = self.view(id).await;
        assert_eq!((view.state.as_str(), view.escrow), ("settled", Msat::ZERO));
        assert!(view.slots.iter().all(|slot| slot.bond == Msat::ZERO));
        view
    }

    /// Stops the market and replays its journal from the genesis.
    pub(crate) async fn verify(self) {
        let journal = self.market.journal();
        adds_up(&self.market, &self.house.key).await;
        self.market.shutdown().await;
        assert_eq!(exported(&self.house, self.market.did()), journal.state_root);
        let report = verify_journal(self.house.place()).unwrap();
        assert!(report.is_sound());
        assert_eq!((report.blocks, report.replayed_head), (journal.blocks, journal.head));
        assert_eq!(report.written_root, Some((journal.blocks, journal.state_root)));
        assert!(report.documents > 0);
    }
}

pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}: waited for in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_contract_is_audited_and_paid() {
    let town = town(6).await;
    let view = town.stored().await;
    for _ in 0..5 {
        town.epoch().await;
    }
    let view = town.view(view.id).await;
    assert!(
        view.slots
            .iter()
            .all(|slot| slot.state == "filled" && slot.earned > Msat::ZERO && slot.online)
    );
    let challenged: usize =
        town.providers.iter().map(|p| p.mood.challenges.load(Ordering::SeqCst)).sum();
    assert!(challenged >= 6, "{challenged} challenges");
    // A provider may take out what it has earned before the term ends.
    let provider = &town.providers[0].key;
    let accrued = client(&town.market, provider).account(provider.did()).await.unwrap();
    assert!(accrued.accrued > Msat::ZERO && accrued.bonds > Msat::ZERO);
    let withdrawal =
        Withdrawal { party: provider.did(), amount: Msat(1), to: "x".into(), nonce: 1 };
    client(&town.market, provider).withdraw(&sign(withdrawal, provider)).await.unwrap();
    town.settle(view.id).await;
    for provider in &town.providers {
        assert!(available(&town.market, &provider.key) > Msat(1_000_000_000 - 2));
        assert_eq!(provider.slots.lock().unwrap().len(), 0, "released");
    }
    assert!(available(&town.market, &key(CLIENT)) < Msat(1_000_000_000));
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_gone_pays_and_its_slot_is_rebuilt_by_another() {
    let town = town(8).await;
    let view = town.stored().await;
    town.epoch().await;
    let (gone, before) = (view.slots[2].provider, available(&town.market, &key(CLIENT)));
    town.holder(&view, 2).kill();
    until("the market notices", async || !town.view(view.id).await.slots[2].online).await;
    for _ in 0..5 {
        town.epoch().await;
    }
    let after = town.view(view.id).await;
    assert_eq!(after.slots[2].state, "filled");
    assert_ne!(after.slots[2].provider, gone);
    assert_eq!(after.revision, 2);
    assert_eq!(available(&town.market, &key(CLIENT)), before, "the penalty can be disputed still");
    for _ in 0..3 {
        town.epoch().await;
    }
    assert!(available(&town.market, &key(CLIENT)) > before, "the client is compensated");
    let rebuilder = town.holder(&after, 2);
    assert_eq!(rebuilder.mood.rebuilds.load(Ordering::SeqCst), 1);
    town.settle(view.id).await;
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_chunk_is_found_penalised_and_rebuilt() {
    let town = town(7).await;
    let view = town.stored().await;
    town.holder(&view, 1).mood.damaged.store(true, Ordering::SeqCst);
    let bond = view.slots[1].bond;
    for _ in 0..4 {
        town.epoch().await;
    }
    let after = town.view(view.id).await;
    assert_eq!(after.slots[1].state, "filled");
    // Every chunk is wrong, so all of the bond is lost and another provider takes over.
    assert_ne!(after.slots[1].provider, view.slots[1].provider);
    let documents = town.market.documents(view.id).await.unwrap();
    let kinds: Vec<String> = documents.iter().filter_map(|(_, signed)| signed.typ()).collect();
    for kind in
        ["challenge", "proof", "verdict", "acceptance", "quote", "revision", "storage-receipt"]
    {
        assert!(
            kinds.iter().any(|k| k == &format!("bondstore.{kind}")),
            "{kind} is kept: {kinds:?}"
        );
    }
    let slashed = town.market.view(|view| {
        view.market
            .contract(&after.id)
            .unwrap()
            .shares
            .values()
            .map(|share| share.slashed.0)
            .sum::<i64>()
    });
    assert_eq!(slashed, bond.0);
    town.settle(view.id).await;
    assert!(receipted(&town.market, &key(CLIENT), view.id).await > 20);
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_signed_for_other_bytes_proves_nothing() {
    let town = town(7).await;
    let view = town.stored().await;
    town.holder(&view, 3).mood.lying.store(true, Ordering::SeqCst);
    for _ in 0..4 {
        town.epoch().await;
    }
    let after = town.view(view.id).await;
    assert_ne!(after.slots[3].provider, view.slots[3].provider);
    assert_eq!(after.slots[3].state, "filled");
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_is_unreachable_and_in_the_end_replaced() {
    let town = town_with(7, |config| config.answer_within = Duration::from_secs(3)).await;
    let view = town.stored().await;
    town.holder(&view, 0).mood.silent.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        town.epoch().await;
    }
    let after = town.view(view.id).await;
    assert_ne!(after.slots[0].provider, view.slots[0].provider);
    assert_eq!(after.slots[0].state, "filled");
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_loss_that_is_confessed_costs_less_and_is_rebuilt_in_place() {
    let town = town(6).await;
    let view = town.stored().await;
    town.epoch().await;
    let holder = town.holder(&view, 4);
    let confession = Confession {
        provider: holder.key.did(),
        contract: view.id,
        slot: 4,
        revision: 1,
        lost_bytes: 10_000,
    };
    let confession = sign(confession, &holder.key);
    let speaks = client(&town.market, &holder.key);
    speaks.confess(view.id, &confession).await.unwrap();
    speaks.confess(view.id, &confession).await.unwrap();
    town.market.quiesce().await.unwrap();
    let after = town.view(view.id).await;
    assert_eq!((after.slots[4].state.as_str(), after.revision), ("filled", 2));
    assert_eq!(after.slots[4].provider, holder.key.did());
    assert!(after.slots[4].bond < view.slots[4].bond && after.slots[4].bond > Msat::ZERO);
    assert_eq!(holder.mood.rebuilds.load(Ordering::SeqCst), 1);
    town.settle(view.id).await;
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_slots_rebuilt_at_once_get_two_revisions() {
    let town = town(6).await;
    let view = town.stored().await;
    let confess = |slot: u16| {
        let holder = town.holder(&view, usize::from(slot));
        let (provider, contract) = (holder.key.did(), view.id);
        let document = Confession { provider, contract, slot, revision: 1, lost_bytes: 1 };
        (client(&town.market, &holder.key), sign(document, &holder.key))
    };
    let ((one, first), (two, second)) = (confess(0), confess(5));
    let both = tokio::join!(one.confess(view.id, &first), two.confess(view.id, &second));
    both.0.unwrap();
    both.1.unwrap();
    town.market.quiesce().await.unwrap();
    let after = town.view(view.id).await;
    assert_eq!(after.revision, 3);
    assert!(after.slots.iter().all(|slot| slot.state == "filled"));
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_that_expired_or_were_not_made_here_are_refused_and_reads_are_paid() {
    let town = town(6).await;
    let (me, speaks) = (key(CLIENT), client(&town.market, &key(CLIENT)));
    let quote = quoted(&town.market, &me).await;
    let body = |quote: &Verified<Quote>| AcceptBody {
        acceptance: sign(Acceptance { client: me.did(), quote: quote.id() }, &me),
        quote: quote.signed().clone(),
    };
    let past = Timestamp(town.market.info().now.0 - 1);
    let expired = Quote { expires: past, ..(*quote).clone() };
    let expired = Verified::sign(expired, &town.house.key).unwrap();
    let forged = Quote { market: me.did(), ..(*quote).clone() };
    let forged = Verified::sign(forged, &me).unwrap();
    let stolen = AcceptBody {
        acceptance: sign(Acceptance { client: key(99).did(), quote: quote.id() }, &key(99)),
        quote: quote.signed().clone(),
    };
    for (body, code) in [
        (body(&expired), "quote_expired"),
        (body(&forged), "foreign_party"),
        (stolen, "foreign_party"),
    ] {
        assert_eq!(speaks.accept(&body).await.unwrap_err().code(), Some(code));
    }
    let view = town.stored().await;
    let again = AcceptBody {
        acceptance: sign(Acceptance { client: me.did(), quote: Hash::of(b"another") }, &me),
        quote: quote.signed().clone(),
    };
    assert_eq!(speaks.accept(&again).await.unwrap_err().code(), Some("invalid_field"));
    let holder = town.holder(&view, 0);
    let voucher = Voucher {
        client: me.did(),
        provider: holder.key.did(),
        contract: view.id,
        slot: 0,
        bytes: 1 << 30,
    };
    let before = available(&town.market, &holder.key);
    let voucher = sign(voucher, &me);
    for _ in 0..3 {
        client(&town.market, &holder.key).redeem(&voucher).await.unwrap();
    }
    assert_eq!(available(&town.market, &holder.key), Msat(before.0 + 11));
    sound(&town.market);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_declines_is_replaced_by_a_reserve() {
    let town = town(8).await;
    let me = key(CLIENT);
    let quote = quoted(&town.market, &me).await;
    let first = quote.slots[0].provider;
    let declining = town.providers.iter().find(|p| p.key.did() == first).unwrap();
    declining.mood.declining.store(true, Ordering::SeqCst);
    let acceptance = sign(Acceptance { client: me.did(), quote: quote.id() }, &me);
    let body = AcceptBody { acceptance, quote: quote.signed().clone() };
    let speaks = client(&town.market, &me);
    let view = speaks.accept(&body).await.unwrap();
    until("a reserve steps in", async || {
        town.view(view.id).await.slots.iter().all(|slot| slot.confirmed)
    })
    .await;
    assert_ne!(town.view(view.id).await.slots[0].provider, first);
    // The same acceptance again is the same contract; the quote is used up for any other.
    assert_eq!(speaks.accept(&body).await.unwrap().id, view.id);
    sound(&town.market);
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_and_audits_survive_a_crash_of_the_market() {
    let Town { house, market, providers, cloud } = town(6).await;
    let me = key(CLIENT);
    let quote = quoted(&market, &me).await;
    let acceptance = Acceptance { client: me.did(), quote: quote.id() };
    let acceptance: Verified<Acceptance> = Verified::sign(acceptance, &me).unwrap();
    let id = acceptance.id();
    providers.iter().for_each(Provider::kill);
    until("all are gone", async || market.connected() == 0).await;
    let command = market::Command::Accept { acceptance, quote: Box::new(quote) };
    market.submit(command).await.unwrap();
    market.kill();

    let market = house.start().await;
    let mut back = Vec::new();
    for (number, old) in (1u8..).zip(&providers) {
        back.push(Provider::again(&market, number, &cloud, old.kept()).await);
    }
    let town = Town { house, market, providers: back, cloud };
    until("every slot is confirmed", async || {
        town.view(id).await.slots.iter().all(|slot| slot.confirmed)
    })
    .await;
    sound(&town.market);
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_seeds_give_equal_quotes_and_placements() {
    let mut chosen = Vec::new();
    for _ in 0..2 {
        let town = town(9).await;
        let quote = quoted(&town.market, &key(CLIENT)).await;
        let providers: Vec<_> = quote.slots.iter().map(|slot| slot.provider).collect();
        chosen.push((providers, quote.cost));
    }
    assert_eq!(chosen[0], chosen[1]);
    assert_ne!(chosen[0].0[0].0, Hash::default().0);
}
