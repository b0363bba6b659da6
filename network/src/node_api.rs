//! A provider's data plane, typed: shards in, receipts back, shards out, vouchers in.

use crate::api::{NodeInfo, ReceiptBody, SlotContent};
use crate::auth::{PRESENTATION, Pass};
use crate::client::{Answer, Call, ClientError, HttpClient};
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use shards::{Root, RootHasher};
use std::sync::Arc;
use types::{Hash, Signed};

/// The longest JSON that is read from a provider.
const JSON_BYTES_MAX: usize = 64 << 20;
/// The longest answer to the question whether it is there.
const PRESENCE_BYTES_MAX: usize = 4 << 10;

/// `POST …/receipts`: the provider's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptAnswer {
    /// The signed [`StorageReceipt`](types::documents::StorageReceipt).
    pub receipt: Signed,
}

/// `GET /v1/node/presence/{nonce}`: the provider's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceAnswer {
    /// The signed [`Presence`](types::documents::Presence).
    pub presence: Signed,
}

/// Speaks to one provider. Clones share connections.
#[derive(Clone, Debug)]
pub struct NodeClient {
    http: HttpClient,
}

impl NodeClient {
    /// Speaks over `http`, whose endpoint should be pinned to the provider's key.
    pub fn new(http: HttpClient) -> Self {
        Self { http }
    }

    /// Who answers there, and how full it is.
    pub async fn info(&self) -> Result<NodeInfo, ClientError> {
        self.http.get("/v1/node").read_json(JSON_BYTES_MAX).await
    }

    /// Its signed [`Presence`](types::documents::Presence) for `nonce`. Nothing has been verified: that is the caller's
    /// to do.
    pub async fn presence(&self, nonce: Hash) -> Result<Signed, ClientError> {
        let call = self.http.get(format!("/v1/node/presence/{nonce}"));
        Ok(call.read_json::<PresenceAnswer>(PRESENCE_BYTES_MAX).await?.presence)
    }

    /// One slot of the provider's, used by `pass`.
    pub fn slot(&self, pass: Pass) -> SlotClient {
        let base = format!("/v1/slots/{}/{}", pass.contract(), pass.slot());
        SlotClient { http: self.http.clone(), pass: Arc::new(pass), base }
    }
}

/// Speaks to one provider about one slot. Clones share connections and pass.
#[derive(Clone)]
pub struct SlotClient {
    http: HttpClient,
    pass: Arc<Pass>,
    base: String,
}

impl SlotClient {
    /// Under which pass.
    pub fn pass(&self) -> &Pass {
        &self.pass
    }

    /// Which shards are there, durable or not.
    pub async fn content(&self) -> Result<SlotContent, ClientError> {
        self.granted(self.http.get(&*self.base)).read_json(JSON_BYTES_MAX).await
    }

    /// Puts a shard, whose BLAKE3 root is `root`. Once this succeeds the bytes are there and right; that
    /// they stay is promised by the receipt alone.
    pub async fn put(&self, root: Root, shard: Bytes) -> Result<(), ClientError> {
        self.granted(self.http.put(self.path_of(root))).bytes(shard).done().await
    }

    /// Gets a shard of exactly `bytes` bytes whose root is `root`: both are checked as it arrives.
    pub async fn get(&self, root: Root, bytes: u32) -> Result<Bytes, ClientError> {
        let answer = self.read(root).await?;
        self.checked(answer, root, bytes as usize).await
    }

    /// Gets a shard's bytes as they come. Nothing has been checked: that is the caller's to do.
    pub async fn read(&self, root: Root) -> Result<Answer, ClientError> {
        self.granted(self.http.get(self.path_of(root))).send().await
    }

    /// Asks for the receipt of what the slot's list becomes: a signed
    /// [`StorageReceipt`](types::documents::StorageReceipt), given once every shard is durable.
    pub async fn receipt(&self, body: &ReceiptBody) -> Result<Signed, ClientError> {
        let call = self.granted(self.http.post(format!("{}/receipts", self.base)));
        Ok(call.json(body).read_json::<ReceiptAnswer>(JSON_BYTES_MAX).await?.receipt)
    }

    /// Tells that the contract has changed: the provider asks the market what the slot is now, and lets go of what
    /// it need not keep any more.
    pub async fn look(&self) -> Result<(), ClientError> {
        self.granted(self.http.post(format!("{}/look", self.base))).done().await
    }

    /// Pays for reads with a [`Voucher`](types::documents::Voucher).
    pub async fn pay(&self, voucher: &Signed) -> Result<(), ClientError> {
        let call = self.granted(self.http.post(format!("{}/vouchers", self.base)));
        call.document(voucher).done().await
    }

    fn path_of(&self, root: Root) -> String {
        format!("{}/shards/{}", self.base, Hash(root.0))
    }

    fn granted(&self, call: Call) -> Call {
        let (token, presentation) = self.pass.headers();
        let call = call.authorised(token);
        match presentation {
            Some(shown) => call.header(PRESENTATION, shown),
            None => call,
        }
    }

    async fn checked(
        &self,
        mut answer: Answer,
        root: Root,
        bytes: usize,
    ) -> Result<Bytes, ClientError> {
        let wrong = |got: usize| {
            let reason = format!("shard {root} has {bytes} bytes, but {got} came");
            self.http.wrong_answer(reason)
        };
        let mut hasher = RootHasher::new();
        let mut whole = BytesMut::with_capacity(bytes);
        while let Some(piece) = answer.chunk().await? {
            if whole.len() + piece.len() > bytes {
                return Err(wrong(whole.len() + piece.len()));
            }
            hasher.update(&piece);
            whole.extend_from_slice(&piece);
        }
        if whole.len() != bytes {
            return Err(wrong(whole.len()));
        }
        if hasher.root() != root {
            let reason = format!("the bytes sent for shard {root} are not that shard");
            return Err(self.http.wrong_answer(reason));
        }
        Ok(whole.freeze())
    }
}
