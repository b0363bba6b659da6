//! What a treasurer asks its market: which contracts there are, and how they settle on Bitcoin.

use network::api::{BitcoinInfo, ContractLine, ContractView};
use network::market_api::MarketClient;
use types::documents::Receipt;
use types::{ContractId, DocId};

/// A market, in one party's name. Errors are words for the operator: a round goes on without what is not answered.
pub trait Market: Send + Sync {
    /// How contracts settle on Bitcoin there.
    fn bitcoin(&self) -> impl Future<Output = Result<BitcoinInfo, String>> + Send;
    /// The party's contracts: those that it buys and those whose slots it holds.
    fn contracts(&self) -> impl Future<Output = Result<Vec<ContractLine>, String>> + Send;
    /// One contract of the party's. Nobody has signed that: what of it costs money is held against receipts.
    fn contract(&self, id: ContractId)
    -> impl Future<Output = Result<ContractView, String>> + Send;
    /// The receipt of a document that concerns the party.
    fn receipt(&self, document: DocId) -> impl Future<Output = Result<Receipt, String>> + Send;
}

impl Market for MarketClient {
    async fn bitcoin(&self) -> Result<BitcoinInfo, String> {
        let info = self.info().await.map_err(|error| error.to_string())?;
        let none = || "this market settles no contracts on Bitcoin; ask its operator".to_owned();
        info.bitcoin.ok_or_else(none)
    }

    async fn contracts(&self) -> Result<Vec<ContractLine>, String> {
        MarketClient::contracts(self).await.map_err(|error| error.to_string())
    }

    async fn contract(&self, id: ContractId) -> Result<ContractView, String> {
        MarketClient::contract(self, id).await.map_err(|error| error.to_string())
    }

    async fn receipt(&self, document: DocId) -> Result<Receipt, String> {
        MarketClient::receipt(self, document).await.map_err(|error| error.to_string())
    }
}
