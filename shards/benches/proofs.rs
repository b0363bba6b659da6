//! Proofs made and verified per core-second, the outboards in memory.

mod clock;

use bytes::Bytes;
use clock::CoreTime;
use criterion::{Criterion, Throughput, criterion_group};
use shards::prove::{self, ReadShard};
use shards::{Answer, Entry, Pick, Root, SlotList, SlotSummary, outboard};
use std::collections::BTreeMap;
use std::hint::black_box;

/// How many different shards there are: more than the processor's caches hold.
const SHARDS: u64 = 64;
/// How many shards the slot names, as one of 10 GB does.
const PLACES: usize = 10_000;
/// How many chunks are proven in one go, as in an intensified audit.
const PICKS: u32 = 256;
/// What the project wants of either, per core-second.
const WANTED: f64 = 100_000.0;

/// A provider that keeps its shards in memory.
struct Provider {
    slot: SlotList,
    shards: BTreeMap<Root, (Bytes, Bytes)>,
}

impl Provider {
    fn new() -> Self {
        let mut shards = BTreeMap::new();
        let mut entries = Vec::new();
        for seed in 0..SHARDS {
            let mut bytes = vec![0; 1 << 20];
            blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
            let (root, outboard) = outboard::of(&bytes);
            entries.push(Entry { root, bytes: 1 << 20 });
            shards.insert(root, (bytes.into(), outboard.into()));
        }
        Self { slot: entries.into_iter().cycle().take(PLACES).collect(), shards }
    }

    fn answers(&self, picks: &[Pick]) -> Vec<Answer> {
        picks.iter().map(|&pick| prove::answer(pick, &self.slot, self)).collect()
    }
}

impl ReadShard for Provider {
    fn read(&self, root: &Root, start: u32, len: u32) -> Option<Bytes> {
        let (bytes, _) = self.shards.get(root)?;
        Some(bytes.slice(start as usize..(start + len) as usize))
    }

    fn outboard(&self, root: &Root) -> Option<Bytes> {
        self.shards.get(root).map(|(_, outboard)| outboard.clone())
    }
}

fn judge(picks: &[Pick], slot: &SlotSummary, answers: &[Answer]) -> usize {
    let proven = |(pick, answer): (&Pick, &Answer)| prove::verify(*pick, slot, answer).is_ok();
    picks.iter().zip(answers).filter(|pair| proven(*pair)).count()
}

fn proofs(criterion: &mut Criterion<CoreTime>) {
    let provider = Provider::new();
    let summary = provider.slot.summary();
    let picks = prove::picks([3; 32], &summary, PICKS);
    let answers = provider.answers(&picks);
    let bytes = prove::encode(&answers);
    assert_eq!(judge(&picks, &summary, &answers), picks.len());

    let mut group = criterion.benchmark_group("proofs");
    group.throughput(Throughput::Elements(PICKS.into()));
    group.bench_function("drawn", |bench| bench.iter(|| prove::picks([3; 32], &summary, PICKS)));
    group.bench_function("made", |bench| bench.iter(|| provider.answers(black_box(&picks))));
    group.bench_function("verified", |bench| bench.iter(|| judge(&picks, &summary, &answers)));
    group.bench_function("written", |bench| bench.iter(|| prove::encode(black_box(&answers))));
    group.bench_function("read", |bench| bench.iter(|| prove::decode(black_box(&bytes))));
    group.finish();

    let entries = provider.slot.entries().to_vec();
    let mut group = criterion.benchmark_group("slot of 10,000 shards");
    group.bench_function("built", |bench| bench.iter(|| SlotList::new(entries.clone())));
    group.finish();
}

/// Made and verified per core-second beside what is wanted.
fn print_share() {
    let provider = Provider::new();
    let summary = provider.slot.summary();
    let (mut made, mut verified) = (Vec::new(), Vec::new());
    for round in 0..31 {
        let picks = prove::picks([round; 32], &summary, 4 * PICKS);
        let (answers, making) = clock::timed(|| provider.answers(&picks));
        let (proven, verifying) = clock::timed(|| judge(&picks, &summary, &answers));
        assert_eq!(proven, picks.len());
        let count = f64::from(4 * PICKS);
        made.push(count / making.as_secs_f64());
        verified.push(count / verifying.as_secs_f64());
    }
    for (what, mut figures) in [("made", made), ("verified", verified)] {
        figures.sort_by(f64::total_cmp);
        let median = figures[figures.len() / 2];
        let share = 100.0 * median / WANTED;
        println!("proofs {what}: {median:.0} per core-second ({share:.0} % of what is wanted)");
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CoreTime).configure_from_args();
    targets = proofs
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo says by an argument whether figures are wanted"
)]
fn main() {
    benches();
    if std::env::args().any(|argument| argument == "--bench") {
        print_share();
    }
}
