//! The demo's story, scene by scene.

use super::report::{Content, Report};
use super::stage::{PATIENCE, Stage, wait_for};
use crate::output::Output;
use anyhow::{Context, Result, bail};
use client::{ObjectName, StorageWish};
use client_node::{Event, Source, Target};
use contracts::ContractState;
use market::event::SlotId;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use types::documents::Quote;
use types::terms::RailKind;
use types::{Bytes, ContractId, Hash, Span};

/// How long the file is kept, in epochs of a day.
const DAYS: u64 = 30;
/// Epochs that pass in peace before a provider is killed.
const PEACEFUL: u64 = 3;
/// The slot whose provider is killed.
const VICTIM: u16 = 1;

/// The object's name in the client's catalogue.
fn name(file: &Path) -> Result<ObjectName> {
    crate::put::name_of(None, file)
}

/// The client asks, accepts, uploads.
pub(super) async fn store(
    stage: &Stage,
    file: &Path,
    report: &mut Report,
    output: &Output,
) -> Result<()> {
    report.file = content(file)?;
    output
        .say(format!("\n1. The client wants {} kept for {DAYS} days.\n", Bytes(report.file.bytes)));
    let quoted: Arc<Mutex<Option<Quote>>> = Arc::default();
    let keep = quoted.clone();
    let progress = move |event: &Event<'_>| {
        if let Event::Quoted(quote) = event {
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some((*quote).clone());
        }
    };
    let began = Instant::now();
    let mut wish = StorageWish::new(Bytes(1), Span(DAYS * Span::DAY.0));
    wish.rail = stage.rail();
    let put = stage.client.put(Source::file(file), &name(file)?, &wish, Arc::new(progress)).await?;
    let quote = quoted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
        .context("the market quoted nothing")?;
    report.quote.lines = quote.cost.lines().into_iter().collect();
    report.quote.total_msat = quote.cost.escrow()?;
    report.contract.id = put.contract;
    report.contract.slots = put.slots.iter().map(|slot| stage.name(&slot.provider)).collect();
    output.say(crate::quote::text(&quote, |did| stage.name(did)));
    let locked = match stage.rail() {
        RailKind::Ledger => "in escrow, each provider locks its bond",
        RailKind::Bitcoin => {
            "its part of one transaction, each provider adds its bond: nobody holds them for anybody"
        }
    };
    output.say(format!(
        "\n2. It accepts: {} are {locked}. {} sealed and coded into 4+2 shards reach six disks in {:.1?};\n   every provider signs that its part is durable. Contract {} is active.",
        report.quote.total_msat,
        put.stored,
        began.elapsed(),
        put.contract.short()
    ));
    report.expect(put.hash == report.file.blake3, "the client stored other bytes than the file's");
    Ok(())
}

/// Epochs pass; everyone proves what it keeps.
pub(super) async fn audits(stage: &Stage, _report: &mut Report, output: &Output) -> Result<()> {
    output.say(format!("\n3. {PEACEFUL} days pass. Each day's beacon picks chunks; the providers prove that they keep them."));
    for _ in 0..PEACEFUL {
        let from = stage.watch.len();
        let epoch = stage.open_day().await?;
        settle_down(stage).await?;
        let audits = stage.watch.audits(from);
        output.say(format!(
            "   day {epoch}: {} challenges, {} proven",
            audits.passed + audits.failed,
            audits.passed
        ));
    }
    Ok(())
}

/// A provider dies; its bond pays; another takes over.
pub(super) async fn kill_and_repair(
    stage: &Stage,
    report: &mut Report,
    output: &Output,
) -> Result<()> {
    let id = SlotId { contract: report.contract.id, slot: VICTIM };
    let did = stage.market.view(|view| view.market.slot(id).map(|(_, slot)| slot.provider()));
    let did = did.context("the contract has lost a slot")?;
    let victim =
        stage.providers.iter().find(|actor| actor.did == did).context("nobody keeps the slot")?;
    let (from, began) = (stage.watch.len(), Instant::now());
    if !victim.kill() {
        bail!("provider {} was gone already", victim.number);
    }
    report.killed_provider = stage.name(&did);
    output.say(format!(
        "\n4. Provider {} is killed: sockets, tasks, everything. It held slot {VICTIM}.",
        victim.number
    ));
    wait_for("the market to see the provider go", || {
        stage.market.connected() < stage.providers.len()
    })
    .await?;
    let days = tokio::time::timeout(PATIENCE, days_until_replaced(stage, from, id, output));
    days.await.context("the slot was never given to another provider")??;
    wait_for("the slot to be rebuilt", || stage.watch.is_rebuilt(from, id)).await?;
    let fault = stage.watch.fault(from, id).context("no violation was recorded")?;
    report.violation.slot = VICTIM;
    report.violation.cause = fault.cause.name();
    report.violation.evidence = fault.evidence;
    let (slashed, to_client, to_pool) =
        stage.watch.penalty(from, id).context("no penalty was recorded")?;
    report.penalty.slashed = slashed;
    report.penalty.to_client = to_client;
    report.penalty.to_pool = to_pool;
    let to = stage.watch.repairer(from, id).context("nobody was ordered to repair")?;
    report.repair.slot = VICTIM;
    report.repair.from = stage.name(&did);
    report.repair.to = stage.name(&to);
    report.repair.seconds = (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    output.say(format!(
        "   Its whole bond of {slashed} is slashed: {to_client} for the client once nobody can dispute it any more, {to_pool} to the repair pool, nothing to the market."
    ));
    output.say(format!(
        "   {} has rebuilt slot {VICTIM} from four others, to the same root, {:.2} s after the kill.",
        report.repair.to, report.repair.seconds
    ));
    Ok(())
}

/// Opens days until the slot has a new provider.
async fn days_until_replaced(
    stage: &Stage,
    from: usize,
    id: SlotId,
    output: &Output,
) -> Result<()> {
    for _ in 0..DAYS {
        let before = stage.watch.len();
        let epoch = stage.open_day().await?;
        settle_down(stage).await?;
        let audits = stage.watch.audits(before);
        output.say(format!(
            "   day {epoch}: {} challenges, {} proven, {} slot silent",
            audits.passed + audits.failed,
            audits.passed,
            audits.silent
        ));
        if stage.watch.repairer(from, id).is_some() {
            return Ok(());
        }
    }
    bail!("{DAYS} days have passed");
}

/// The file comes back.
pub(super) async fn fetch(stage: &Stage, report: &mut Report, output: &Output) -> Result<()> {
    let target = stage.dir.join("fetched");
    let file = stage.client.ls().await?;
    let object = file.first().context("the catalogue is empty")?.name.clone();
    let began = Instant::now();
    let got = stage.client.get(&object, Target::file(&target), Arc::new(())).await?;
    report.fetched = content(&target)?;
    let same = report.fetched == report.file;
    report.expect(same, "the bytes that came back are others");
    let gave = got.slots.iter().filter(|slot| slot.bytes.0 > 0);
    let from: Vec<String> = gave.map(|slot| slot.slot.to_string()).collect();
    output.say(format!(
        "\n5. The client fetches it from slots {} in {:.1?}: {}, blake3 {}, {}.",
        from.join(", "),
        began.elapsed(),
        got.bytes,
        report.fetched.blake3.short(),
        if same { "the same bit for bit" } else { "NOT the same" }
    ));
    Ok(())
}

/// The term ends; everyone has its money.
pub(super) async fn settle(stage: &Stage, report: &mut Report, output: &Output) -> Result<()> {
    let id: ContractId = report.contract.id;
    output.say("\n6. The remaining days pass, and the contract is settled.");
    // Vouchers are on their way to the market; the last day must not overtake them.
    settle_vouchers(stage, id).await?;
    let mut days = 0;
    loop {
        let state =
            stage.market.view(|view| view.market.contract(&id).map(|contract| contract.state));
        if state == Some(ContractState::Settled) {
            break;
        }
        if days > DAYS + 3 {
            bail!(
                "the contract is still {} after {days} more days",
                state.map_or("unknown", ContractState::name)
            );
        }
        stage.open_day().await?;
        settle_down(stage).await?;
        days += 1;
    }
    let audits = stage.watch.audits(0);
    report.audits.passed = audits.passed;
    report.audits.failed = audits.failed;
    report.audits.challenges = audits.passed + audits.failed;
    report.audits.unanswered = audits.silent;
    report.expect(audits.failed == 0, "an honest provider failed an audit");
    output.say(format!(
        "   {} challenges in all: {} proven, {} failed; {} slot audits went unanswered.",
        types::text::grouped(i64::try_from(report.audits.challenges).unwrap_or(i64::MAX)),
        audits.passed,
        audits.failed,
        audits.silent
    ));
    Ok(())
}

async fn settle_vouchers(stage: &Stage, id: ContractId) -> Result<()> {
    let object = stage.client.ls().await?.first().context("the catalogue is empty")?.name.clone();
    let paid = stage.client.stat(&object).await?.contract.paid;
    wait_for("the vouchers to be redeemed", || {
        stage.market.view(|view| {
            let contract = view.market.contract(&id);
            paid.iter().all(|((slot, _), bytes)| {
                let slot = contract.and_then(|contract| contract.slots.get(usize::from(*slot)));
                slot.is_some_and(|slot| slot.egress.bytes >= *bytes)
            })
        })
    })
    .await
}

/// Everything that an epoch has set off is over, and the story has heard of it.
async fn settle_down(stage: &Stage) -> Result<()> {
    let quiet = tokio::time::timeout(PATIENCE, stage.market.quiesce());
    quiet.await.context("the market never comes to rest")??;
    // The story hears of what happened a moment after it has.
    let mut seen = usize::MAX;
    while seen != stage.watch.len() {
        seen = stage.watch.len();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// A file's length and hash.
fn content(path: &Path) -> Result<Content> {
    let unreadable = || format!("{} cannot be read", path.display());
    let mut hasher = shards::RootHasher::new();
    let mut file = std::fs::File::open(path).with_context(unreadable)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = std::io::Read::read(&mut file, &mut piece).with_context(unreadable)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
    }
    Ok(Content { bytes: hasher.bytes(), blake3: Hash(hasher.root().0) })
}
