//! A provider's treasurer behind a port: the contract's client is heard, and nobody else.

use crate::others::Seat;
use crate::papers::reservation;
use crate::world::{CLIENT, DEPTH, World, did, id, secret};
use contracts_bitcoin::deal::message::ToProvider;
use contracts_bitcoin::treasurer::client::HttpPeers;
use contracts_bitcoin::treasurer::{EndedBy, EscrowState, Peer, Peers, serve};
use network::endpoint::PlainHttp;
use network::server::{ServeOptions, ServerHandle, bind};
use std::sync::Arc;
use tokio::sync::Mutex;

struct Served {
    world: World,
    treasurer: Arc<Mutex<contracts_bitcoin::treasurer::Treasurer>>,
    server: ServerHandle,
    url: String,
}

async fn served() -> Served {
    let world = World::new(1).await;
    let provider = world.street.homes[&did(2)].lock().await.take().unwrap();
    let treasurer = Arc::new(Mutex::new(provider));
    let desk = world.street.desk.clone();
    let seat = Seat { desk, party: did(2), wire: crate::others::Wire::default() };
    let routes = serve::router(
        treasurer.clone(),
        seat,
        world.auditors.clone(),
        Arc::new(world.chain.clone()),
    )
    .await;
    let listener = bind("127.0.0.1:0").await.unwrap();
    let server = network::server::serve(listener, routes, ServeOptions::default()).unwrap();
    let url = format!("http://{}", server.address());
    Served { world, treasurer, server, url }
}

impl Served {
    /// Contract 7 is agreed, of one slot.
    fn agree(&self) {
        self.world.agree(7, &[2]);
        let url = self.url.clone();
        self.world.change(7, |view| view.slots[0].endpoint = Some(url));
        let view = self.world.street.desk.lock().unwrap().views[&id(7)].clone();
        let consents = self.treasurer.try_lock().unwrap().consents();
        consents.give(&reservation(&view, &view.slots[0]), false).unwrap();
    }
}

fn peers(number: u8) -> HttpPeers {
    HttpPeers::new(Arc::new(secret(number)), PlainHttp::LoopbackOnly)
}

#[tokio::test]
async fn a_contract_is_made_and_ended_over_http() {
    let served = served().await;
    served.agree();
    let Served { mut world, treasurer, server, .. } = served;
    let peers = peers(CLIENT);
    let (seat, chain, auditors) = (world.seat(), world.chain.clone(), world.auditors.clone());
    let round = world.client.as_mut().unwrap().round(&chain, &seat, &peers, &auditors).await;
    assert_eq!(round.unwrap().funded.len(), 1);
    world.mine(DEPTH).await;
    serve::tend(&treasurer, &chain, &auditors).await.unwrap();
    let funded = treasurer.lock().await.fundings();
    assert_eq!(funded.funded(id(7), 0, did(2)), contracts_bitcoin::treasurer::Funding::Deep);
    world.attest(7, 0, 2, 900);
    let client = world.client.as_mut().unwrap();
    client.round(&chain, &seat, &peers, &auditors).await.unwrap();
    let early = client.round(&chain, &seat, &peers, &auditors).await.unwrap();
    assert!(
        early.waiting.iter().any(|r| r.contains("not_attested") || r.contains("no outcome")),
        "{early:?}"
    );
    serve::tend(&treasurer, &chain, &auditors).await.unwrap();
    let round = client.round(&chain, &seat, &peers, &auditors).await.unwrap();
    assert_eq!(round.agreed.len(), 1, "{round:?}");
    world.mine(DEPTH).await;
    let client = world.client.as_mut().unwrap();
    client.round(&chain, &seat, &peers, &auditors).await.unwrap();
    assert_eq!(client.escrows()[0].state, EscrowState::Ended(EndedBy::Agreed));
    server.shutdown().await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let served = served().await;
    served.agree();
    let Served { mut world, server, url, .. } = served;
    world.street.silent.lock().unwrap().insert(did(2));
    world.manner.answer_within = std::time::Duration::from_millis(100);
    world.reopen_client();
    world.round().await.unwrap();
    let offer = world.street.said.lock().unwrap()[0].1.clone();
    let peer = Peer { provider: did(2), endpoint: Some(url.clone()) };
    let refused = peers(9).tell(&peer, id(7), &offer).await.unwrap_err();
    assert!(refused.contains("is not the client"), "{refused}");
    let elsewhere = Peer { provider: did(3), endpoint: Some(url.clone()) };
    let refused = peers(CLIENT).tell(&elsewhere, id(7), &offer).await.unwrap_err();
    assert!(refused.contains("but this is"), "a session for another provider: {refused}");
    let unknown = Peer { provider: did(2), endpoint: None };
    assert!(peers(CLIENT).tell(&unknown, id(7), &offer).await.is_err());
    let http = network::client::HttpClient::new(
        network::endpoint::Endpoint::parse(&url, PlainHttp::LoopbackOnly).unwrap(),
        network::client::ClientOptions::default(),
    );
    let call = http.post(format!("/v1/deals/{}", id(7))).json(&offer);
    assert_eq!(call.done().await.unwrap_err().code(), Some("authorisation_missing"));
    assert!(peers(CLIENT).tell(&peer, id(7), &offer).await.unwrap().is_some());
    let ToProvider::Offer(offer) = offer else { panic!() };
    let release = contracts_bitcoin::deal::message::Release {
        funding: bitcoin::hashes::Hash::hash(offer.id().0.as_slice()),
    };
    let early = ToProvider::Release(release);
    let refused = peers(CLIENT).tell(&peer, id(7), &early).await.unwrap_err();
    assert!(refused.contains("the release comes before"), "{refused}");
    let refused = peers(9).tell(&peer, id(7), &early).await.unwrap_err();
    assert!(refused.contains("no deal about"), "{refused}");
    server.shutdown().await;
}
