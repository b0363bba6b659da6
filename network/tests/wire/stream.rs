//! The stream between a provider and its market.

use super::support::{client_of, key, plain, read_head, soon};
use axum::Router;
use axum::routing::get;
use http::HeaderMap;
use network::api::{Problem, ToMarket, ToProvider};
use network::market_api::MarketClient;
use network::server::ServerHandle;
use network::stream::{Duplex, MESSAGE_BYTES_MAX, StreamError, StreamUpgrade};
use network::{auth, clock};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use types::{Hash, Signed, Signer};

type MarketEnd = Duplex<ToProvider, ToMarket>;

/// A market that hands its end of every stream to the test.
async fn market() -> (ServerHandle, mpsc::UnboundedReceiver<MarketEnd>) {
    let (opened, ends) = mpsc::unbounded_channel();
    let route = get(async move |headers: HeaderMap, upgrade: StreamUpgrade| {
        auth::session(&headers, key(1).did(), clock::now())?;
        Ok::<_, Problem>(upgrade.accept(async move |end: MarketEnd| {
            assert!(opened.send(end).is_ok(), "the test waits for it");
        }))
    });
    (plain(Router::new().route("/v1/stream", route)).await, ends)
}

fn provider(server: &ServerHandle) -> MarketClient {
    MarketClient::new(client_of(server), key(1).did(), key(2))
}

#[tokio::test]
async fn messages_go_both_ways() {
    let (server, mut ends) = market().await;
    let holdings = vec![(Hash::of(b"contract"), 3)];
    let end = soon(provider(&server).stream(holdings.clone())).await.unwrap();
    let (to_market, mut from_market) = end.split();
    let (to_provider, mut from_provider) = soon(ends.recv()).await.unwrap().split();

    let Some(ToMarket::Hello { session, holdings: held }) =
        soon(from_provider.recv()).await.unwrap()
    else {
        panic!("the first message is Hello")
    };
    let session = auth::check_session(&session, key(1).did(), clock::now()).unwrap();
    assert_eq!((session.party, held), (key(2).did(), holdings));

    let ask = ToProvider::Challenge(Signed("a.b.c".to_owned()));
    to_provider.send(ask.clone()).await.unwrap();
    assert_eq!(soon(from_market.recv()).await.unwrap(), Some(ask));
    let answers = vec![vec![7; 1 << 20], vec![]];
    let proof = ToMarket::Proof { proof: Signed("d.e.f".to_owned()), answers };
    for _ in 0..40 {
        let sent = proof.clone();
        let (sent, came) = tokio::join!(to_market.send(sent), from_provider.recv());
        sent.unwrap();
        assert!(came.unwrap().as_ref() == Some(&proof));
    }

    drop(to_market);
    assert_eq!(soon(from_provider.recv()).await.unwrap(), None, "a provider that is done says so");
}

#[tokio::test]
async fn a_stranger_gets_no_stream() {
    let (server, _ends) = market().await;
    let stranger = MarketClient::new(client_of(&server), key(9).did(), key(2));
    let error = soon(stranger.stream(vec![])).await.err().unwrap();
    let StreamError::Connect(error) = error else { panic!("{error}") };
    assert_eq!(error.code(), Some("session_audience"));
}

#[tokio::test]
async fn the_path_speaks_nothing_else() {
    let (server, _ends) = market().await;
    let error = client_of(&server).get("/v1/stream").done().await.unwrap_err();
    assert_eq!(error.code(), Some("upgrade_required"));
}

#[tokio::test]
async fn a_killed_market_ends_the_stream() {
    let (server, mut ends) = market().await;
    let (to_market, mut from_market) = provider(&server).stream(vec![]).await.unwrap().split();
    let (to_provider, mut from_provider) = soon(ends.recv()).await.unwrap().split();
    assert!(matches!(from_provider.recv().await, Ok(Some(ToMarket::Hello { .. }))));
    server.kill();
    let ended = soon(from_provider.recv()).await;
    assert!(matches!(ended, Err(StreamError::Broken(_))), "{ended:?}");
    drop((to_provider, from_provider));
    let ended = soon(from_market.recv()).await;
    assert!(matches!(ended, Ok(None) | Err(StreamError::Broken(_))), "{ended:?}");
    drop(from_market);
    soon(to_market.closed()).await;
    let sent = to_market.send(ToMarket::Ask(Signed(String::new()))).await;
    assert!(matches!(sent, Err(StreamError::Closed)));
}

#[tokio::test]
async fn a_provider_that_drops_its_end_is_gone_at_once() {
    let (server, mut ends) = market().await;
    let end = provider(&server).stream(vec![]).await.unwrap();
    let (_to_provider, mut from_provider) = soon(ends.recv()).await.unwrap().split();
    assert!(matches!(soon(from_provider.recv()).await, Ok(Some(ToMarket::Hello { .. }))));
    drop(end);
    let ended = soon(from_provider.recv()).await;
    assert!(matches!(ended, Ok(None) | Err(StreamError::Broken(_))), "{ended:?}");
}

#[tokio::test]
async fn a_slow_end_holds_nobody_up() {
    let (server, mut ends) = market().await;
    let _deaf = provider(&server).stream(vec![]).await.unwrap();
    let (to_provider, _from_provider) = soon(ends.recv()).await.unwrap().split();
    let layout = "x".repeat(1 << 20);
    let refused = soon(async {
        loop {
            if let Err(error) = to_provider.try_send(ToProvider::Challenge(Signed(layout.clone())))
            {
                return error;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(matches!(refused, StreamError::Full), "{refused}");
}

#[tokio::test]
async fn a_message_that_is_too_long_is_not_sent() {
    let (server, mut ends) = market().await;
    let end = provider(&server).stream(vec![]).await.unwrap();
    let _market_end = soon(ends.recv()).await.unwrap();
    let answers = vec![vec![0; MESSAGE_BYTES_MAX]];
    let sent = end.sender().send(ToMarket::Proof { proof: Signed(String::new()), answers }).await;
    assert!(matches!(sent, Err(StreamError::TooLong(_))), "{sent:?}");
}

/// Opens a stream by hand and sends `frames`; what the market's end makes of them.
async fn what_the_market_makes_of(frames: &[u8]) -> Vec<Result<Option<ToMarket>, StreamError>> {
    let (server, mut ends) = market().await;
    let session = auth::Sessions::new(key(2), key(1).did()).document();
    let mut stream = TcpStream::connect(server.address()).await.expect("it listens");
    let request = format!(
        "GET /v1/stream HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: bondstore-stream/1\r\n\
         authorization: Bearer {}\r\n\r\n",
        session.0
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let answer = read_head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    stream.write_all(frames).await.expect("it reads");
    stream.shutdown().await.expect("it is open");
    let (_to_provider, mut from_provider) = ends.recv().await.expect("a stream").split();
    let mut heard = Vec::new();
    loop {
        let message = soon(from_provider.recv()).await;
        let goes_on = matches!(message, Ok(Some(_)));
        heard.push(message);
        if !goes_on {
            return heard;
        }
    }
}

#[tokio::test]
async fn frames_are_a_length_and_a_message_and_empty_ones_are_signs_of_life() {
    let ask = ToMarket::Ask(Signed("a.b.c".to_owned()));
    let frames = [&[0, 0, 0, 0][..], &[0, 0, 0, 7, 1, 5], b"a.b.c", &[0, 0, 0, 0]].concat();
    let heard = what_the_market_makes_of(&frames).await;
    assert!(matches!(&heard[..], [Ok(Some(first)), Ok(None)] if *first == ask), "{heard:?}");
}

#[tokio::test]
async fn what_is_no_message_ends_the_stream_with_a_reason() {
    let heard = what_the_market_makes_of(&[0, 0, 0, 2, 0xff, 0xff]).await;
    assert!(matches!(&heard[..], [Err(StreamError::Malformed(_))]), "{heard:?}");
    let heard = what_the_market_makes_of(&[0xff, 0xff, 0xff, 0xff, 1]).await;
    assert!(matches!(&heard[..], [Err(StreamError::Broken(_))]), "{heard:?}");
    let heard = what_the_market_makes_of(&[0, 0, 0, 9, 1]).await;
    assert!(matches!(&heard[..], [Err(StreamError::Broken(_))]), "{heard:?}");
}
