//! From plain bytes to shards and back, in GiB of user data per core-second, each step alone and together.

mod clock;

use clock::CoreTime;
use criterion::{Criterion, Throughput, criterion_group};
use shards::seal::{CHUNK_BYTES, SEALED_CHUNK_BYTES, Sealer};
use shards::{
    Cipher, Decoder, Encoder, ErasureCode, ObjectKey, ObjectLayout, ReedSolomon, Root, Segment,
    Shape, Shard, compress, outboard,
};
use std::hint::black_box;
use std::time::Duration;

/// What a client reads at a time; it stays in the nearest caches.
const PIECE_BYTES: usize = 256 << 10;
/// The length of the object that is encoded.
const OBJECT_BYTES: usize = 256 << 20;
/// The length of the object that is decoded, which lies in memory whole.
const FETCHED_BYTES: usize = 64 << 20;
/// What seal + code + hash reached together when the project was planned, in GiB per core-second.
const PLANNED_LIMIT: f64 = 3.33;
const GIB: f64 = 1_073_741_824.0;

fn noise(bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut out);
    out
}

fn text(bytes: usize) -> Vec<u8> {
    let words = ["every ", "promise ", "is ", "bonded ", "and ", "proof ", "checked ", "paid "];
    let chosen = noise(bytes).into_iter().map(|byte| words[usize::from(byte) % words.len()]);
    chosen.flat_map(str::bytes).take(bytes).collect()
}

fn key() -> ObjectKey {
    ObjectKey::new([7; 32])
}

/// The steps of one segment without what joins them: the limit that the pipeline is measured against.
struct Steps {
    piece: Vec<u8>,
    sealer: Sealer,
    code: ReedSolomon,
    shard: usize,
    data: Vec<u8>,
    parity: Vec<u8>,
}

impl Steps {
    fn new() -> Self {
        let shape = Shape::default();
        let shard = shape.shard_bytes as usize;
        Self {
            piece: noise(PIECE_BYTES),
            sealer: Sealer::new(Cipher::for_this_cpu(), &key()),
            code: ReedSolomon::new(shape).expect("the default shape is possible"),
            shard,
            data: noise(shard * usize::from(shape.data)),
            parity: noise(shard * usize::from(shape.parity)),
        }
    }

    /// How many bytes of user data one segment takes.
    fn plain_bytes(&self) -> u64 {
        let chunks = self.data.len().div_ceil(SEALED_CHUNK_BYTES);
        (self.data.len() - chunks * (SEALED_CHUNK_BYTES - CHUNK_BYTES)) as u64
    }

    fn seal(&mut self) {
        let chunks = self.piece.chunks(CHUNK_BYTES).cycle();
        for (sealed, plain) in self.data.chunks_mut(SEALED_CHUNK_BYTES).zip(chunks) {
            let plain = &plain[..sealed.len() - (SEALED_CHUNK_BYTES - CHUNK_BYTES)];
            self.sealer.seal_into(plain, sealed, false);
        }
    }

    fn code(&mut self) {
        let data: Vec<&[u8]> = self.data.chunks(self.shard).collect();
        let mut parity: Vec<&mut [u8]> = self.parity.chunks_mut(self.shard).collect();
        self.code.encode(&data, &mut parity).expect("counts and lengths are the shape's");
    }

    fn hash(&self) {
        let shards = self.data.chunks(self.shard).chain(self.parity.chunks(self.shard));
        shards.for_each(|shard| {
            black_box(Root::of(shard));
        });
    }

    fn all(&mut self) {
        self.seal();
        self.code();
        self.hash();
    }
}

/// Encodes an object that is `piece` again and again, as a client does that sends segments and forgets them.
fn encode(piece: &[u8], compress: bool) {
    let encoder = Encoder::new(Shape::default(), Cipher::for_this_cpu(), &key(), compress);
    let mut encoder = encoder.expect("the default shape is possible");
    for _ in 0..OBJECT_BYTES / PIECE_BYTES {
        black_box(encoder.push(piece).expect("zstd takes any bytes"));
    }
    black_box(encoder.finish().expect("zstd takes any bytes"));
}

/// An encoded object, to be decoded from the shards that `lost` leaves.
struct Stored {
    layout: ObjectLayout,
    segments: Vec<Segment>,
}

impl Stored {
    fn new(plain: &[u8]) -> Self {
        let encoder = Encoder::new(Shape::default(), Cipher::for_this_cpu(), &key(), false);
        let mut encoder = encoder.expect("the default shape is possible");
        let mut segments = encoder.push(plain).expect("zstd takes any bytes");
        let end = encoder.finish().expect("zstd takes any bytes");
        segments.extend(end.segments);
        Self { layout: end.layout, segments }
    }

    /// Any k shards of a segment, hashed and found to be right.
    fn verified(&self, segment: &Segment, lost: &[u16]) -> Vec<Shard> {
        let layout = self.layout.segment(segment.index).expect("the segment is the object's");
        let kept = (0..).zip(&segment.shards).filter(|(index, _)| !lost.contains(index)).take(4);
        let verified = kept.map(|(index, bytes)| layout.verify_shard(index, bytes.clone()));
        verified.collect::<Result<_, _>>().expect("nothing was altered")
    }

    fn decode(&self, lost: &[u16]) {
        let mut decoder = Decoder::new(self.layout.clone(), &key()).expect("the layout is ours");
        for segment in &self.segments {
            let shards = self.verified(segment, lost);
            decoder.push(&shards, &mut std::io::sink()).expect("the shards are right");
        }
        decoder.finish().expect("every segment came");
    }
}

fn steps(criterion: &mut Criterion<CoreTime>) {
    let mut steps = Steps::new();
    let mut group = criterion.benchmark_group("segment");
    group.throughput(Throughput::Bytes(steps.plain_bytes()));
    group.bench_function("seal", |bench| bench.iter(|| steps.seal()));
    group.bench_function("code", |bench| bench.iter(|| steps.code()));
    group.bench_function("hash", |bench| bench.iter(|| steps.hash()));
    group.bench_function("seal, code and hash", |bench| bench.iter(|| steps.all()));
    group.finish();
}

fn pipeline(criterion: &mut Criterion<CoreTime>) {
    let (dense, text) = (noise(PIECE_BYTES), text(PIECE_BYTES));
    let mut group = criterion.benchmark_group("object");
    group.sample_size(10).throughput(Throughput::Bytes(OBJECT_BYTES as u64));
    group.bench_function("encode", |bench| bench.iter(|| encode(&dense, false)));
    group.bench_function("encode text, compressed", |bench| bench.iter(|| encode(&text, true)));
    let stored = Stored::new(&noise(FETCHED_BYTES));
    group.throughput(Throughput::Bytes(FETCHED_BYTES as u64));
    group.bench_function("verify and decode", |bench| bench.iter(|| stored.decode(&[])));
    let lost = "verify and decode without shards 0 and 2";
    group.bench_function(lost, |bench| bench.iter(|| stored.decode(&[0, 2])));
    group.finish();
}

fn parts(criterion: &mut Criterion<CoreTime>) {
    let (dense, text) = (noise(compress::PROBE_BYTES), text(compress::PROBE_BYTES));
    let mut group = criterion.benchmark_group("probe");
    group.throughput(Throughput::Bytes(compress::PROBE_BYTES as u64));
    group.bench_function("noise", |bench| bench.iter(|| compress::pays(black_box(&dense))));
    group.bench_function("text", |bench| bench.iter(|| compress::pays(black_box(&text))));
    group.finish();

    let shard = noise(1 << 20);
    let mut group = criterion.benchmark_group("shard");
    group.throughput(Throughput::Bytes(shard.len() as u64));
    group.bench_function("root", |bench| bench.iter(|| Root::of(black_box(&shard))));
    group.bench_function("root and outboard", |bench| {
        bench.iter(|| outboard::of(black_box(&shard)));
    });
    let stored = Stored::new(&noise(4 << 20));
    let layout = stored.layout.segment(0).expect("the object has a segment");
    let others = stored.verified(&stored.segments[0], &[1]);
    group.bench_function("rebuild from four others", |bench| {
        bench.iter(|| layout.rebuild_shard(1, &others).expect("four others are enough"));
    });
    group.finish();
}

/// The pipeline's share of the limit, taken in turns so that both meet the same machine.
fn print_share() {
    let mut steps = Steps::new();
    let dense = noise(PIECE_BYTES);
    let segments = OBJECT_BYTES / steps.data.len();
    #[expect(clippy::cast_precision_loss, reason = "an object has far fewer than 2⁵² bytes")]
    let gib_a_second = |bytes: u64, took: Duration| bytes as f64 / GIB / took.as_secs_f64();
    let (mut limits, mut reached) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        let ((), alone) = clock::timed(|| (0..segments).for_each(|_| steps.all()));
        let ((), together) = clock::timed(|| encode(&dense, false));
        limits.push(gib_a_second(steps.plain_bytes() * segments as u64, alone));
        reached.push(gib_a_second(OBJECT_BYTES as u64, together));
    }
    let [limit, reached] = [limits, reached].map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    });
    println!(
        "seal, code and hash alone:  {limit:.2} GiB per core-second (planned: {PLANNED_LIMIT})"
    );
    println!("the pipeline:               {reached:.2} GiB per core-second");
    println!("share of the limit:         {:.0} %", 100.0 * reached / limit);
    println!("share of the planned limit: {:.0} %", 100.0 * reached / PLANNED_LIMIT);
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CoreTime).configure_from_args();
    targets = steps, pipeline, parts
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
