//! Documents as a market and a client sign them, and receipts of a journal that has them.

use crate::world::{MARKET, did, secret};
use network::api::{AgreedView, ContractView, SlotView};
use std::collections::BTreeMap;
use types::documents::{Acceptance, Quote, QuotedSlot, Receipt, Reservation, SlotSize, TreeHead};
use types::terms::RailKind;
use types::tree::{self, Frontier, InclusionProof, Tip};
use types::{
    Bytes, CostVector, Did, DocId, GbPrice, Hash, Msat, Price, Redundancy, SecretKey, Signed,
    Signer, SlotCost, Span, Terms, Timestamp, Verified,
};

/// Long before it, and long after it.
pub(crate) const NEVER: Timestamp = Timestamp(4_000_000_000_000_000);

/// A contract as its market shows it, and the receipts of what it rests on.
pub(crate) struct Papers {
    pub(crate) view: ContractView,
    pub(crate) receipts: BTreeMap<DocId, Receipt>,
}

impl Papers {
    /// `market` has signed the quote, and `client` has accepted it.
    pub(crate) fn of(quote: Quote, market: &SecretKey, client: &SecretKey) -> Self {
        let quote = Verified::sign(Quote { market: market.did(), ..quote }, market).unwrap();
        let acceptance = Acceptance { client: client.did(), quote: quote.id() };
        let acceptance = Verified::sign(acceptance, client).unwrap();
        let (accepted, quoted) = (acceptance.id(), quote.id());
        let entry = format!(
            r#"{{"at":5,"command":{{"accept":{{"acceptance":{{"signed":"{accepted}"}},"quote":{{"signed":"{quoted}"}}}}}},"events":[]}}"#
        );
        let receipt = |document: &Signed| (document.id(), receipt(document, &entry));
        let receipts = [receipt(acceptance.signed()), receipt(quote.signed())];
        let view = view(accepted, &quote);
        Self { view, receipts: receipts.into_iter().collect() }
    }
}

/// What the market of these tests has in its journal.
pub(crate) fn receipt(document: &Signed, entry: &str) -> Receipt {
    let (mut frontier, mut nodes) = (Frontier::default(), vec![]);
    for text in ["before", entry, "after"] {
        frontier.append(tree::leaf(text.as_bytes()), |hash| nodes.push(hash));
    }
    let Tip { size, root } = frontier.tip();
    let head = TreeHead { market: did(MARKET), size, root, block: 2, time: Timestamp(9) };
    Receipt {
        document: document.clone(),
        entry: entry.to_owned(),
        inclusion: InclusionProof::make(1, size, nodes.as_slice()).unwrap().unwrap(),
        head: Verified::sign(head, &secret(MARKET)).unwrap().signed().clone(),
        anchor: None,
    }
}

/// The head of a receipt's journal, as party `signer` signs it.
pub(crate) fn head(signer: u8, receipt: &Receipt) -> Signed {
    let head: Verified<TreeHead> = receipt.head.verify().unwrap();
    let head = TreeHead { market: did(signer), ..head.into_inner() };
    Verified::sign(head, &secret(signer)).unwrap().signed().clone()
}

/// Quote `number`, of these providers; whoever else there is stands by.
pub(crate) fn quote(number: u8, providers: &[u8]) -> Quote {
    let count = u16::try_from(providers.len()).unwrap();
    let redundancy = Redundancy { data: count - 1, parity: 1 };
    let standard = Terms::standard(Bytes(8 << 30), Span(30 * Span::DAY.0));
    let rail = RailKind::Bitcoin;
    let terms = Terms { redundancy, rail, bond_ratio_permille: 1_000, ..standard };
    let slots: Vec<QuotedSlot> = providers.iter().map(|number| quoted(did(*number))).collect();
    let others = (2..8).filter(|number| !providers.contains(number));
    let cost = slots.iter().fold(CostVector::default(), |sum, slot| {
        let SlotCost { base, premium, bonus, ingress } = slot.cost;
        sum.add(&CostVector { storage: base, premium, bonus, ingress, ..CostVector::default() })
            .unwrap()
    });
    Quote {
        market: did(MARKET),
        client: did(crate::world::CLIENT),
        request: Hash([number; 32]),
        counter: None,
        round: 0,
        audit: contracts::audit_plan::plan(&terms),
        terms,
        epoch: Span::DAY,
        epochs: 30,
        slots,
        reserves: others.map(|number| quoted(did(number))).collect(),
        cost: CostVector { network_fee: Msat(3_000_400), escrow_fee: Msat(1_000_300), ..cost },
        excluded: vec![],
        excluded_count: 0,
        issued: Timestamp(4),
        expires: NEVER,
    }
}

fn view(id: DocId, quote: &Quote) -> ContractView {
    let slots = (0..).zip(&quote.slots).map(|(number, quoted)| slot(number, quoted.clone()));
    ContractView {
        id,
        state: "agreed".into(),
        client: quote.client,
        terms: quote.terms.clone(),
        cost: quote.cost,
        revision: 0,
        layout: None,
        first_epoch: None,
        epochs: quote.epochs,
        store_by: NEVER,
        ends: None,
        left: false,
        extensions: 0,
        agreed: AgreedView::default(),
        escrow: Msat::ZERO,
        slots: slots.collect(),
    }
}

/// What a market asks a provider before it confirms a slot.
pub(crate) fn reservation(view: &ContractView, slot: &SlotView) -> Verified<Reservation> {
    let reservation = Reservation {
        market: did(MARKET),
        provider: slot.provider,
        client: view.client,
        contract: view.id,
        slot: slot.slot,
        capacity: view.terms.slot_capacity(),
        redundancy: view.terms.redundancy,
        shard_bytes: view.terms.shard_bytes,
        quoted: slot.quoted.clone(),
        rebuild: None,
        rail: RailKind::Bitcoin,
        answer_by: slot.answer_by,
    };
    Verified::sign(reservation, &secret(MARKET)).unwrap()
}

/// What everybody asks.
pub(crate) fn quoted(provider: Did) -> QuotedSlot {
    let cost = SlotCost {
        base: Msat(900_000_400),
        premium: Msat(50_000_000),
        bonus: Msat(30_000_000),
        ingress: Msat(20_000_000),
    };
    QuotedSlot {
        provider,
        ask: Hash([9; 32]),
        price: Price::whole(100),
        egress: GbPrice::whole(20_000_000),
        ingress: GbPrice::whole(1_000_000),
        minimum_use: Bytes(0),
        cost,
        bond: Msat(1_500_000_700),
        held_bond_max: Msat::ZERO,
    }
}

/// What a provider asks that comes when half of the term is over.
pub(crate) fn later(provider: Did) -> QuotedSlot {
    let whole = quoted(provider);
    let half = SlotCost { base: Msat(450_000_200), bonus: Msat(15_000_000), ..whole.cost };
    QuotedSlot { cost: half, ..whole }
}

/// A slot that its provider has confirmed.
pub(crate) fn slot(slot: u16, quoted: QuotedSlot) -> SlotView {
    SlotView {
        slot,
        state: "reserved".into(),
        confirmed: true,
        answer_by: NEVER,
        provider: quoted.provider,
        endpoint: Some("http://127.0.0.1:1".into()),
        online: true,
        quoted,
        size: SlotSize::default(),
        earned: Msat::ZERO,
        bond: Msat::ZERO,
        capacity: Bytes(0),
        slashed: Msat::ZERO,
        leaving: None,
    }
}
