//! Figures for Prometheus: what was counted, on an address of its own, as text.

use crate::common::{House, client, http, key};
use market_server::{Config, Handle};
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use types::{Msat, Signer};

async fn text(client: &HttpClient, path: &str) -> String {
    let answer = client.get(path).read_bytes(1 << 20).await.unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

/// The figure whose name and labels are `line`.
fn figure(text: &str, line: &str) -> f64 {
    let value = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{line} in\n{text}")).parse().unwrap()
}

fn figures(market: &Handle) -> HttpClient {
    let address = market.metrics_address().expect("it serves figures");
    let endpoint = Endpoint::parse(&format!("http://{address}"), PlainHttp::LoopbackOnly).unwrap();
    HttpClient::new(endpoint, ClientOptions::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_and_served_apart_from_the_api() {
    let house = House::founded();
    let config = Config { metrics: Some("127.0.0.1:0".into()), ..house.config() };
    let market = market_server::start(config).await.unwrap();
    let figures = figures(&market);
    // Other markets of this process count into the same figures, so only what is added is sure.
    let taken = r#"bondstore_commands_total{command="deposit",outcome="taken"}"#;
    let repeated = r#"bondstore_commands_total{command="deposit",outcome="repeated"}"#;
    market.credit(key(1).did(), Msat(10), "first").await.unwrap();
    market.credit(key(1).did(), Msat(10), "first").await.unwrap();
    let before = text(&figures, "/metrics").await;
    let read = r#"bondstore_http_requests_total{route="/v1/market",method="GET",status="200"}"#;
    client(&market, &key(1)).info().await.unwrap();
    for number in 0..5 {
        market.credit(key(1).did(), Msat(10), &number.to_string()).await.unwrap();
    }
    market.credit(key(1).did(), Msat(10), "4").await.unwrap();
    let after = text(&figures, "/metrics").await;
    assert!(figure(&after, taken) >= figure(&before, taken) + 5.0);
    assert!(figure(&after, repeated) >= figure(&before, repeated) + 1.0);
    assert!(figure(&after, read) >= 1.0);
    assert!(figure(&after, "bondstore_commit_seconds_count") >= 6.0);
    assert!(after.contains(r#"bondstore_batch_commands_bucket{le="1024"}"#), "{after}");
    assert!(figure(&after, "bondstore_commit_seconds_sum") > 0.0);
    // This one is looked up: no other market of this process serves figures.
    assert!((figure(&after, "bondstore_ready") - 1.0).abs() < f64::EPSILON);
    // The API does not have them.
    assert!(http(&market).get("/metrics").done().await.is_err());
    market.shutdown().await;
    assert!(figures.get("/metrics").done().await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_says_so_at_start() {
    let house = House::founded();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = Config { metrics: Some(address.clone()), ..house.config() };
    let error = market_server::start(config).await.err().expect("the address is in use");
    let told = error.to_string();
    assert!(told.contains(&address) && told.contains("--metrics"), "{told}");
}
