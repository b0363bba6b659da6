//! `bondstore client`: set up a client or bring one back; and what every client command shares.

use crate::output::Output;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use client_node::{Client, Event, Options};
use indicatif::ProgressBar;
use network::endpoint::PlainHttp;
use network::identity::{Password, Prompt};
use serde_json::json;
use std::io::Read;
use std::path::PathBuf;
use types::Span;

/// Where a client lives and how it is opened.
#[derive(Args)]
pub(crate) struct ClientArgs {
    /// The client's data directory.
    #[arg(long, env = "BONDSTORE_DATA", default_value = "bondstore-client", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// A file whose first line is the password (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Allow plain HTTP beyond this machine.
    #[arg(long)]
    pub(crate) insecure_http: bool,
}

impl ClientArgs {
    /// The client that lives there.
    pub(crate) async fn open(&self) -> Result<Client> {
        self.open_with(None).await
    }

    /// The client of its directory, that waits so long for a contract's escrows.
    pub(crate) async fn open_patient(&self, fund_within: Span) -> Result<Client> {
        self.open_with(Some(fund_within)).await
    }

    async fn open_with(&self, fund_within: Option<Span>) -> Result<Client> {
        let mut options = self.options();
        if let Some(fund_within) = fund_within {
            options.fund_within = fund_within.as_duration();
        }
        let password = Password::obtain(self.password_file.as_deref(), Prompt::Existing)?;
        Ok(Client::open(&self.data, &password, options).await?)
    }

    /// Where its password is.
    pub(crate) fn password_file(&self) -> Option<PathBuf> {
        self.password_file.clone()
    }

    /// Whether plain HTTP may go beyond this machine.
    pub(crate) const fn plain(&self) -> PlainHttp {
        if self.insecure_http { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly }
    }

    fn options(&self) -> Options {
        Options { plain: self.plain(), ..Options::default() }
    }
}

#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// Make a new client; its 24 words are shown once.
    Init {
        #[command(flatten)]
        client: ClientArgs,
        /// Where the market answers.
        #[arg(long, value_name = "URL")]
        market: String,
    },
    /// Bring a client back from its words alone, on an empty machine.
    Recover {
        #[command(flatten)]
        client: ClientArgs,
        /// Where the market answers.
        #[arg(long, value_name = "URL")]
        market: String,
        /// A file with the words (else they are read from standard input).
        #[arg(long, value_name = "FILE")]
        words_file: Option<PathBuf>,
    },
}

impl ClientCommand {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Init { client, market } => {
                let password = Password::obtain(client.password_file.as_deref(), Prompt::New)?;
                let (made, words) =
                    Client::init(&client.data, &market, &password, client.options()).await?;
                let did = made.did();
                output.result(&json!({ "did": did, "words": *words, "data": client.data }), || {
                    let place = client.data.display();
                    format!(
                        "client {did} in {place}\n\nWrite these words down. They alone bring everything back:\n\n  {}\n",
                        *words
                    )
                });
            }
            Self::Recover { client, market, words_file } => {
                let words = words(words_file.as_deref(), output)?;
                let password = Password::obtain(client.password_file.as_deref(), Prompt::New)?;
                let options = client.options();
                let (back, recovered) =
                    Client::recover(&client.data, &market, &words, &password, options).await?;
                let (did, objects, contracts) =
                    (back.did(), recovered.objects, recovered.contracts);
                let value = json!({
                    "did": did, "objects": objects, "contracts": contracts, "generation": recovered.generation,
                });
                output.result(&value, || {
                    format!("client {did}: {objects} objects, {contracts} contracts are back")
                });
            }
        }
        Ok(())
    }
}

fn words(file: Option<&std::path::Path>, output: &Output) -> Result<String> {
    if let Some(path) = file {
        return std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()));
    }
    output.say("The 24 words, then end of input (Ctrl-D):");
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input is not text")?;
    Ok(text)
}

/// Shows on `bar` how far a transfer is, and troubles as lines beside it.
pub(crate) fn show(bar: ProgressBar) -> impl Fn(&Event<'_>) + Send + Sync {
    move |event| match event {
        Event::Moved { bytes, total } => {
            if let Some(total) = total {
                bar.set_length(*total);
            }
            bar.set_position(*bytes);
        }
        Event::Troubled { slot, provider, reason } => {
            bar.println(format!("slot {slot} ({}): {reason}; trying again", provider.short()));
        }
        Event::Unfunded { slots, reason } => {
            let slots = slots.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            bar.println(format!("waiting for the escrows of slots {slots} to be funded: {reason}"));
        }
        Event::Funded { slots } => bar.println(format!("{slots} escrows are funded")),
        Event::Resumed { shards, .. } => {
            bar.println(format!(
                "an interrupted upload goes on: {shards} shards are stored already"
            ));
        }
        Event::WithoutMarket { reason } => {
            bar.println(format!("the market does not answer ({reason}); the catalogue is enough"));
        }
        Event::BackupFailed { reason } => {
            bar.println(format!(
                "the catalogue's backup could not be stored ({reason}); the next change tries again"
            ));
        }
        _ => {}
    }
}
