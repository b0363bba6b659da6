//! Reading an oracle over HTTP, ours or a foreign one, at several endpoints that are not trusted: its key is pinned, and everything is
//! verified against it.

use super::equivocation::Equivocation;
use super::messages::{Announcement, Attestation, Descriptor, Digits, MessageError};
use super::points::{Outcome, VerifyError, verify_announcement, verify_attestation};
use bitcoin::secp256k1::XOnlyPublicKey;
use network::client::{Call, ClientError, ClientOptions, HttpClient, OCTETS, Retries, Timeouts};
use network::endpoint::Endpoint;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long the other endpoints are waited for once one has given a good answer.
const LINGER: Duration = Duration::from_millis(500);

/// Why an oracle's word cannot be had, or not be believed.
#[derive(Debug, thiserror::Error)]
pub enum OracleClientError {
    /// No endpoint gave a good answer.
    #[error("no endpoint of the oracle {oracle} gives a good answer: {}", .reasons.join("; "))]
    Nobody {
        /// Which oracle.
        oracle: XOnlyPublicKey,
        /// What is wrong with each endpoint's answer.
        reasons: Vec<String>,
    },
    /// It has announced one event twice, differently.
    #[error("the oracle has signed two different announcements of {event:?}: {first} and {second}")]
    TwoAnnouncements {
        /// Which event.
        event: String,
        /// One of them, its TLV in hexadecimal.
        first: String,
        /// The other.
        second: String,
    },
    /// It has attested one event twice, differently.
    #[error("the oracle {} has signed two outcomes under one nonce; its key is public now", .0.oracle())]
    Equivocated(Box<Equivocation>),
}

/// What is wrong with one answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error("the answer is neither a TLV nor hexadecimal, nor JSON with a field {0:?} that is")]
    Form(&'static str),
    #[error("it speaks of {found:?} by {by}, not of {expected:?} by the oracle that is asked")]
    Other { expected: String, found: String, by: XOnlyPublicKey },
    #[error("the event is not a number of {digits} digits in base {base}")]
    Shape { base: u16, digits: u16 },
}

/// Where an oracle keeps what. `{event}` stands for the event's name, percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Of announcements.
    pub announcement: String,
    /// Of attestations.
    pub attestation: String,
}

impl Default for Paths {
    /// As ours do.
    fn default() -> Self {
        let path = |what| format!("/v1/oracle/{what}/{{event}}");
        Self { announcement: path("announcements"), attestation: path("attestations") }
    }
}

/// What an announcement must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What the event is called.
    pub event: &'a str,
    /// The base of its digits; the number must be unsigned.
    pub base: u16,
    /// How many digits it has, so many nonces too.
    pub digits: u16,
}

impl<'a> Wanted<'a> {
    /// A score as our auditors announce it: ten binary digits.
    pub const fn score(event: &'a str) -> Self {
        Self { event, base: 2, digits: super::SCORE_DIGITS }
    }
}

/// A client of one oracle at any number of endpoints. All are asked at once; the first good answer counts, and those that come within half
/// a second of it are held against it.
#[derive(Clone, Debug)]
pub struct OracleClient {
    oracle: XOnlyPublicKey,
    endpoints: Vec<HttpClient>,
    paths: Paths,
}

impl OracleClient {
    /// A client of the oracle whose key is `oracle`.
    pub fn new(oracle: XOnlyPublicKey, endpoints: Vec<Endpoint>, options: ClientOptions) -> Self {
        let endpoints = endpoints.into_iter().map(|at| HttpClient::new(at, options)).collect();
        Self { oracle, endpoints, paths: Paths::default() }
    }

    /// The same for an oracle that keeps things elsewhere.
    #[must_use]
    pub fn with_paths(self, paths: Paths) -> Self {
        Self { paths, ..self }
    }

    /// Patience that fits small answers: 5 seconds an attempt, 15 in all, two more attempts.
    pub fn options() -> ClientOptions {
        let short = Duration::from_secs(5);
        let total = Some(Duration::from_secs(15));
        let timeouts = Timeouts { connect: short, head: short, idle: short, total };
        let retries = Retries { times: 2, ..Retries::default() };
        ClientOptions { timeouts, retries, ..ClientOptions::default() }
    }

    /// The announcement of an event, verified.
    ///
    /// # Errors
    /// Where no endpoint gives a good one, or two give different ones that are both the oracle's.
    pub async fn announcement(
        &self,
        wanted: Wanted<'_>,
    ) -> Result<Announcement, OracleClientError> {
        let path = fill(&self.paths.announcement, wanted.event);
        let (base, digits) = (wanted.base, wanted.digits);
        let (oracle, event) = (self.oracle, wanted.event.to_owned());
        let judge = move |body: &[u8]| {
            let announcement = Announcement::decode(&tlv(body, "announcement")?)?;
            let (found, by) = (announcement.event.id(), announcement.oracle);
            if by != oracle || found != event {
                let (expected, found) = (event.clone(), found.to_owned());
                return Err(Fault::Other { expected, found, by });
            }
            match announcement.event.descriptor() {
                Descriptor::Digits(Digits { is_signed: false, base: b, count, .. })
                    if (*b, *count) == (base, digits) => {}
                _ => return Err(Fault::Shape { base, digits }),
            }
            verify_announcement(&announcement)?;
            Ok(announcement)
        };
        let answers = self.ask(&path, judge).await?;
        let Some((first, others)) = answers.good.split_first() else {
            return Err(self.nobody(answers));
        };
        match others.iter().find(|other| *other != first) {
            None => Ok(first.clone()),
            Some(second) => Err(OracleClientError::TwoAnnouncements {
                event: wanted.event.to_owned(),
                first: hex::encode(first.encode()),
                second: hex::encode(second.encode()),
            }),
        }
    }

    /// The attestation of what was announced, with the outcome, verified; nothing while no endpoint has one and at least one says so.
    ///
    /// # Errors
    /// Where no endpoint gives a good answer, or two give different outcomes that are both the oracle's.
    pub async fn attestation(
        &self,
        announcement: &Announcement,
    ) -> Result<Option<(Attestation, Outcome)>, OracleClientError> {
        let path = fill(&self.paths.attestation, announcement.event.id());
        let announced = announcement.clone();
        let judge = move |body: &[u8]| {
            let attestation = Attestation::decode(&tlv(body, "attestation")?)?;
            let outcome = verify_attestation(&attestation, &announced)?;
            Ok((attestation, outcome))
        };
        let answers = self.ask(&path, judge).await?;
        let Some((first, others)) = answers.good.split_first() else {
            return if answers.absent > 0 { Ok(None) } else { Err(self.nobody(answers)) };
        };
        let proof = others.iter().find_map(|other| Equivocation::between(&first.0, &other.0));
        match proof {
            Some(proof) => Err(OracleClientError::Equivocated(Box::new(proof))),
            None => Ok(Some(first.clone())),
        }
    }

    fn nobody<T>(&self, answers: Answers<T>) -> OracleClientError {
        OracleClientError::Nobody { oracle: self.oracle, reasons: answers.reasons }
    }

    /// Asks every endpoint, and judges what comes until [`LINGER`] after the first good answer.
    async fn ask<T: Send + 'static>(
        &self,
        path: &str,
        judge: impl Fn(&[u8]) -> Result<T, Fault> + Clone + Send + 'static,
    ) -> Result<Answers<T>, OracleClientError> {
        let mut asked = JoinSet::new();
        for endpoint in &self.endpoints {
            let (call, judge) = (accepting(endpoint.get(path)), judge.clone());
            let shown = endpoint.endpoint().to_string();
            asked.spawn(async move {
                let body = call.read_bytes(ANSWER_BYTES_MAX).await;
                (shown, body.map_err(Fault::from).and_then(|body| judge(&body)))
            });
        }
        let mut answers = Answers { good: Vec::new(), absent: 0, reasons: Vec::new() };
        let mut until: Option<Instant> = None;
        loop {
            let next = match until {
                None => asked.join_next().await,
                Some(until) => timeout_at(until, asked.join_next()).await.unwrap_or(None),
            };
            let Some(next) = next else { return Ok(answers) };
            let Ok((endpoint, judged)) = next else { continue };
            match judged {
                Ok(good) => {
                    answers.good.push(good);
                    until.get_or_insert(Instant::now() + LINGER);
                }
                Err(fault) => answers.note(&endpoint, &fault),
            }
        }
    }
}

/// What came from all endpoints.
struct Answers<T> {
    good: Vec<T>,
    /// How many say that there is nothing.
    absent: usize,
    reasons: Vec<String>,
}

impl<T> Answers<T> {
    fn note(&mut self, endpoint: &str, fault: &Fault) {
        match fault {
            Fault::Client(ClientError::Refused(problem)) if problem.status == 404 => {
                self.absent += 1;
            }
            Fault::Client(ClientError::Foreign { status: 404, .. }) => self.absent += 1,
            _ => tracing::warn!(endpoint, %fault, "an oracle's answer is not taken"),
        }
        self.reasons.push(format!("{endpoint}: {fault}"));
    }
}

fn accepting(call: Call) -> Call {
    let accepted = axum::http::HeaderValue::from_static(OCTETS);
    call.header(axum::http::header::ACCEPT, accepted)
}

/// A path with an event's name in it, percent-encoded save for what RFC 3986 leaves alone.
fn fill(path: &str, event: &str) -> String {
    let encoded = event.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    path.replace("{event}", &encoded.collect::<String>())
}

/// The TLV in an answer: plain, in hexadecimal, or in hexadecimal as JSON, a text or an object's `field`.
fn tlv(body: &[u8], field: &'static str) -> Result<Vec<u8>, Fault> {
    // Every message's type begins so, and no text does.
    if body.first() == Some(&0xfd) {
        return Ok(body.to_vec());
    }
    let text = str::from_utf8(body).map_err(|_| Fault::Form(field))?.trim();
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let inside = json.as_ref().and_then(|json| json.get(field).unwrap_or(json).as_str());
    hex::decode(inside.unwrap_or(text)).map_err(|_| Fault::Form(field))
}

#[cfg(test)]
mod tests;
