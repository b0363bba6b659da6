//! `bondstore demo`: the whole life of a contract on this machine, for real but for the length of its epochs.

mod bitcoin;
mod books;
mod report;
mod scenes;
mod settled;
mod stage;
mod watch;

use crate::output::Output;
use crate::runtime::asked_to_end;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use report::Report;
use stage::Stage;
use std::path::{Path, PathBuf};
use types::terms::RailKind;

/// The fewest providers: six slots and one to take over.
const PROVIDERS_MIN: u16 = 7;
/// The most: each has a loopback network of its own.
const PROVIDERS_MAX: u16 = 200;

#[derive(Args)]
pub(crate) struct Demo {
    /// The file to store.
    file: PathBuf,
    /// How many provider nodes.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(i64::from(PROVIDERS_MIN)..=i64::from(PROVIDERS_MAX)))]
    providers: u16,
    /// Keep everything in this directory, which must be empty or new.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What keys and placement follow from; drawn where nothing is said.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where the contract's money sits: in the market's ledger, or in escrows on a development chain.
    #[arg(long, default_value = "ledger", value_name = "RAIL", value_parser = crate::arguments::rail)]
    rail: RailKind,
    /// Leave everything running at the end, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let bytes = std::fs::metadata(&self.file)
            .with_context(|| format!("{} cannot be read", self.file.display()))?;
        if !bytes.is_file() {
            bail!("{} is not a file; give one to store", self.file.display());
        }
        let seed = self.seed.map_or_else(random_seed, Ok)?;
        let (dir, temporary) = directory(self.data.as_deref())?;
        // Asked to end, the demo drops everything where it is, and its directory below.
        let shown = tokio::select! {
            shown = self.play(output, &dir, seed) => shown,
            asked = asked_to_end(), if !self.keep => asked.and(Err(anyhow!("stopped before its end"))),
        };
        if temporary && !self.keep {
            // What is left in the system's temporary directory is its to remove.
            let _left = std::fs::remove_dir_all(&dir);
        }
        // The report has said what is wrong.
        if !shown? {
            std::process::exit(1);
        }
        Ok(())
    }

    async fn play(&self, output: &Output, dir: &Path, seed: u64) -> Result<bool> {
        output.say(format!(
            "A market, {} providers and a client on this machine (seed {seed}).",
            self.providers
        ));
        let stage = Stage::build(dir, (self.providers, self.rail), seed, output).await?;
        let mut report = Report::default();
        scenes::store(&stage, &self.file, &mut report, output).await?;
        scenes::audits(&stage, &mut report, output).await?;
        scenes::kill_and_repair(&stage, &mut report, output).await?;
        scenes::fetch(&stage, &mut report, output).await?;
        scenes::settle(&stage, &mut report, output).await?;
        settled::settled(&stage, &mut report, output).await?;
        books::close(&stage, &mut report, output).await?;
        output.result(&report, || report.verdict());
        if self.keep {
            stage.say_where(output);
            crate::runtime::asked_to_end().await?;
        }
        stage.shutdown().await;
        Ok(report.ok)
    }
}

fn random_seed() -> Result<u64> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    Ok(u64::from(u32::from_le_bytes(bytes)))
}

/// Where everything goes, and whether that is only for now.
fn directory(given: Option<&Path>) -> Result<(PathBuf, bool)> {
    let Some(dir) = given else {
        let name = format!("bondstore-demo-{}-{}", std::process::id(), random_seed()?);
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("{} cannot be made", dir.display()))?;
        return Ok((dir, true));
    };
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let mut entries =
        std::fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    if entries.next().is_some() {
        bail!("{} is not empty; give a new or empty directory", dir.display());
    }
    Ok((dir.to_owned(), false))
}
