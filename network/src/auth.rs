//! Who is asking, and may they: sessions with a market, capability tokens on a data plane.
//!
//! A party's side mints what it shows ([`Sessions`], [`Pass`]); a server's side checks it
//! ([`session`], [`Doorkeeper`]).

mod doorkeeper;
mod mint;

pub use doorkeeper::{Doorkeeper, Wanted};
pub use mint::{Pass, Sessions};

use crate::api::Problem;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use types::documents::Session;
use types::{Did, Signed, Span, Timestamp, Verified};

/// Carries the [`Presentation`](types::documents::Presentation) of a token that another party issued.
pub const PRESENTATION: HeaderName = HeaderName::from_static("bondstore-presentation");

/// The longest session: five minutes.
pub const SESSION_SPAN_MAX: Span = Span(300 * Span::SECOND.0);

/// The longest document that is taken from a header.
const HEADER_BYTES_MAX: usize = 8 << 10;

/// `Authorization: Bearer <document>`.
///
/// # Panics
/// Where `document` holds control characters, which nothing that was signed does.
pub fn bearer(document: &Signed) -> HeaderValue {
    let mut value = HeaderValue::try_from(format!("Bearer {}", document.0))
        .expect("a compact serialisation is base64url and dots");
    value.set_sensitive(true);
    value
}

/// The document behind `Authorization: Bearer`, not yet verified.
///
/// # Errors
/// 401 `authorisation_missing`.
pub fn bearer_of(headers: &HeaderMap) -> Result<Signed, Problem> {
    text(headers, &AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| Signed(token.trim().to_owned()))
        .ok_or_else(|| {
            let detail = "this needs a party's name: send Authorization: Bearer <signed document>, of at most 8 KiB";
            Problem::unauthorised("authorisation_missing", detail)
        })
}

/// The party that speaks to the market `audience`, by the bearer in `headers`.
///
/// # Errors
/// 401 where there is no valid session of at most [`SESSION_SPAN_MAX`].
pub fn session(
    headers: &HeaderMap,
    audience: Did,
    now: Timestamp,
) -> Result<Verified<Session>, Problem> {
    check_session(&bearer_of(headers)?, audience, now)
}

/// The same for a session that came another way, as in the first message of a stream.
///
/// # Errors
/// As [`session()`].
pub fn check_session(
    signed: &Signed,
    audience: Did,
    now: Timestamp,
) -> Result<Verified<Session>, Problem> {
    let session: Verified<Session> =
        signed.verify().map_err(|e| Problem::unauthorised("session_invalid", e.to_string()))?;
    if session.audience != audience {
        let detail = format!("the session is for {}, but this is {audience}", session.audience);
        return Err(Problem::unauthorised("session_audience", detail));
    }
    check_expiry("session", session.expires, now, SESSION_SPAN_MAX)?;
    Ok(session)
}

/// Refuses what has expired by `now`, and what claims to live longer than `longest`.
fn check_expiry(
    what: &str,
    expires: Timestamp,
    now: Timestamp,
    longest: Span,
) -> Result<(), Problem> {
    let (expires_us, now_us) = (expires.0, now.0);
    if expires <= now {
        let detail = format!(
            "the {what} expired at {expires_us}, and it is {now_us} here (microseconds since \
             1970): sign a new one; if it is new, this machine's clock and yours differ"
        );
        return Err(Problem::unauthorised(&format!("{what}_expired"), detail));
    }
    if expires.since(now) > longest {
        let detail = format!(
            "the {what} expires at {expires_us}, more than {longest} from now ({now_us} here, \
             microseconds since 1970): sign a shorter one"
        );
        return Err(Problem::unauthorised(&format!("{what}_too_long"), detail));
    }
    Ok(())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).filter(|value| value.len() <= HEADER_BYTES_MAX)?.to_str().ok()
}

#[cfg(test)]
mod tests;
