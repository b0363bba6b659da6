//! One slot of one contract, as its client reaches it: under tokens of the client's own.

use crate::chance;
use bytes::Bytes;
use network::api::ReceiptBody;
use network::client::{ClientError, ClientOptions};
use network::endpoint::{Endpoint, PlainHttp};
use network::node_api::NodeClient;
use shards::Root;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use types::documents::{Access, AccessToken, StorageReceipt, Voucher};
use types::{ContractId, Did, Hash, Signed, Signer, Timestamp, Verified};

/// How long a token lasts.
const TOKEN_SECONDS: u64 = 300;
/// A token is replaced when it has less than this left.
const TOKEN_SECONDS_MIN: u64 = 60;

/// A slot, with the connection to whoever keeps it.
pub(crate) struct Holding {
    pub(crate) slot: u16,
    pub(crate) provider: Did,
    pub(crate) contract: ContractId,
    node: NodeClient,
    signer: Arc<dyn Signer>,
    token: Mutex<Option<(Signed, Timestamp)>>,
}
