//! One provider's stream, from its hello to its end.

use crate::app::App;
use crate::counters;
use crate::location::network_of;
use crate::refuse;
use crate::repair;
use crate::streams::{Answered, Connection};
use contracts::SlotState;
use market::Command;
use market::event::SlotId;
use network::api::{Problem, ToMarket, ToProvider};
use network::stream::{Duplex, StreamReceiver, StreamSender};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;
use types::documents::{Ask, CounterRefusal, Proof};
use types::{ContractId, Did, DocId, Document, Signed, Verified};

/// How long a provider may take to say hello.
const HELLO_MAX: Duration = Duration::from_secs(10);

/// Speaks with `party`, whose session the request showed, until either side ends it.
pub(crate) async fn converse(app: Arc<App>, party: Did, duplex: Duplex<ToProvider, ToMarket>) {
    let (sender, mut receiver) = duplex.split();
    let holdings = match timeout(HELLO_MAX, receiver.recv()).await {
        Ok(Ok(Some(ToMarket::Hello { session, holdings }))) => {
            match network::auth::check_session(&session, app.did, app.clock.now()) {
                Ok(session) if session.party == party => holdings,
                Ok(_) => return tracing::debug!(%party, "a hello in another party's name"),
                Err(problem) => return tracing::debug!(%party, %problem, "a hello was refused"),
            }
        }
        other => return tracing::debug!(%party, ?other, "a stream did not begin with hello"),
    };
    let (connection, messages) = app.streams.open(party, ToProvider::Welcome(Box::new(app.info())));
    tracing::debug!(%party, "a provider has connected");
    release(&app, &connection, holdings);
    tokio::select! {
        () = forward(sender, messages) => {}
        () = listen(&app, &connection, &mut receiver) => {}
        () = connection.closed.cancelled() => {}
    }
    app.streams.close(&connection);
    tracing::debug!(%party, "a provider has disconnected");
}

/// Tells a provider which of the slots that it keeps it need not keep, and which have more room than it took them for.
fn release(app: &App, connection: &Connection, holdings: Vec<(ContractId, u16)>) {
    let mut grown = Vec::new();
    {
        let view = app.view();
        for (contract, slot) in holdings {
            let id = SlotId { contract, slot };
            let theirs = view.market.slot(id).filter(|(_, held)| {
                let gone = matches!(held.state, SlotState::Vacated | SlotState::Closed);
                held.provider() == connection.provider && !gone
            });
            match theirs {
                None => {
                    connection.send(ToProvider::Released { contract, slot });
                }
                Some((known, _)) if known.terms.capacity > known.agreed.capacity => grown.push(id),
                Some(_) => {}
            }
        }
    }
    for id in grown {
        if let Some(reservation) = repair::reservation(app, id, connection.provider) {
            connection.send(ToProvider::Reservation(reservation));
        }
    }
}

/// Sends what is queued for the provider.
async fn forward(sender: StreamSender<ToProvider>, mut messages: mpsc::Receiver<ToProvider>) {
    while let Some(message) = messages.recv().await {
        if sender.send(message).await.is_err() {
            return;
        }
    }
}

/// Takes what the provider sends.
async fn listen(
    app: &Arc<App>,
    connection: &Arc<Connection>,
    receiver: &mut StreamReceiver<ToMarket>,
) {
    loop {
        match receiver.recv().await {
            Ok(Some(message)) => take(app, connection, message).await,
            Ok(None) => return,
            Err(error) => {
                return tracing::debug!(party = %connection.provider, %error, "a stream broke");
            }
        }
    }
}

async fn take(app: &Arc<App>, connection: &Arc<Connection>, message: ToMarket) {
    let (at, provider) = (Instant::now(), connection.provider);
    let (document, judged): (DocId, Judged) = match message {
        ToMarket::Proof { proof, answers } => {
            let answered = own::<Proof>(&proof, provider)
                .map(|proof| connection.answered(Answered { proof, answers, at }));
            if let Err(problem) = answered {
                connection.send(ToProvider::Refused { document: proof.id(), problem });
            }
            return;
        }
        ToMarket::Hello { session, .. } => {
            let problem = Problem::malformed("a stream says hello once");
            connection.send(ToProvider::Refused { document: session.id(), problem });
            return;
        }
        ToMarket::Ask(signed) => (signed.id(), Box::pin(publish(app.clone(), signed, provider))),
        ToMarket::CounterRefusal(signed) => {
            let (refusal, app) = (own::<CounterRefusal>(&signed, provider), app.clone());
            (signed.id(), Box::pin(async move { counters::refuse(&app, refusal?) }))
        }
        ToMarket::Confirmation(signed) => {
            let command = own(&signed, provider).map(Command::Confirm);
            (signed.id(), Box::pin(submit(app.clone(), command)))
        }
        ToMarket::Confession(signed) => {
            let command = own(&signed, provider).map(Command::Confess);
            (signed.id(), Box::pin(submit(app.clone(), command)))
        }
        ToMarket::Voucher(signed) => {
            let command = signed.verify().map(Command::RedeemVoucher).map_err(Problem::from);
            (signed.id(), Box::pin(submit(app.clone(), command)))
        }
        ToMarket::Receipt(signed) => {
            let (receipt, app) = (own(&signed, provider), app.clone());
            (signed.id(), Box::pin(async move { repair::finish(&app, receipt?).await }))
        }
    };
    answer_later(connection, document, judged).await;
}

/// What becomes of a document.
type Judged = Pin<Box<dyn Future<Output = Result<(), Problem>> + Send>>;

/// Answers a document once it is judged, without holding up what comes after it on the stream, unless too much
/// is being judged already.
async fn answer_later(connection: &Arc<Connection>, document: DocId, judged: Judged) {
    let Ok(turn) = connection.turns.clone().acquire_owned().await else { return };
    let connection = connection.clone();
    tokio::spawn(async move {
        let answer = match judged.await {
            Ok(()) => ToProvider::Accepted { document },
            Err(problem) => ToProvider::Refused { document, problem },
        };
        connection.send(answer);
        drop(turn);
    });
}

/// A document that the stream's own provider signed.
fn own<T: Document>(signed: &Signed, provider: Did) -> Result<Verified<T>, Problem> {
    let document: Verified<T> = signed.verify()?;
    if document.signer() == provider {
        return Ok(document);
    }
    let detail = format!("this is {}'s document on the stream of {provider}", document.signer());
    Err(Problem::forbidden("foreign_signer", detail))
}

async fn publish(app: Arc<App>, signed: Signed, provider: Did) -> Result<(), Problem> {
    let ask: Verified<Ask> = own(&signed, provider)?;
    if ask.counter.is_some() {
        return counters::ask(&app, ask);
    }
    let network = network_of(&ask.endpoint).await?;
    submit(app, Ok(Command::PublishAsk { ask, network })).await
}

async fn submit(app: Arc<App>, command: Result<Command, Problem>) -> Result<(), Problem> {
    let submitted = app.writer.submit(command?).await;
    submitted.map(|_| ()).map_err(|refusal| refuse::refusal(&refusal))
}
