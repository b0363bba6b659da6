//! A data plane's doorkeeper: who may read or write a slot.

use super::{PRESENTATION, bearer_of, check_expiry, text};
use crate::api::Problem;
use http::HeaderMap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use types::documents::{Access, AccessToken, Presentation};
use types::{ContractId, Did, DocId, Document, Hash, Signed, Span, Timestamp, Verified};

/// The longest life of a token.
const TOKEN_SPAN_MAX: Span = Span::DAY;
/// The longest life of a presentation.
const PRESENTATION_SPAN_MAX: Span = Span::HOUR;
/// How many verified documents are remembered.
const REMEMBERED_MAX: usize = 1024;

/// What is wanted of a slot.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Of which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// To do what.
    pub access: Access,
    /// Who may grant it: the contract's client, and the market.
    pub issuers: &'a [Did],
    /// The time.
    pub now: Timestamp,
}

/// Checks tokens for one provider. It remembers what it has verified, so that a token that comes with
/// every shard costs its signature check once.
pub struct Doorkeeper {
    provider: Did,
    tokens: Memory<AccessToken>,
    presentations: Memory<Presentation>,
}

impl Doorkeeper {
    /// The doorkeeper of `provider`.
    pub fn new(provider: Did) -> Self {
        Self { provider, tokens: Memory::default(), presentations: Memory::default() }
    }

    /// The token under which `wanted` is allowed, from a request's headers.
    ///
    /// # Errors
    /// 401 where token or presentation are missing or invalid, 403 where they allow something else.
    pub fn admit(
        &self,
        headers: &HeaderMap,
        wanted: &Wanted<'_>,
    ) -> Result<Arc<Verified<AccessToken>>, Problem> {
        let token = self.tokens.verify(&bearer_of(headers)?, "token_invalid")?;
        check_expiry("token", token.expires, wanted.now, TOKEN_SPAN_MAX)?;
        self.check_scope(&token, wanted)?;
        if token.issuer != token.holder {
            self.check_presentation(headers, &token, wanted.now)?;
        }
        Ok(token)
    }

    fn check_scope(&self, token: &AccessToken, wanted: &Wanted<'_>) -> Result<(), Problem> {
        let refuse = |detail: String| Err(Problem::forbidden("token_scope", detail));
        if token.provider != self.provider {
            return refuse(format!(
                "the token is for {}, but this is {}",
                token.provider, self.provider
            ));
        }
        if (token.contract, token.slot) != (wanted.contract, wanted.slot) {
            return refuse(format!(
                "the token is for slot {} of contract {}, not for slot {} of contract {}",
                token.slot, token.contract, wanted.slot, wanted.contract
            ));
        }
        if !token.access.contains(&wanted.access) {
            return refuse(format!("the token does not allow {:?}", wanted.access));
        }
        if !wanted.issuers.contains(&token.issuer) {
            return refuse(format!("{} may not grant access to this slot", token.issuer));
        }
        Ok(())
    }

    fn check_presentation(
        &self,
        headers: &HeaderMap,
        token: &Verified<AccessToken>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let shown = text(headers, &PRESENTATION).ok_or_else(|| {
            let detail = format!(
                "the token was issued to {}: its holder must show itself in the {PRESENTATION} \
                 header",
                token.holder
            );
            Problem::unauthorised("presentation_missing", detail)
        })?;
        let shown = self.presentations.verify(&Signed(shown.to_owned()), "presentation_invalid")?;
        check_expiry("presentation", shown.expires, now, PRESENTATION_SPAN_MAX)?;
        if shown.token != token.id() || shown.holder != token.holder {
            let detail = "the presentation is not this token's holder's for this token";
            return Err(Problem::unauthorised("presentation_foreign", detail));
        }
        Ok(())
    }
}

/// Documents that have been verified, by the hash of their serialisation.
struct Memory<T>(Mutex<HashMap<DocId, Arc<Verified<T>>>>);

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<T: Document> Memory<T> {
    fn verify(&self, signed: &Signed, code: &str) -> Result<Arc<Verified<T>>, Problem> {
        let id: Hash = signed.id();
        if let Some(known) = self.known().get(&id) {
            return Ok(Arc::clone(known));
        }
        let verified =
            signed.verify().map_err(|error| Problem::unauthorised(code, error.to_string()))?;
        let verified = Arc::new(verified);
        let mut known = self.known();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(id, Arc::clone(&verified));
        Ok(verified)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<DocId, Arc<Verified<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
