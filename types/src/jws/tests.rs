//! What a verifier accepts, what it refuses, and that an independent JOSE library agrees.

use super::*;
use crate::SecretKey;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    from: Did,
    text: String,
}

impl Document for Note {
    const TYP: &'static str = "test.note";
    fn signer(&self) -> Did {
        self.from
    }
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn note(seed: u8) -> Verified<Note> {
    let key = key(seed);
    Verified::sign(Note { from: key.did(), text: "hello".into() }, &key).unwrap()
}

fn with_header(header: &str) -> Signed {
    let payload = serde_json::to_vec(&*note(1)).unwrap();
    let compact = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let signature = key(1).sign(compact.as_bytes());
    Signed(format!("{compact}.{}", BASE64.encode(signature)))
}

#[test]
fn what_was_signed_verifies() {
    let note = note(1);
    assert_eq!(note.signed().verify::<Note>().unwrap(), note);
    assert_eq!(note.signed().typ().as_deref(), Some("test.note"));
}

#[test]
fn an_independent_library_verifies_it_too() {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    let note = note(1);
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let x = BASE64.encode(key(1).did().0);
    let decoding = DecodingKey::from_ed_components(&x).unwrap();
    let decoded = jsonwebtoken::decode::<Note>(&note.signed().0, &decoding, &validation).unwrap();
    assert_eq!(decoded.claims, *note);
    let other = DecodingKey::from_ed_components(&BASE64.encode(key(2).did().0)).unwrap();
    assert!(jsonwebtoken::decode::<Note>(&note.signed().0, &other, &validation).is_err());
}

#[test]
fn no_other_algorithm_header_or_kind_passes() {
    let kid = key(1).did();
    for header in [
        format!(r#"{{"alg":"none","kid":"{kid}","typ":"test.note"}}"#),
        format!(r#"{{"alg":"HS256","kid":"{kid}","typ":"test.note"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"test.other"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"test.note","crit":["b64"]}}"#),
        r#"{"alg":"EdDSA","typ":"test.note"}"#.to_owned(),
    ] {
        assert_eq!(
            with_header(&header).verify::<Note>(),
            Err(JwsError::Header { expected: "test.note" }),
            "{header}"
        );
    }
}

#[test]
fn nobody_signs_for_another() {
    let document = Note { from: key(1).did(), text: String::new() };
    assert!(matches!(Verified::sign(document, &key(2)), Err(JwsError::ForeignSigner { .. })));
}

#[test]
fn a_simulated_document_passes_for_nothing_real() {
    let note = Verified::simulated(Note { from: key(1).did(), text: String::new() });
    assert!(note.signed().verify::<Note>().is_err());
}

proptest! {
    #[test]
    fn any_changed_byte_is_refused(at in 0usize..1000, to in any::<u8>()) {
        let original = note(1).signed().0.clone();
        let mut bytes = original.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assume!(changed != original);
            prop_assert!(Signed(changed).verify::<Note>().is_err());
        }
    }

    #[test]
    fn noise_never_panics(text in ".{0,200}") {
        prop_assert!(Signed(text).verify::<Note>().is_err());
    }
}
