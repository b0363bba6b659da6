//! Auditors that talk to each other: each tells every other what it has heard, and hears what that one knows.

use super::Oracle;
use super::agree::Minutes;
use super::serve::MINUTES_BYTES_MAX;
use network::client::HttpClient;
use std::sync::Arc;

/// One round over everything that several auditors must agree on and this one has not attested yet. A peer that does not answer, or
/// says what is refused, is named in the log; the others are heard all the same.
pub async fn exchange(oracle: &Arc<Oracle>, peers: &[HttpClient]) {
    let open = oracle
        .events()
        .into_iter()
        .filter(|known| known.rule.is_shared() && known.outcome.is_none() && !known.given_up);
    for known in open {
        // What is due without anybody, such as a vote after the patience.
        let mut minutes = hear(oracle, &known.event, Minutes::default()).await;
        for peer in peers {
            let path = format!("/v1/oracle/agreements/{}", known.event);
            let told = peer.post(path).json(&minutes).read_json::<Minutes>(MINUTES_BYTES_MAX);
            match told.await {
                Ok(heard) => minutes = hear(oracle, &known.event, heard).await,
                Err(error) => {
                    tracing::debug!(event = known.event, %error, "an auditor is not heard");
                }
            }
        }
    }
}

async fn hear(oracle: &Arc<Oracle>, event: &str, minutes: Minutes) -> Minutes {
    let (oracle, name) = (oracle.clone(), event.to_owned());
    let heard = tokio::task::spawn_blocking(move || {
        let now = network::clock::now();
        let heard = oracle.hear(&name, minutes, now);
        // What is refused does not keep this oracle from telling what it knows.
        heard.or_else(|error| {
            tracing::warn!(event = name, %error, "what an auditor says is refused");
            oracle.hear(&name, Minutes::default(), now)
        })
    });
    match heard.await {
        Ok(Ok(minutes)) => minutes,
        Ok(Err(error)) => {
            tracing::warn!(event, %error, "this oracle cannot go on with it");
            Minutes::default()
        }
        Err(_) => Minutes::default(),
    }
}
