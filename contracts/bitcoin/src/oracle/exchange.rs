//! Auditors that talk to each other: each tells every other what it has heard, and hears what that one knows.

use super::Oracle;
use super::agree::Minutes;
use super::serve::MINUTES_BYTES_MAX;
use network::client::HttpClient;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often in a row a peer that has not decided yet is told of what is decided here; after that more and more rarely.
const OFTEN: u64 = 16;

/// What is known of the peers, from round to round.
#[derive(Debug, Default)]
pub struct Exchange {
    /// How often each peer, by its number, was told of an event that is decided here; nothing of one that has decided too.
    told: BTreeMap<String, Vec<Option<u64>>>,
}

impl Exchange {
    /// One round over everything that several auditors must agree on. What is attested here is told on until the others have decided
    /// too: the vote that decided it may have come from here. A peer that does not answer, or says what is refused, is named in the
    /// log; the others are heard all the same.
    pub async fn round(&mut self, oracle: &Arc<Oracle>, peers: &[HttpClient]) {
        let shared = oracle.events().into_iter();
        for known in shared.filter(|known| known.rule.is_shared() && !known.given_up) {
            let told = self.told.entry(known.event.clone());
            let told = told.or_insert_with(|| vec![Some(0); peers.len()]);
            if known.outcome.is_some() && told.iter().all(Option::is_none) {
                continue;
            }
            // What is due without anybody, such as a vote after the patience.
            let mut minutes = hear(oracle, &known.event, Minutes::default()).await;
            for (peer, told) in peers.iter().zip(told) {
                if known.outcome.is_some() && !is_due(told) {
                    continue;
                }
                let path = format!("/v1/oracle/agreements/{}", known.event);
                let call = peer.post(path).json(&minutes);
                match call.read_json::<Minutes>(MINUTES_BYTES_MAX).await {
                    Ok(heard) => {
                        if heard.are_decided(known.rule.threshold()) {
                            *told = None;
                        }
                        minutes = hear(oracle, &known.event, heard).await;
                    }
                    Err(error) => {
                        tracing::debug!(event = known.event, %error, "an auditor is not heard");
                    }
                }
            }
        }
    }
}

/// Whether a peer is to be told once more; counts that.
fn is_due(told: &mut Option<u64>) -> bool {
    let Some(times) = told else { return false };
    *times = times.saturating_add(1);
    *times <= OFTEN || times.is_power_of_two()
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
