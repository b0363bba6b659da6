//! The slots of a contract, as its client reaches them: each with its provider's address and the client's leave.

use crate::error::Error;
use client::{ContractRecord, Holder};
use network::api::{ContractView, SlotPass};
use network::auth::Pass;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::node_api::{NodeClient, SlotClient};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::documents::Access;
use types::{ContractId, Did, Signer};

/// One slot, and the connection to whoever keeps it.
#[derive(Clone)]
pub(crate) struct Holding {
    /// Its number.
    pub(crate) slot: u16,
    /// Who keeps it.
    pub(crate) provider: Did,
    /// How to reach it.
    pub(crate) client: SlotClient,
}

impl Holding {
    /// An error of this slot's.
    pub(crate) fn failed(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::Slot { slot: self.slot, provider: self.provider, reason: reason.to_string() }
    }
}

/// Connects to the keepers of slots. Slots of one provider share its connections.
pub(crate) struct Connector {
    signer: Arc<dyn Signer>,
    options: ClientOptions,
    plain: PlainHttp,
    nodes: BTreeMap<Did, NodeClient>,
}

impl Connector {
    /// Connects in the name that `signer` signs for.
    pub(crate) fn new(signer: Arc<dyn Signer>, options: ClientOptions, plain: PlainHttp) -> Self {
        Self { signer, options, plain, nodes: BTreeMap::new() }
    }

    /// The slot `slot` of `contract`, or why it cannot be reached.
    pub(crate) fn holding(
        &mut self,
        contract: ContractId,
        slot: u16,
        holder: &Holder,
        access: &[Access],
    ) -> Result<Holding, String> {
        let provider = holder.provider;
        let node = self.node(provider, holder.endpoint.as_deref())?;
        let signer = Arc::clone(&self.signer);
        let pass = Pass::own(signer, provider, (contract, slot), access);
        Ok(Holding { slot, provider, client: node.slot(pass) })
    }

    /// The slot of another's contract that `pass` gives leave to read, or why it cannot be reached.
    pub(crate) fn guest(
        &mut self,
        contract: ContractId,
        pass: &SlotPass,
    ) -> Result<Holding, String> {
        let (slot, provider) = (pass.slot, pass.provider);
        let node = self.node(provider, pass.endpoint.as_deref())?;
        let leave = Pass::presented(Arc::clone(&self.signer), pass.token.clone());
        let leave = leave.map_err(|error| error.to_string())?;
        if (leave.provider(), leave.contract(), leave.slot()) != (provider, contract, slot) {
            return Err("the market's token is for another slot".into());
        }
        Ok(Holding { slot, provider, client: node.slot(leave) })
    }

    fn node(&mut self, provider: Did, endpoint: Option<&str>) -> Result<NodeClient, String> {
        let node = if let Some(node) = self.nodes.get(&provider) {
            node.clone()
        } else {
            let url = endpoint.ok_or("its provider's address is not known")?;
            let endpoint = Endpoint::parse(url, self.plain)
                .and_then(|endpoint| endpoint.pinned(provider))
                .map_err(|error| error.to_string())?;
            let node = NodeClient::new(HttpClient::new(endpoint, self.options));
            self.nodes.insert(provider, node.clone());
            node
        };
        Ok(node)
    }
}

/// Who keeps what, as the market says.
pub(crate) fn holders(view: &ContractView) -> Vec<Holder> {
    let holder = |slot: &network::api::SlotView| Holder {
        provider: slot.provider,
        endpoint: slot.endpoint.clone(),
    };
    view.slots.iter().map(holder).collect()
}

/// What the catalogue keeps of a contract.
pub(crate) fn contract_record(view: &ContractView) -> ContractRecord {
    ContractRecord {
        id: view.id,
        capacity: view.terms.capacity,
        redundancy: view.terms.redundancy,
        shard_bytes: view.terms.shard_bytes,
        revision: view.revision,
        holders: holders(view),
        paid: BTreeMap::new(),
    }
}
