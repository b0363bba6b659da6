//! A provider's treasurer beside its node: its folder opened, its routes, its word on each slot, its rounds.

use crate::coins::open;
use crate::folder::{CoinsFolder, Owner};
use crate::node::{ChainAccess, Node};
use crate::treasury::{MannerArgs, Notes, Shown};
use anyhow::{Context, Result};
use clap::Args;
use contracts_bitcoin::treasurer::oracles::HttpOracles;
use contracts_bitcoin::treasurer::{Consents, Funding, Fundings, Treasurer, serve};
use network::endpoint::PlainHttp;
use network::market_api::MarketClient;
use provider_node::store::SlotKey;
use provider_node::{Gate, NotFunded, Settlement};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use types::documents::Reservation;
use types::{Did, Verified};

#[derive(Args)]
pub(crate) struct CoinsArgs {
    /// Settle contracts on Bitcoin, too: the directory of the treasurer's words (`bondstore coins init`), and what it must not forget.
    #[arg(long, value_name = "DIR", help_heading = "Coins")]
    coins: Option<PathBuf>,
    /// A file whose first line is the password of the treasurer's words (else `BONDSTORE_PASSWORD`, else a prompt).
    #[arg(long, value_name = "FILE", help_heading = "Coins")]
    coins_password_file: Option<PathBuf>,
    /// With --coins, where a bitcoind answers, such as `http://127.0.0.1:8332`; or an Esplora server, as `esplora+https://host/api`.
    #[arg(long, env = "BONDSTORE_CHAIN", value_name = "URL", help_heading = "Coins")]
    chain: Option<String>,
    #[command(flatten)]
    access: ChainAccess,
    #[command(flatten)]
    manner: MannerArgs,
}

/// A provider's treasurer.
pub(super) struct Treasury {
    treasurer: Arc<Mutex<Treasurer>>,
    node: Arc<Node>,
    folder: PathBuf,
    manner: MannerArgs,
    plain: PlainHttp,
    provider: Did,
    /// Kept from round to round.
    notes: Notes,
}

impl CoinsArgs {
    /// Opens the treasurer of `provider`, once it has caught up with the chain; nothing where there is none.
    ///
    /// # Errors
    /// Where no chain is named, or chain or folder do not serve.
    pub(super) async fn open(
        self,
        (provider, market): (Did, Did),
        plain: PlainHttp,
    ) -> Result<Option<Treasury>> {
        let Some(path) = self.coins else { return Ok(None) };
        let chain = self.chain.context("a treasurer follows a chain: give --chain URL too")?;
        let node = self.access.connect(&chain).await?;
        let folder =
            CoinsFolder { path, password_file: self.coins_password_file, owner: Owner::Treasurer };
        let treasurer = open(&folder, (provider, market), (&node, &self.manner)).await?;
        let (treasurer, folder) = (Arc::new(Mutex::new(treasurer)), folder.path);
        let (manner, node) = (self.manner, Arc::new(node));
        let notes = Notes::default();
        let mut treasury = Treasury { treasurer, node, folder, manner, plain, provider, notes };
        // Clients are told what the chain shows, not what it has shown once.
        treasury.round(&HttpOracles::new(plain)).await?;
        Ok(Some(treasury))
    }
}

impl Treasury {
    /// What the node must know of it. It asks `market` about what clients offer.
    pub(super) async fn settlement(&self, market: MarketClient) -> Settlement {
        let (fundings, consents) = {
            let treasurer = self.treasurer.lock().await;
            (treasurer.fundings(), treasurer.consents())
        };
        let oracles = HttpOracles::new(self.plain);
        let routes =
            serve::router(self.treasurer.clone(), market, oracles, self.node.clone()).await;
        let gate = Arc::new(Escrows::new(fundings, consents, self.provider));
        Settlement { routes, gate }
    }

    /// What it has seen last.
    pub(super) fn shown(&self) -> Result<Option<Shown>> {
        Shown::read(&self.folder)
    }

    /// Works until the future is dropped.
    pub(super) async fn work(mut self) {
        let oracles = HttpOracles::new(self.plain);
        loop {
            tokio::time::sleep(self.manner.every()).await;
            if let Err(error) = self.round(&oracles).await {
                tracing::warn!(%error, "the round ended early; trying again");
            }
        }
    }

    async fn round(&mut self, oracles: &HttpOracles) -> Result<()> {
        let round = serve::tend(&self.treasurer, &*self.node, oracles).await?;
        let mut treasurer = self.treasurer.lock().await;
        self.notes.take(&self.folder, &mut treasurer, &round);
        Ok(())
    }
}

/// What the treasurer has seen of the provider's escrows.
pub(crate) struct Escrows {
    fundings: Fundings,
    consents: Arc<Consents>,
    provider: Did,
}

impl Escrows {
    /// What `fundings` say of the escrows of `provider`, whose node tells `consents` what it agrees to.
    pub(crate) const fn new(fundings: Fundings, consents: Arc<Consents>, provider: Did) -> Self {
        Self { fundings, consents, provider }
    }
}

impl Gate for Escrows {
    fn may_take(&self, (contract, slot): SlotKey) -> Result<(), NotFunded> {
        match self.fundings.funded(contract, slot, self.provider) {
            Funding::Deep => Ok(()),
            Funding::Waiting { confirmations, needed } => {
                Err(NotFunded::Shallow { confirmations, of: needed })
            }
            Funding::Unknown => Err(NotFunded::NoEscrow),
        }
    }
    fn agrees(&self, reservation: &Verified<Reservation>, holds: bool) -> Result<(), String> {
        self.consents.give(reservation, holds).map_err(|error| error.to_string())
    }

    fn let_go(&self, (contract, slot): SlotKey) {
        if let Err(error) = self.consents.forget(contract, slot) {
            tracing::warn!(%error, "a slot that was let go is still known to the treasurer");
        }
    }
}
