//! Every call can run in a task of its own.
use network::client::HttpClient;
use network::market_api::MarketClient;
use network::node_api::SlotClient;

fn spawns(_: impl Future + Send + 'static) {}

#[expect(dead_code, reason = "it is enough that this compiles")]
fn calls_are_send(http: HttpClient, market: MarketClient, slot: SlotClient) {
    spawns(http.get("/").send());
    let m = market.clone();
    spawns(async move { m.contracts().await });
    let m = market.clone();
    spawns(async move { m.stream(vec![]).await });
    let m = market.clone();
    spawns(async move { m.put_layout(types::Hash::default(), bytes::Bytes::new()).await });
    spawns(async move { slot.get(shards::Root::default(), 1).await });
}
