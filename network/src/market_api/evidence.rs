//! What a party can hold a market to: receipts, proofs, statements and invoices.

use super::MarketClient;
use super::operations as op;
use crate::api::{HistoryEntry, Page};
use crate::client::ClientError;
use crate::statements::{Invoice, Statement};
use serde::{Deserialize, Serialize};
use types::documents::{Receipt, TreeHead};
use types::tree::ConsistencyProof;
use types::{ContractId, Did, DocId, Jws, Signed, Timestamp};
use utoipa::ToSchema;

/// `GET /v1/head`: the market's word for its whole journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeadBody {
    /// The newest [`TreeHead`], signed by the market.
    #[schema(value_type = Jws<TreeHead>)]
    pub head: Signed,
}

/// A period: from one instant on, up to and without another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    /// Its beginning; the beginning of time where nothing is said.
    pub from: Option<Timestamp>,
    /// Its end; now where nothing is said.
    pub to: Option<Timestamp>,
}

impl Period {
    /// The period as a request's query.
    fn query(self, party: Option<Did>) -> String {
        let from = self.from.map(|from| format!("from={}", from.0));
        let to = self.to.map(|to| format!("to={}", to.0));
        let party = party.map(|party| format!("party={party}"));
        let parts: Vec<String> = [from, to, party].into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

impl MarketClient {
    /// The receipt of a document that concerns the party.
    pub async fn receipt(&self, document: DocId) -> Result<Receipt, ClientError> {
        self.read(&op::RECEIPT.path_to(&[&document])).await
    }

    /// The market's newest signed tree head.
    pub async fn head(&self) -> Result<Signed, ClientError> {
        Ok(self.read::<HeadBody>(op::HEAD.path).await?.head)
    }

    /// That the tree of `from` entries is the beginning of that of `to`.
    pub async fn consistency(&self, from: u64, to: u64) -> Result<ConsistencyProof, ClientError> {
        self.read(&format!("{}?from={from}&to={to}", op::CONSISTENCY.path)).await
    }

    /// A party's statement: one's own, or anybody's for the operator.
    pub async fn statement(&self, party: Did, period: Period) -> Result<Statement, ClientError> {
        let path = op::STATEMENT.path_to(&[&party]);
        self.read(&format!("{path}{}", period.query(None))).await
    }

    /// A contract's statement.
    pub async fn contract_statement(
        &self,
        contract: ContractId,
        period: Period,
    ) -> Result<Statement, ClientError> {
        let path = op::CONTRACT_STATEMENT.path_to(&[&contract]);
        self.read(&format!("{path}{}", period.query(None))).await
    }

    /// What a contract cost or earned the party; `party` where the operator asks for another.
    pub async fn invoice(
        &self,
        contract: ContractId,
        period: Period,
        party: Option<Did>,
    ) -> Result<Invoice, ClientError> {
        let path = op::INVOICE.path_to(&[&contract]);
        self.read(&format!("{path}{}", period.query(party))).await
    }

    /// The first page of a contract's postings behind the posting `after`.
    pub async fn contract_history(
        &self,
        contract: ContractId,
        after: u64,
    ) -> Result<Page<HistoryEntry>, ClientError> {
        let path = op::CONTRACT_HISTORY.path_to(&[&contract]);
        self.read(&format!("{path}?after={after}")).await
    }
}
