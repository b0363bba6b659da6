//! What the market counts for Prometheus (see [`network::metrics`]); docs/operators.md lists it.

use crate::app::App;
use crate::writer::{Outcome, Refusal};
use market::Command;
use std::time::Duration;

/// A command was judged.
pub(crate) fn judged(command: &Command, outcome: &Result<Outcome, Refusal>) {
    let outcome = match outcome {
        Ok(outcome) if outcome.events.is_empty() => "repeated",
        Ok(_) => "taken",
        Err(Refusal::Rejected(rejection)) => rejection.code(),
        Err(_) => "refused",
    };
    metrics::counter!("bondstore_commands_total", "command" => command.name(), "outcome" => outcome)
        .increment(1);
}

/// A transaction with the work of `jobs` was written, in so long.
pub(crate) fn written(jobs: usize, took: Duration) {
    metrics::histogram!("bondstore_batch_commands")
        .record(f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)));
    metrics::histogram!("bondstore_commit_seconds").record(took.as_secs_f64());
}

/// Sets what is looked up when somebody asks.
pub(crate) fn look(app: &App) {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let yes = |holds: bool| f64::from(u8::from(holds));
    {
        let view = app.view();
        metrics::counter!("bondstore_blocks_total").absolute(view.head.blocks);
        metrics::counter!("bondstore_epochs_total").absolute(view.market.epoch().0);
        metrics::gauge!("bondstore_contracts").set(count(view.market.contracts().len()));
        metrics::gauge!("bondstore_contracts_open").set(count(view.market.open_count()));
        metrics::gauge!("bondstore_offers").set(count(view.market.offers().len()));
    }
    metrics::gauge!("bondstore_providers_connected").set(count(app.streams.online().len()));
    metrics::gauge!("bondstore_writer").set(yes(app.role.borrow().is_writer()));
    metrics::gauge!("bondstore_ready").set(yes(app.writer.ready().names().is_empty()));
}
