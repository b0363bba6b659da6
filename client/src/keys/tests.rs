use super::*;
use proptest::prelude::*;
use types::Signer;

fn keys() -> Keys {
    Keys::of(Master::new([7; 32]))
}

/// HKDF-SHA256 written out from RFC 5869 over HMAC from RFC 2104, to check the library against.
fn derived_by_hand(info: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    let hmac = |key: &[u8], message: &[u8]| -> [u8; 32] {
        let pad = |with: u8| {
            let mut block = [with; 64];
            block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
            block
        };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
    };
    let extracted = hmac(SALT, &[7; 32]);
    hmac(&extracted, &[info, &[1]].concat())
}

#[test]
fn derivation_is_hkdf_sha256() {
    let keys = keys();
    assert_eq!(*keys.identity().seed(), derived_by_hand(b"identity"));
    assert_eq!(keys.backup.0, derived_by_hand(b"backup"));
    assert_eq!(keys.bucket("photos").key.0, derived_by_hand(b"bucket\0photos"));
}

#[test]
fn known_answers_stay_as_they_are() {
    let keys = keys();
    let wrapped = keys.bucket(DEFAULT_BUCKET).wrap("a", &ObjectKey::new([1; 32]), [2; 12]);
    let backup = keys.seal_backup(3, [4; 12], b"catalogue");
    assert_eq!(
        hex::encode(*keys.identity().seed()),
        "a83a9e2c14c74516dee30d45ab57725651094163578eb812bc0a23632e61edb3"
    );
    assert_eq!(
        keys.identity().did().to_string(),
        "did:key:z6MkgDMP8nSnFtG8izNGZqF1Entw2aVTwY49W7zbWN1My18w"
    );
    assert_eq!(
        hex::encode(wrapped.0),
        "020202020202020202020202a63dd009e3a102a5b9851d27fd4193eaaec4b7cae78be6bfdd371f80abf52ca43d994296ae0645da21e5f257c963e84a"
    );
    assert_eq!(
        hex::encode(backup),
        "0404040404040404040404041a636cf172d35d757f1cd37ab19c1a47799ba7f654fedca546"
    );
}

#[test]
fn a_wrapped_key_opens_under_its_own_name_only() {
    let (keys, secret) = (keys(), ObjectKey::new([9; 32]));
    let bucket = keys.bucket("ab");
    let wrapped = bucket.wrap("c", &secret, [0; 12]);
    assert_eq!(bucket.unwrap("c", &wrapped), Ok(secret));
    let strange = [
        bucket.unwrap("d", &wrapped),
        keys.bucket("a").unwrap("bc", &wrapped),
        Keys::of(Master::new([8; 32])).bucket("ab").unwrap("c", &wrapped),
        bucket.unwrap("c", &WrappedKey(wrapped.0[..59].to_vec())),
        bucket.unwrap("c", &WrappedKey(Vec::new())),
    ];
    assert!(strange.iter().all(|opened| matches!(opened, Err(KeyError::Wrapped { .. }))));
}

#[test]
fn a_backup_opens_as_its_own_generation_only() {
    let keys = keys();
    let sealed = keys.seal_backup(5, [0; 12], b"x");
    assert_eq!(keys.open_backup(5, &sealed).map(|plain| plain.to_vec()), Ok(b"x".to_vec()));
    assert_eq!(keys.open_backup(6, &sealed), Err(KeyError::Backup(6)));
}

#[test]
fn secrets_do_not_show_when_printed() {
    assert_eq!(
        format!("{:?} {:?}", keys(), keys().bucket("b")),
        "Keys(secret) BucketKey(b, secret)"
    );
}

proptest! {
    #[test]
    fn a_flipped_bit_never_opens(plain in prop::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut sealed = keys().seal_backup(1, [0; 12], &plain);
        let place = at.index(sealed.len());
        sealed[place] ^= 1_u8 << bit;
        prop_assert_eq!(keys().open_backup(1, &sealed), Err(KeyError::Backup(1)));
    }
}
