//! Load for a market: seeded chance, parties by number, what they sign, and the wire they send it over.

use network::api::{ToMarket, ToProvider};
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use network::stream::StreamError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use types::documents::{Ask, Confirmation, Reservation};
use types::{
    Bytes, ContractId, Did, Document, GbPrice, Hash, Price, SecretKey, Signed, Signer, Span, Tier,
    Timestamp, Verified,
};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Where the market answers now; nothing while it is down or not to be disturbed.
pub(crate) type Whereabouts = watch::Receiver<Option<SocketAddr>>;

/// Draws that follow from a seed (`SplitMix64`).
pub(crate) struct Chance(u64);

impl Chance {
    /// Chance from a seed, for one purpose: a draw more for one shifts nothing for another.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let parts: [&[u8]; 2] = [&seed.to_le_bytes(), purpose.as_bytes()];
        let derived = Hash::derive("bondstore 2026 test chance", &parts).0;
        Self(u64::from_le_bytes(*derived.first_chunk().expect("a hash has 32 bytes")))
    }

    /// The next 64 bits.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// A party's key, by its role and number.
pub(crate) fn key(role: &str, number: u64) -> SecretKey {
    let parts: [&[u8]; 2] = [role.as_bytes(), &number.to_le_bytes()];
    SecretKey::from_seed(&Hash::derive("bondstore 2026 test key", &parts).0)
}

/// Signs a document that names the key's party.
pub(crate) fn sign<T: Document>(document: T, key: &SecretKey) -> Verified<T> {
    Verified::sign(document, key).expect("the document names its signer")
}

/// A provider's offer, large and cheap; providers differ by operator and endpoint.
pub(crate) fn ask(number: u64, sequence: u64) -> Verified<Ask> {
    let key = key("provider", number);
    let ask = Ask {
        provider: key.did(),
        sequence,
        endpoint: format!("http://127.0.0.1:{}", 9_000 + number),
        region: "here".into(),
        operator: format!("operator {number}"),
        capacity: Bytes(1 << 40),
        price: Price::whole(100),
        egress: GbPrice::whole(10),
        ingress: GbPrice::whole(1),
        tiers: Tier::ALL.to_vec(),
        minimum_use: Bytes(1 << 20),
        duration_max: Span(365 * Span::DAY.0),
        volume_discounts: Vec::new(),
        duration_discounts: Vec::new(),
        tags: Vec::new(),
        counter: None,
        held_bond_permille: 0,
        expires: network::clock::now().after(Span(30 * Span::DAY.0)),
    };
    sign(ask, &key)
}

/// Speaks to the market at `address` as the party with `key`.
pub(crate) fn speaker(address: SocketAddr, market: Did, key: &SecretKey) -> MarketClient {
    let endpoint = Endpoint::parse(&format!("http://{address}"), PlainHttp::LoopbackOnly);
    let http = HttpClient::new(endpoint.expect("a loopback address"), ClientOptions::default());
    MarketClient::new(http, market, Arc::new(key.clone()))
}

/// Where the market is, once it is there. Never comes back where the test has ended.
pub(crate) async fn wait_for_market(whereabouts: &mut Whereabouts) -> SocketAddr {
    let address = whereabouts.wait_for(Option::is_some).await.ok().and_then(|known| *known);
    match address {
        Some(address) => address,
        None => std::future::pending().await,
    }
}

/// A provider's yes to a slot that is reserved with it.
pub(crate) fn confirmation(
    key: &SecretKey,
    (contract, slot): (ContractId, u16),
    answer_by: Timestamp,
) -> Verified<Confirmation> {
    sign(Confirmation { provider: key.did(), contract, slot, answer_by, declined: None }, key)
}

/// A provider that is connected whenever the market is there, until the handle is aborted. Where it
/// `confirms`, it takes every slot that is reserved with it.
pub(crate) fn provider(
    number: u64,
    market: Did,
    mut whereabouts: Whereabouts,
    confirms: bool,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let key = key("provider", number);
        for sequence in 1.. {
            let client = speaker(wait_for_market(&mut whereabouts).await, market, &key);
            // The stream ends where the market is killed, and is opened again.
            let _ended = serve(&client, &ask(number, sequence), confirms.then_some(&key)).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}

/// One stream, from hello to its end.
async fn serve(
    client: &MarketClient,
    ask: &Verified<Ask>,
    confirming: Option<&SecretKey>,
) -> Result<(), StreamError> {
    let (sender, mut receiver) = client.stream(Vec::new()).await?.split();
    sender.send(ToMarket::Ask(ask.signed().clone())).await?;
    while let Some(message) = receiver.recv().await? {
        if let (ToProvider::Reservation(signed), Some(key)) = (message, confirming) {
            let wanted: Verified<Reservation> = signed.verify().expect("the market signs");
            let taken = confirmation(key, (wanted.contract, wanted.slot), wanted.answer_by);
            sender.send(ToMarket::Confirmation(taken.signed().clone())).await?;
        }
    }
    Ok(())
}

/// A POST that can be sent again and again.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    path: String,
    media: &'static str,
    body: String,
    /// Its `Idempotency-Key`, where it has one.
    pub(crate) key: Option<String>,
}

impl Post {
    /// A signed document as the whole body.
    pub(crate) fn document(path: impl Into<String>, document: &Signed) -> Self {
        Self { path: path.into(), media: "application/jose", body: document.0.clone(), key: None }
    }

    /// A JSON body.
    pub(crate) fn json(path: impl Into<String>, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("bodies have only text as keys");
        Self { path: path.into(), media: "application/json", body, key: None }
    }

    /// The same under `key`.
    pub(crate) fn keyed(&self, key: Option<String>) -> Self {
        Self { key, ..self.clone() }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let key =
            self.key.as_ref().map_or_else(String::new, |key| format!("idempotency-key: {key}\r\n"));
        let Self { path, media, body, .. } = self;
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: market\r\ncontent-type: {media}\r\n\
             content-length: {length}\r\n{key}\r\n{body}"
        )
        .into_bytes()
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body of a success.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection that is kept open. Nothing is repeated here: what is sent twice, the test sends twice.
pub(crate) struct Wire {
    stream: BufStream<TcpStream>,
    address: SocketAddr,
    used: Instant,
}

/// After such a silence another connection is made, before the server closes this one.
const SILENCE: Duration = Duration::from_secs(10);

impl Wire {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufStream::new(stream), address, used: Instant::now() })
    }

    /// Sends a request and reads its answer, whatever it is.
    pub(crate) async fn send(&mut self, post: &Post) -> io::Result<Answer> {
        if self.used.elapsed() > SILENCE {
            *self = Self::open(self.address).await?;
        }
        self.stream.write_all(&post.to_bytes()).await?;
        self.stream.flush().await?;
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (mut head, mut line) = (Vec::new(), String::new());
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(cut());
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim().to_ascii_lowercase());
        }
        let status = head.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let length =
            head.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.ok_or_else(cut)?];
        self.stream.read_exact(&mut body).await?;
        self.used = Instant::now();
        Ok(Answer { status: status.ok_or_else(cut)?, body })
    }
}
