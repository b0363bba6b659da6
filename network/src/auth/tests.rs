//! Sessions and tokens that are late, long, forged or foreign.

use super::*;
use std::sync::Arc;
use types::documents::{Access, AccessToken, Presentation};
use types::{Document, Hash, SecretKey, Signer};

const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn key(n: u8) -> Arc<SecretKey> {
    Arc::new(SecretKey::from_seed(&[n; 32]))
}

fn signed<T: Document>(document: T, n: u8) -> Signed {
    Verified::sign(document, &*key(n)).unwrap().signed().clone()
}

fn session_until(expires: Timestamp) -> Signed {
    signed(Session { party: key(2).did(), audience: key(1).did(), expires }, 2)
}

fn code<T>(result: Result<T, Problem>) -> String {
    result.err().map_or_else(|| "admitted".to_owned(), |problem| problem.code)
}

fn checked(signed: &Signed) -> String {
    code(check_session(signed, key(1).did(), NOW))
}

#[test]
fn a_session_counts_while_it_lasts_and_lasts_five_minutes_at_most() {
    assert_eq!(checked(&session_until(NOW.after(Span(1)))), "admitted");
    assert_eq!(checked(&session_until(NOW.after(SESSION_SPAN_MAX))), "admitted");
    assert_eq!(checked(&session_until(NOW)), "session_expired");
    let longer = Span(SESSION_SPAN_MAX.0 + 1);
    assert_eq!(checked(&session_until(NOW.after(longer))), "session_too_long");
}

#[test]
fn a_session_is_for_one_market_and_signed_by_its_party() {
    let session = session_until(NOW.after(Span::SECOND));
    assert_eq!(code(check_session(&session, key(3).did(), NOW)), "session_audience");
    let forged = Signed(session.0.replace('.', ".e"));
    assert_eq!(checked(&forged), "session_invalid");
    let mut headers = HeaderMap::new();
    assert_eq!(code(super::session(&headers, key(1).did(), NOW)), "authorisation_missing");
    headers.insert(AUTHORIZATION, bearer(&session));
    assert_eq!(super::session(&headers, key(1).did(), NOW).unwrap().party, key(2).did());
}

#[test]
fn sessions_are_kept_and_follow_the_markets_clock() {
    let sessions = Sessions::new(key(2), key(1).did());
    assert_eq!(sessions.header(), sessions.header());
    let ahead = crate::clock::now().after(Span::DAY);
    let before = sessions.header();
    sessions.set_clock(ahead);
    assert_ne!(sessions.header(), before);
    assert!(check_session(&sessions.document(), key(1).did(), ahead).is_ok());
}

fn token() -> AccessToken {
    AccessToken {
        issuer: key(2).did(),
        holder: key(2).did(),
        provider: key(1).did(),
        contract: Hash::of(b"contract"),
        slot: 4,
        access: vec![Access::Read],
        holder_pays: false,
        expires: NOW.after(Span::HOUR),
    }
}

fn admitted(token: &Signed, presentation: Option<Signed>, access: Access) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, bearer(token));
    if let Some(shown) = presentation {
        headers.insert(PRESENTATION, shown.0.parse().unwrap());
    }
    let issuers = [key(2).did()];
    let (contract, slot) = (Hash::of(b"contract"), 4);
    let door = Doorkeeper::new(key(1).did());
    let wanted = Wanted { contract, slot, access, issuers: &issuers, now: NOW };
    let first = code(door.admit(&headers, &wanted));
    assert_eq!(first, code(door.admit(&headers, &wanted)), "what is remembered changes nothing");
    first
}

#[test]
fn a_token_opens_what_it_names_and_nothing_else() {
    let cases: [(&str, AccessToken, u8); 8] = [
        ("admitted", token(), 2),
        ("token_scope", AccessToken { provider: key(9).did(), ..token() }, 2),
        ("token_scope", AccessToken { contract: Hash::of(b"other"), ..token() }, 2),
        ("token_scope", AccessToken { slot: 5, ..token() }, 2),
        ("token_scope", AccessToken { access: vec![Access::Write], ..token() }, 2),
        ("token_scope", AccessToken { issuer: key(3).did(), holder: key(3).did(), ..token() }, 3),
        ("token_expired", AccessToken { expires: NOW, ..token() }, 2),
        ("token_too_long", AccessToken { expires: NOW.after(Span(2 * Span::DAY.0)), ..token() }, 2),
    ];
    for (expected, token, signer) in cases {
        assert_eq!(
            admitted(&signed(token.clone(), signer), None, Access::Read),
            expected,
            "{token:?}"
        );
    }
}

#[test]
fn anothers_token_needs_its_holder() {
    let token = signed(AccessToken { holder: key(3).did(), ..token() }, 2);
    let shown = |holder: u8, token: &Signed, expires| {
        let (holder_did, token) = (key(holder).did(), token.id());
        Some(signed(Presentation { holder: holder_did, token, expires }, holder))
    };
    let minute = NOW.after(Span(60 * Span::SECOND.0));
    assert_eq!(admitted(&token, None, Access::Read), "presentation_missing");
    assert_eq!(admitted(&token, shown(3, &token, minute), Access::Read), "admitted");
    assert_eq!(admitted(&token, shown(4, &token, minute), Access::Read), "presentation_foreign");
    let other = session_until(minute);
    assert_eq!(admitted(&token, shown(3, &other, minute), Access::Read), "presentation_foreign");
    assert_eq!(admitted(&token, Some(other), Access::Read), "presentation_invalid");
    assert_eq!(admitted(&token, shown(3, &token, NOW), Access::Read), "presentation_expired");
}
