//! A provider that keeps its slots in memory and speaks the real stream protocol.

use super::{client, key};
use bytes::Bytes;
use market_server::Handle;
use network::api::{RebuildOrder, ToMarket, ToProvider};
use network::stream::StreamSender;
use shards::prove::{self, ReadShard};
use shards::{Entry, Root, SlotList, outboard};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;
use types::documents::{
    Ask, AuditKind, Challenge, Confirmation, CounterRefusal, Proof, Reservation, SlotSize,
    StorageReceipt,
};
use types::{
    Bytes as Size, ContractId, DocId, Document, GbPrice, Hash, Price, SecretKey, Signed, Signer,
    Span, Tier, Verified,
};

/// One slot's shards.
pub(crate) type Shards = Vec<Bytes>;
type Slots = BTreeMap<(ContractId, u16), Shards>;

/// Everything that is stored anywhere: what a rebuild would read from the other slots.
pub(crate) type Cloud = Arc<Mutex<Slots>>;

/// An answer as it was given: its proof, and the bytes that it speaks for.
type Given = (Verified<Proof>, Vec<u8>);

/// How the provider behaves.
#[derive(Default)]
pub(crate) struct Mood {
    /// Flips a bit in every chunk that it proves.
    pub(crate) damaged: AtomicBool,
    /// Signs for other answers than it sends.
    pub(crate) lying: AtomicBool,
    /// Keeps silent when it is challenged.
    pub(crate) silent: AtomicBool,
    /// Declines what it is offered.
    pub(crate) declining: AtomicBool,
    pub(crate) reservations: AtomicUsize,
    pub(crate) challenges: AtomicUsize,
    pub(crate) rebuilds: AtomicUsize,
    pub(crate) released: AtomicUsize,
    /// What it answers to counters: a price, or words, or nothing.
    pub(crate) bargains: Mutex<Option<Result<u32, &'static str>>>,
    pub(crate) counters: AtomicUsize,
    /// What it has answered, by challenge.
    answered: Mutex<BTreeMap<DocId, Given>>,
}

pub(crate) struct Provider {
    pub(crate) key: SecretKey,
    pub(crate) mood: Arc<Mood>,
    pub(crate) slots: Arc<Mutex<Slots>>,
    task: JoinHandle<()>,
}

/// What a provider's disk holds between two runs.
#[derive(Default)]
pub(crate) struct Kept {
    mood: Arc<Mood>,
    slots: Arc<Mutex<Slots>>,
    sequence: u64,
}

struct Running {
    key: SecretKey,
    mood: Arc<Mood>,
    slots: Arc<Mutex<Slots>>,
    cloud: Cloud,
    standing: Ask,
    sender: StreamSender<ToMarket>,
}

pub(crate) fn size_of(shards: &[Bytes]) -> SlotSize {
    let list = list_of(shards);
    SlotSize { root: Hash(list.root().0), bytes: list.bytes(), shards: list.shards() }
}

fn list_of(shards: &[Bytes]) -> SlotList {
    let entry =
        |shard: &Bytes| Entry { root: Root::of(shard), bytes: u32::try_from(shard.len()).unwrap() };
    shards.iter().map(entry).collect()
}

pub(crate) fn sign<T: Document>(document: T, key: &SecretKey) -> Signed {
    Verified::sign(document, key).unwrap().signed().clone()
}

pub(crate) fn ask(key: &SecretKey, number: u8, sequence: u64) -> Ask {
    Ask {
        provider: key.did(),
        sequence,
        endpoint: format!("http://127.0.0.1:{}", 9_000 + u16::from(number)),
        region: "eu".into(),
        operator: format!("operator {number}"),
        capacity: Size(1 << 40),
        price: Price::whole(100 + u32::from(number)),
        egress: GbPrice::whole(10),
        ingress: GbPrice::whole(1),
        tiers: Tier::ALL.to_vec(),
        minimum_use: Size(1 << 20),
        duration_max: Span(365 * Span::DAY.0),
        volume_discounts: Vec::new(),
        duration_discounts: Vec::new(),
        tags: Vec::new(),
        counter: None,
        held_bond_permille: 0,
        expires: network::clock::now().after(Span(30 * Span::DAY.0)),
    }
}

impl Provider {
    /// Connects, puts up its ask, and answers from then on.
    pub(crate) async fn connect(market: &Handle, number: u8, cloud: &Cloud) -> Self {
        Self::again(market, number, cloud, Kept::default()).await
    }

    /// What is left of it for its next run.
    pub(crate) fn kept(&self) -> Kept {
        Kept { mood: self.mood.clone(), slots: self.slots.clone(), sequence: 1 }
    }

    /// Connects with what an earlier run kept.
    pub(crate) async fn again(market: &Handle, number: u8, cloud: &Cloud, kept: Kept) -> Self {
        let key = key(number);
        let Kept { mood, slots, sequence } = kept;
        let holdings: Vec<(ContractId, u16)> = slots.lock().unwrap().keys().copied().collect();
        let duplex = client(market, &key).stream(holdings).await.unwrap();
        let (sender, mut receiver) = duplex.split();
        let welcome = receiver.recv().await.unwrap().unwrap();
        assert!(matches!(welcome, ToProvider::Welcome(_)), "{welcome:?}");
        let standing = ask(&key, number, sequence + 1);
        let ask = sign(standing.clone(), &key);
        sender.send(ToMarket::Ask(ask.clone())).await.unwrap();
        let running = Running {
            key: key.clone(),
            mood: mood.clone(),
            slots: slots.clone(),
            cloud: cloud.clone(),
            standing,
            sender,
        };
        let (ready, published) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut ready = Some(ready);
            while let Ok(Some(message)) = receiver.recv().await {
                if matches!(&message, ToProvider::Accepted { document } if *document == ask.id()) {
                    ready.take().map(|ready| ready.send(()));
                } else {
                    running.take(message).await;
                }
            }
        });
        published.await.unwrap();
        Self { key, mood, slots, task }
    }

    /// Is gone at once.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }

    /// What it has answered to a challenge: the answer that the verdict judged.
    pub(crate) fn answered(&self, challenge: &Verified<Challenge>) -> Given {
        self.mood.answered.lock().unwrap()[&challenge.id()].clone()
    }

    /// What it answers to a challenge.
    pub(crate) fn prove(&self, challenge: &Verified<Challenge>) -> (Verified<Proof>, Vec<u8>) {
        let (proof, answers) = prove(&self.key, &self.slots, &self.mood, challenge);
        (proof, answers.concat())
    }

    /// Stores shards as a client would, and signs for them.
    pub(crate) fn store(&self, slot: (ContractId, u16), shards: &Shards, revision: u64) -> Signed {
        self.slots.lock().unwrap().insert(slot, shards.clone());
        receipt(&self.key, slot, shards, revision)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn receipt(
    key: &SecretKey,
    (contract, slot): (ContractId, u16),
    shards: &Shards,
    revision: u64,
) -> Signed {
    let (provider, size) = (key.did(), size_of(shards));
    sign(StorageReceipt { provider, contract, slot, revision, size }, key)
}

impl Running {
    async fn take(&self, message: ToProvider) {
        match message {
            ToProvider::Reservation(signed) => {
                self.mood.reservations.fetch_add(1, Ordering::SeqCst);
                let reservation: Verified<Reservation> = signed.verify().unwrap();
                let declined =
                    self.mood.declining.load(Ordering::SeqCst).then(|| "no room after all".into());
                let confirmation = Confirmation {
                    provider: self.key.did(),
                    contract: reservation.contract,
                    slot: reservation.slot,
                    answer_by: reservation.answer_by,
                    declined,
                };
                self.say(ToMarket::Confirmation(sign(confirmation, &self.key))).await;
            }
            ToProvider::Challenge(signed) => {
                self.mood.challenges.fetch_add(1, Ordering::SeqCst);
                if !self.mood.silent.load(Ordering::SeqCst) {
                    let challenge: Verified<Challenge> = signed.verify().unwrap();
                    self.say(self.prove(&challenge)).await;
                }
            }
            ToProvider::Rebuild(order) => {
                self.mood.rebuilds.fetch_add(1, Ordering::SeqCst);
                self.say(self.rebuild(&order)).await;
            }
            ToProvider::Released { contract, slot } => {
                self.mood.released.fetch_add(1, Ordering::SeqCst);
                self.slots.lock().unwrap().remove(&(contract, slot));
            }
            ToProvider::Refused { document, problem } => {
                eprintln!("{}: {document} was refused: {problem}", self.key.did());
            }
            ToProvider::Counter { counter, .. } => {
                self.mood.counters.fetch_add(1, Ordering::SeqCst);
                let (bargains, counter) = (*self.mood.bargains.lock().unwrap(), counter.id());
                match bargains {
                    Some(Ok(price)) => {
                        let (price, counter) = (Price::whole(price), Some(counter));
                        let ask = Ask { price, counter, ..self.standing.clone() };
                        self.say(ToMarket::Ask(sign(ask, &self.key))).await;
                    }
                    Some(Err(reason)) => {
                        let (provider, reason) = (self.key.did(), reason.to_owned());
                        let refusal = CounterRefusal { provider, counter, reason };
                        self.say(ToMarket::CounterRefusal(sign(refusal, &self.key))).await;
                    }
                    None => {}
                }
            }
            ToProvider::Welcome(_) | ToProvider::Accepted { .. } | ToProvider::Verdict { .. } => {}
        }
    }

    async fn say(&self, message: ToMarket) {
        // The market may be gone.
        let _ = self.sender.send(message).await;
    }

    fn prove(&self, challenge: &Verified<Challenge>) -> ToMarket {
        let (proof, answers) = prove(&self.key, &self.slots, &self.mood, challenge);
        let given = (proof.clone(), answers.concat());
        self.mood.answered.lock().unwrap().insert(challenge.id(), given);
        ToMarket::Proof { proof: proof.signed().clone(), answers }
    }

    fn rebuild(&self, order: &RebuildOrder) -> ToMarket {
        let slot = (order.contract, order.slot);
        assert!(order.sources.len() >= 4, "k sources are needed");
        assert_eq!(order.layout, b"layout");
        let shards = self.cloud.lock().unwrap()[&slot].clone();
        assert_eq!(size_of(&shards), order.size);
        self.mood.damaged.store(false, Ordering::SeqCst);
        self.slots.lock().unwrap().insert(slot, shards.clone());
        ToMarket::Receipt(receipt(&self.key, slot, &shards, order.revision))
    }
}

fn prove(
    key: &SecretKey,
    slots: &Mutex<Slots>,
    mood: &Mood,
    challenge: &Verified<Challenge>,
) -> (Verified<Proof>, Vec<Vec<u8>>) {
    let slots = slots.lock().unwrap();
    let answers: Vec<Vec<u8>> = challenge
        .slots
        .iter()
        .map(|asked| {
            let shards = slots.get(&(asked.contract, asked.slot)).cloned().unwrap_or_default();
            let list = list_of(&shards);
            let seed = asked.seed(&challenge.beacon, challenge.epoch, challenge.kind);
            let picks = prove::picks(seed, &list.summary(), asked.count);
            assert!(challenge.kind == AuditKind::Routine || asked.count == 256);
            let disk = Disk { shards, damaged: mood.damaged.load(Ordering::SeqCst) };
            let answers: Vec<_> =
                picks.into_iter().map(|pick| prove::answer(pick, &list, &disk)).collect();
            prove::encode(&answers).to_vec()
        })
        .collect();
    let lying = mood.lying.load(Ordering::SeqCst);
    let hash = if lying { Hash::of(b"other answers") } else { Hash::of(&answers.concat()) };
    let proof = Proof { provider: key.did(), challenge: challenge.id(), answers: hash };
    (Verified::sign(proof, key).unwrap(), answers)
}

struct Disk {
    shards: Shards,
    damaged: bool,
}

impl ReadShard for Disk {
    fn read(&self, root: &Root, start: u32, len: u32) -> Option<Bytes> {
        let shard = self.shards.iter().find(|shard| Root::of(shard) == *root)?;
        let mut bytes = shard.get(start as usize..(start + len) as usize)?.to_vec();
        if self.damaged {
            for byte in &mut bytes {
                *byte ^= 1;
            }
        }
        Some(bytes.into())
    }

    fn outboard(&self, root: &Root) -> Option<Bytes> {
        let shard = self.shards.iter().find(|shard| Root::of(shard) == *root)?;
        Some(outboard::of(shard).1.into())
    }
}
