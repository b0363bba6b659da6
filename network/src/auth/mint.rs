//! What a party signs to be let in, renewed before it runs out.

use super::bearer;
use crate::clock;
use http::HeaderValue;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use types::documents::{Access, AccessToken, Presentation, Session};
use types::{ContractId, Did, Document, Signed, Signer, Span, Timestamp, Verified};

/// How long a session that we sign lives: short of the limit, so that clocks may differ by a minute.
const SESSION_SPAN: Span = Span(240 * Span::SECOND.0);
/// How long tokens and presentations that we sign live.
const TOKEN_SPAN: Span = Span(900 * Span::SECOND.0);

/// A header that is signed when it is needed, and kept until half of its life is over.
#[derive(Default)]
struct Kept(Mutex<Option<(HeaderValue, Timestamp)>>);

impl Kept {
    fn get(
        &self,
        now: Timestamp,
        span: Span,
        mint: impl FnOnce(Timestamp) -> HeaderValue,
    ) -> HeaderValue {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = kept.as_ref().filter(|(_, expires)| {
            let left = expires.since(now).0;
            left > span.0 / 2 && left <= span.0
        });
        if let Some((header, _)) = fresh {
            return header.clone();
        }
        let expires = now.after(span);
        let header = mint(expires);
        *kept = Some((header.clone(), expires));
        header
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn sign<T: Document>(document: T, signer: &dyn Signer) -> Signed {
    Verified::sign(document, signer).expect("the document names its signer").signed().clone()
}

/// A party's sessions with one market.
pub struct Sessions {
    signer: Arc<dyn Signer>,
    audience: Did,
    /// The market's clock less ours, in microseconds.
    ahead: AtomicI64,
    kept: Kept,
}

impl Sessions {
    /// Sessions of the party that `signer` signs for, with the market `audience`.
    pub fn new(signer: Arc<dyn Signer>, audience: Did) -> Self {
        Self { signer, audience, ahead: AtomicI64::new(0), kept: Kept::default() }
    }

    /// Whose sessions they are.
    pub fn party(&self) -> Did {
        self.signer.did()
    }

    /// With which market.
    pub fn audience(&self) -> Did {
        self.audience
    }

    /// The market's time, as far as is known.
    pub fn now(&self) -> Timestamp {
        Timestamp(clock::now().0.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// Takes `now`, just learnt from the market, for its time from here on.
    pub fn set_clock(&self, now: Timestamp) {
        self.ahead.store(now.0.saturating_sub(clock::now().0), Ordering::Relaxed);
        self.kept.forget();
    }

    /// A session as a document, for the first message of a stream.
    pub fn document(&self) -> Signed {
        self.session(self.now().after(SESSION_SPAN))
    }

    /// A session as `Authorization` header.
    pub fn header(&self) -> HeaderValue {
        self.kept.get(self.now(), SESSION_SPAN, |expires| bearer(&self.session(expires)))
    }

    fn session(&self, expires: Timestamp) -> Signed {
        let (party, audience) = (self.party(), self.audience);
        sign(Session { party, audience, expires }, &*self.signer)
    }
}

/// Leave to use one slot on one provider, with what must be signed for it.
pub struct Pass {
    signer: Arc<dyn Signer>,
    provider: Did,
    contract: ContractId,
    slot: u16,
    issue: Issue,
    kept: Kept,
}

enum Issue {
    /// The contract's client grants it to itself.
    Own(Vec<Access>),
    /// Another party granted it to the signer.
    Foreign(Mutex<Signed>),
}

impl Pass {
    /// The contract's client uses its own slot.
    pub fn own(
        signer: Arc<dyn Signer>,
        provider: Did,
        slot: (ContractId, u16),
        access: &[Access],
    ) -> Self {
        let issue = Issue::Own(access.to_vec());
        let (contract, slot) = slot;
        Self { signer, provider, contract, slot, issue, kept: Kept::default() }
    }

    /// `signer`'s party uses a slot by a `token` that another party issued to it.
    ///
    /// # Errors
    /// Where the token does not verify.
    pub fn presented(signer: Arc<dyn Signer>, token: Signed) -> Result<Self, types::JwsError> {
        let terms = token.verify::<AccessToken>()?.into_inner();
        Ok(Self {
            signer,
            provider: terms.provider,
            contract: terms.contract,
            slot: terms.slot,
            issue: Issue::Foreign(Mutex::new(token)),
            kept: Kept::default(),
        })
    }

    /// Goes on with a fresh `token` for the same slot, issued by another party.
    pub fn renew(&self, token: Signed) {
        if let Issue::Foreign(held) = &self.issue {
            // Held for both, so that nobody shows the new token with the old one's presentation.
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            *held = token;
            self.kept.forget();
        }
    }

    /// On which provider.
    pub fn provider(&self) -> Did {
        self.provider
    }

    /// Of which contract.
    pub fn contract(&self) -> ContractId {
        self.contract
    }

    /// Which slot.
    pub fn slot(&self) -> u16 {
        self.slot
    }

    /// The `Authorization` header, and the presentation where one is due.
    pub fn headers(&self) -> (HeaderValue, Option<HeaderValue>) {
        let now = clock::now();
        match &self.issue {
            Issue::Own(access) => {
                let mint = |expires| bearer(&self.token(access.clone(), expires));
                (self.kept.get(now, TOKEN_SPAN, mint), None)
            }
            Issue::Foreign(token) => {
                let token = &*token.lock().unwrap_or_else(PoisonError::into_inner);
                let mint = |expires| self.presentation(token, expires);
                (bearer(token), Some(self.kept.get(now, TOKEN_SPAN, mint)))
            }
        }
    }

    fn token(&self, access: Vec<Access>, expires: Timestamp) -> Signed {
        let party = self.signer.did();
        let token = AccessToken {
            issuer: party,
            holder: party,
            provider: self.provider,
            contract: self.contract,
            slot: self.slot,
            access,
            holder_pays: false,
            expires,
        };
        sign(token, &*self.signer)
    }

    fn presentation(&self, token: &Signed, expires: Timestamp) -> HeaderValue {
        let shown = Presentation { holder: self.signer.did(), token: token.id(), expires };
        let mut value = HeaderValue::try_from(sign(shown, &*self.signer).0)
            .expect("a compact serialisation is base64url and dots");
        value.set_sensitive(true);
        value
    }
}
