//! A guest's leave to use another's contract: passes for its slots, renewed while they are used.

use super::lists::ended;
use crate::account::Client;
use crate::download::{Seller, Tab, TabFile};
use crate::error::Error;
use crate::holding::Holding;
use network::api::{ContractView, SlotPass};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use types::documents::Access;
use types::{ContractId, Did};

/// How often a guest's passes are renewed while it uses them: they are good for five minutes.
const RENEW_EVERY: Duration = Duration::from_mins(2);

impl Client {
    /// Another's slots, to write to.
    ///
    /// # Errors
    /// [`Error::LeaveEnded`] where no grant of its client's stands.
    pub(crate) async fn guests_holdings(&self, view: &ContractView) -> Result<Vec<Holding>, Error> {
        let passes = self.market.passes(view.id, Access::Write).await;
        let passes = passes.map_err(|error| ended(view.client, error))?;
        let mut connector = self.connector(self.options.upload);
        let holding = |held: &network::api::SlotView| {
            let (slot, provider) = (held.slot, held.provider);
            let pass = passes.iter().find(|pass| (pass.slot, pass.provider) == (slot, provider));
            let holding = pass
                .ok_or_else(|| "it is changing hands; try again in a moment".to_owned())
                .and_then(|pass| connector.guest(view.id, pass));
            holding.map_err(|reason| Error::Slot { slot, provider, reason })
        };
        view.slots.iter().map(holding).collect()
    }

    /// Another's slots, to read from for money.
    pub(super) fn guests_sellers(
        &self,
        contract: ContractId,
        passes: &[SlotPass],
        tabs: &Arc<TabFile>,
    ) -> Vec<Result<Arc<Seller>, (Did, String)>> {
        let mut connector = self.connector(self.options.download);
        let slots = passes.iter().map(|pass| pass.slot + 1).max().unwrap_or(0);
        let seller = |slot: u16| {
            let pass = passes.iter().find(|pass| pass.slot == slot);
            let pass = pass.ok_or((self.market.market(), "nobody keeps it now".to_owned()))?;
            let holding =
                connector.guest(contract, pass).map_err(|reason| (pass.provider, reason))?;
            let tab = Tab::new(holding.clone(), Arc::clone(&self.signer), Arc::clone(tabs));
            Ok(Arc::new(Seller { holding, tab }))
        };
        (0..slots).map(seller).collect()
    }

    /// Does `work` on the slots `held`, whose passes are renewed meanwhile where they are another's.
    pub(crate) async fn with_leave<T>(
        &self,
        view: &ContractView,
        held: &[Holding],
        work: impl Future<Output = T>,
    ) -> T {
        if view.client == self.did() {
            return work.await;
        }
        tokio::select! {
            done = work => done,
            never = self.renew_passes(view.id, Access::Write, held) => match never {},
        }
    }

    /// Renews the passes for as long as it is polled.
    pub(super) async fn renew_passes(
        &self,
        contract: ContractId,
        access: Access,
        held: &[Holding],
    ) -> Infallible {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let passes = match self.market.passes(contract, access).await {
                Ok(passes) => passes,
                Err(error) => {
                    tracing::warn!(%error, "leave to use another's contract could not be renewed");
                    continue;
                }
            };
            for held in held {
                let same =
                    |pass: &&SlotPass| pass.slot == held.slot && pass.provider == held.provider;
                if let Some(pass) = passes.iter().find(same) {
                    held.client.pass().renew(pass.token.clone());
                }
            }
        }
    }
}
