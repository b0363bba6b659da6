//! Where parties learn what address is theirs: `POST /v1/address`, with a session of the market as everywhere.

use super::Cashier;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use bitcoin::Network;
use network::api::Problem;
use network::extract::QueryOf;
use network::{auth, clock};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Mutex;
use types::Did;
use types::documents::Anchor;

/// What the service stands on.
#[derive(Clone)]
struct Desk {
    market: Did,
    cashier: Arc<Mutex<Cashier>>,
}

/// Where a party's deposits go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositAddress {
    /// Whose.
    pub party: Did,
    /// On which network.
    pub network: Network,
    /// Always the same.
    pub address: String,
    /// After how many blocks a deposit is booked.
    pub confirmations: u32,
}

/// What a cashier says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashierView {
    /// Whose coins it holds.
    pub market: Did,
    /// On which network.
    pub network: Network,
    /// The last block it has seen.
    pub height: u32,
    /// After how many blocks a deposit is booked.
    pub confirmations: u32,
    /// How many entries of the journal are anchored, by anchors that can be proven.
    pub anchored: u64,
}

/// Which anchor is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Of a journal of at least so many entries.
    entries: u64,
}

/// The service of a `market`'s cashier.
pub fn router(market: Did, cashier: Arc<Mutex<Cashier>>) -> Router {
    Router::new()
        .route("/v1/cashier", get(about))
        .route("/v1/address", post(address))
        .route("/v1/anchor", get(anchor))
        .with_state(Desk { market, cashier })
}

async fn about(State(desk): State<Desk>) -> Json<CashierView> {
    let cashier = desk.cashier.lock().await;
    Json(CashierView {
        market: desk.market,
        network: cashier.network(),
        height: cashier.wallet.tip().height,
        confirmations: cashier.manner.confirmations,
        anchored: cashier.proven_entries(),
    })
}

/// The first anchor of a journal with so many entries that can be proven, as a receipt carries it.
async fn anchor(
    State(desk): State<Desk>,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Json<Anchor>, Problem> {
    let cashier = desk.cashier.lock().await;
    let anchor = cashier.anchor_of(wanted.entries).ok_or_else(|| {
        let Wanted { entries } = wanted;
        let proven = cashier.proven_entries();
        Problem::not_found(format!(
            "no journal of {entries} entries is anchored yet, one of {proven} is: ask again after the next anchor"
        ))
    })?;
    Ok(Json(anchor))
}

async fn address(
    State(desk): State<Desk>,
    headers: HeaderMap,
) -> Result<Json<DepositAddress>, Problem> {
    let session = auth::session(&headers, desk.market, clock::now())?;
    let party = session.party;
    let mut cashier = desk.cashier.lock().await;
    let address = cashier.deposit_address(party).map_err(|error| {
        tracing::error!(%error, "no address can be given");
        Problem::internal()
    })?;
    Ok(Json(DepositAddress {
        party,
        network: cashier.network(),
        address: address.to_string(),
        confirmations: cashier.manner.confirmations,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cashier::Manner;
    use crate::keys::MasterKey;
    use network::auth::Sessions;
    use network::client::{ClientOptions, HttpClient};
    use network::endpoint::{Endpoint, PlainHttp};
    use network::server::{ServeOptions, bind, serve};
    use types::{SecretKey, Signer};

    #[tokio::test]
    async fn a_party_with_a_session_is_told_its_own_address() {
        let folder = tempfile::tempdir().unwrap();
        let keys = MasterKey::new(&[1; 32], Network::Regtest).unwrap();
        let market = SecretKey::from_seed(&[9; 32]).did();
        let manner = Manner { market, confirmations: 3, anchors: None };
        let cashier = Cashier::open(folder.path(), keys, manner, None).unwrap();
        let cashier = Arc::new(Mutex::new(cashier));
        let routes = router(market, cashier.clone());
        let listener = bind("127.0.0.1:0").await.unwrap();
        let server = serve(listener, routes, ServeOptions::default()).unwrap();
        let url = format!("http://{}", server.address());
        let endpoint = Endpoint::parse(&url, PlainHttp::LoopbackOnly).unwrap();
        let http = HttpClient::new(endpoint, ClientOptions::default());

        let told = http.get("/v1/cashier").read_json::<CashierView>(4_096).await.unwrap();
        let network = Network::Regtest;
        let expected = CashierView { market, network, height: 0, confirmations: 3, anchored: 0 };
        assert_eq!(told, expected);
        let refused = http.get("/v1/anchor?entries=1").read_bytes(4_096).await.unwrap_err();
        assert_eq!(refused.code(), Some("not_found"));
        let refused = http.post("/v1/address").read_bytes(4_096).await.unwrap_err();
        assert_eq!(refused.code(), Some("authorisation_missing"));
        let ask = async |seed: u8, audience: Did| {
            let sessions = Sessions::new(Arc::new(SecretKey::from_seed(&[seed; 32])), audience);
            let call = http.post("/v1/address").authorised(sessions.header());
            call.read_json::<DepositAddress>(4_096).await
        };
        let refused = ask(1, SecretKey::from_seed(&[8; 32]).did()).await.unwrap_err();
        assert_eq!(refused.code(), Some("session_audience"));
        let (one, again, other) = (
            ask(1, market).await.unwrap(),
            ask(1, market).await.unwrap(),
            ask(2, market).await.unwrap(),
        );
        assert_eq!(one, again);
        assert_ne!(one.address, other.address);
        let party = SecretKey::from_seed(&[1; 32]).did();
        assert_eq!((one.party, one.confirmations), (party, 3));
        assert_eq!(cashier.lock().await.deposit_address(party).unwrap().to_string(), one.address);
        server.shutdown().await;
    }
}
