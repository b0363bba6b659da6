//! Counters on their way: put to a quote's providers over their streams, their answers gathered for a moment, answered with
//! the next quote.
//!
//! A quote is countered once. The same counter again gets the same quote, so that a client whose answer was lost may ask again.

use crate::app::App;
use crate::refuse;
use axum::http::StatusCode;
use market::{CounterAnswers, Negotiation, Rejection};
use network::api::{CounterAnswer, Problem, ToProvider};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use types::documents::{Ask, Counter, CounterRefusal, Quote};
use types::{Did, DocId, Document, Timestamp, Verified};

/// How long providers have for their answers.
const WAIT: Duration = Duration::from_secs(2);

/// All counters to quotes that are still firm.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<DocId, Countered>>);

/// What became of a quote that was countered.
#[derive(Debug)]
struct Countered {
    counter: Verified<Counter>,
    quote: Verified<Quote>,
    expires: Timestamp,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The providers are asked.
    Open(mpsc::UnboundedSender<Answer>),
    /// It is answered.
    Done(CounterAnswer),
}

/// What a provider says to a counter.
#[derive(Debug)]
enum Answer {
    Ask(Box<Verified<Ask>>),
    Refusal(Verified<CounterRefusal>),
}

impl Counters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<DocId, Countered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the negotiation, or says what became of it.
    fn open(&self, now: Timestamp, of: &Negotiation<'_>) -> Result<Opened, Problem> {
        let mut countered = self.lock();
        countered.retain(|_, known| known.expires >= now || matches!(known.stage, Stage::Open(_)));
        if let Some(known) = countered.get(&of.quote.id()) {
            if known.counter.id() != of.counter.id() {
                let reference = of.quote.id().to_string();
                return Err(refuse::rejected(&Rejection::AlreadyUsed { what: "quote", reference }));
            }
            return match &known.stage {
                Stage::Done(answer) => Ok(Opened::Before(answer.clone())),
                Stage::Open(_) => {
                    let detail =
                        "this counter is being put to the providers; ask again in a moment";
                    Err(Problem::new(StatusCode::CONFLICT, "counter_open", detail))
                }
            };
        }
        let (answers, receiver) = mpsc::unbounded_channel();
        let (counter, quote) = (of.counter.clone(), of.quote.clone());
        let (expires, stage) = (quote.expires, Stage::Open(answers));
        countered.insert(quote.id(), Countered { counter, quote, expires, stage });
        Ok(Opened::Now(receiver))
    }

    /// The negotiation of a quote is over: with the next quote, or it never was.
    fn close(&self, quote: DocId, next: Option<&CounterAnswer>) {
        let mut countered = self.lock();
        match next {
            Some(next) => {
                if let Some(known) = countered.get_mut(&quote) {
                    known.stage = Stage::Done(next.clone());
                }
            }
            None => drop(countered.remove(&quote)),
        }
    }

    /// Hands `answer` to whoever waits for it, where `may_be` lets it.
    fn answer(
        &self,
        counter: DocId,
        answer: Answer,
        may_be: impl FnOnce(&Negotiation<'_>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let countered = self.lock();
        let known = countered.values().find(|known| known.counter.id() == counter);
        let over = || {
            let detail = "nobody waits for an answer to this counter any more";
            Problem::new(StatusCode::CONFLICT, "counter_over", detail)
        };
        let Some(Countered { counter, quote, stage: Stage::Open(answers), .. }) = known else {
            return Err(over());
        };
        may_be(&Negotiation { quote, counter })?;
        answers.send(answer).map_err(|_| over())
    }
}

enum Opened {
    Now(mpsc::UnboundedReceiver<Answer>),
    Before(CounterAnswer),
}

/// Closes what was opened, also where the client has gone away meanwhile.
struct Closing<'a> {
    counters: &'a Counters,
    quote: DocId,
    next: Option<CounterAnswer>,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.counters.close(self.quote, self.next.as_ref());
    }
}

/// Puts a counter to the quote's providers that are connected, and makes the next quote of what they say.
pub(crate) async fn negotiate(
    app: &App,
    counter: Verified<Counter>,
    quote: Verified<Quote>,
) -> Result<CounterAnswer, Problem> {
    let of = Negotiation { quote: &quote, counter: &counter };
    let now = app.clock.now();
    app.view().market.check_counter(now, &of).map_err(|r| refuse::rejected(&r))?;
    let counters = &app.streams.counters;
    let receiver = match counters.open(now, &of)? {
        Opened::Before(answer) => return Ok(answer),
        Opened::Now(receiver) => receiver,
    };
    let mut closing = Closing { counters, quote: quote.id(), next: None };
    let asked: BTreeSet<Did> = of.providers().into_iter().filter(|p| put(app, p, &of)).collect();
    let answered = gather(receiver, asked).await;
    let (seed, online) = (app.seed_for(&[b"counter", &counter.id().0]), app.streams.online());
    let next = app.view().market.requote(app.clock.now(), &of, &answered, (seed, &online));
    let next = app.sign(next.map_err(|rejection| refuse::rejected(&rejection))?);
    let refusals = answered.refusals.iter().map(|refusal| refusal.signed().clone()).collect();
    let answer = CounterAnswer { quote: next.signed().clone(), refusals };
    closing.next = Some(answer.clone());
    Ok(answer)
}

/// Whether the counter is on its way to `provider`.
fn put(app: &App, provider: &Did, of: &Negotiation<'_>) -> bool {
    let (counter, quote) = (of.counter.signed().clone(), of.quote.signed().clone());
    app.streams.get(provider).is_some_and(|to| to.send(ToProvider::Counter { counter, quote }))
}

/// The answers of those who were `asked`, each one's first, until all have answered or their time is over.
async fn gather(
    mut receiver: mpsc::UnboundedReceiver<Answer>,
    mut asked: BTreeSet<Did>,
) -> CounterAnswers {
    let (until, mut answered) = (Instant::now() + WAIT, CounterAnswers::default());
    while !asked.is_empty() {
        match timeout_at(until, receiver.recv()).await {
            Ok(Some(Answer::Ask(ask))) if asked.remove(&ask.signer()) => answered.asks.push(*ask),
            Ok(Some(Answer::Refusal(refusal))) if asked.remove(&refusal.signer()) => {
                answered.refusals.push(refusal);
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    answered
}

/// A provider asks less for one counter.
pub(crate) fn ask(app: &App, ask: Verified<Ask>) -> Result<(), Problem> {
    let Some(counter) = ask.counter else { return Ok(()) };
    let checked = ask.clone();
    app.streams.counters.answer(counter, Answer::Ask(Box::new(ask)), |of| {
        let now = app.clock.now();
        let may_be = app.view().market.check_counter_ask(now, of, &checked);
        may_be.map_err(|rejection| refuse::rejected(&rejection))
    })
}

/// A provider refuses one counter.
pub(crate) fn refuse(app: &App, refusal: Verified<CounterRefusal>) -> Result<(), Problem> {
    let (counter, answer) = (refusal.counter, Answer::Refusal(refusal));
    app.streams.counters.answer(counter, answer, |_| Ok(()))
}
