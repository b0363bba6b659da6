//! Changing a contract: renewal, growth, its end.

use crate::account::Client;
use crate::error::Error;
use network::api::ContractView;
use types::documents::{Cancellation, Extension, Growth};
use types::{Bytes, ContractId, Verified};

impl Client {
    /// Lets a contract run for `epochs` epochs in all, and says whether it renews itself at its end.
    ///
    /// # Errors
    /// The market's refusal, for example where a provider's standing ask does not cover the longer term.
    pub async fn renew(
        &self,
        contract: ContractId,
        epochs: u64,
        automatic: bool,
    ) -> Result<ContractView, Error> {
        let number = self.market.contract(contract).await?.extensions.saturating_add(1);
        let extension = Extension { client: self.did(), contract, number, epochs, automatic };
        let extension = Verified::sign(extension, &*self.signer)?;
        Ok(self.market.extend(contract, extension.signed()).await?)
    }

    /// Lets a contract come to have room for `capacity` sealed bytes in all, and its providers know of it.
    ///
    /// # Errors
    /// The market's refusal, for example where a provider's standing ask has no more room.
    pub async fn grow(&self, contract: ContractId, capacity: Bytes) -> Result<ContractView, Error> {
        let growth = Growth { client: self.did(), contract, capacity };
        let growth = Verified::sign(growth, &*self.signer)?;
        let view = self.market.grow(contract, growth.signed()).await?;
        self.tell_providers(&view).await;
        Ok(view)
    }

    /// Ends a contract: at no cost before anything is stored, else for its early-exit fee. What it holds is lost.
    ///
    /// # Errors
    /// The market's refusal.
    pub async fn end(&self, contract: ContractId) -> Result<ContractView, Error> {
        let cancellation = Cancellation { client: self.did(), contract };
        let cancellation = Verified::sign(cancellation, &*self.signer)?;
        Ok(self.market.cancel(contract, cancellation.signed()).await?)
    }
}
