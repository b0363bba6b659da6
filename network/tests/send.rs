//! Every call can run in a task of its own.
use network::market_api::MarketClient;
fn spawns(_: impl Future + Send + 'static) {}
#[expect(dead_code, reason = "it is enough that this compiles")]
fn calls_are_send(market: MarketClient) {
    let m = market.clone();
    spawns(async move { m.info().await });
    let m = market.clone();
    spawns(async move { m.ask(&types::Signed(String::new())).await });
    let m = market.clone();
    spawns(async move { m.contracts().await });
}
