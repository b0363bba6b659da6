//! Changing a contract: renewal, growth, its end.

use crate::account::Client;
use crate::error::Error;
use network::api::ContractView;
use network::market_api::Amendment;
use types::documents::{Cancellation, Extension, Growth};
use types::{Bytes, ContractId, Document, Verified};

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
        let extension = Extension { client: self.did(), contract, epochs, automatic };
        self.amended(contract, Amendment::Extension, extension).await
    }

    /// Lets a contract come to have room for `capacity` sealed bytes in all, and its providers know of it.
    ///
    /// # Errors
    /// The market's refusal, for example where a provider's standing ask has no more room.
    pub async fn grow(&self, contract: ContractId, capacity: Bytes) -> Result<ContractView, Error> {
        let growth = Growth { client: self.did(), contract, capacity };
        let view = self.amended(contract, Amendment::Growth, growth).await?;
        self.tell_providers(&view).await;
        Ok(view)
    }

    /// Ends a contract: at no cost before anything is stored, else for its early-exit fee. What it holds is lost.
    ///
    /// # Errors
    /// The market's refusal.
    pub async fn end(&self, contract: ContractId) -> Result<ContractView, Error> {
        let cancellation = Cancellation { client: self.did(), contract };
        self.amended(contract, Amendment::Cancellation, cancellation).await
    }

    async fn amended<T: Document>(
        &self,
        contract: ContractId,
        kind: Amendment,
        document: T,
    ) -> Result<ContractView, Error> {
        let document = Verified::sign(document, &*self.signer)?;
        self.market.amend(contract, kind, document.signed()).await?;
        Ok(self.market.contract(contract).await?)
    }
}
