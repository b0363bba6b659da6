//! Keystores that are opened, mistaken, damaged and already there.

use super::*;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    (directory, path)
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

#[test]
fn a_secret_comes_back_by_its_password_alone() {
    let (directory, path) = place();
    let secret = Secret::generate().unwrap();
    Keystore::create(&path, &secret, &password("right")).unwrap();
    let opened = Keystore::open(&path, &password("right")).unwrap();
    assert_eq!(opened.bytes(), secret.bytes());
    assert_eq!(opened.key().unwrap().did(), secret.did());
    assert_eq!(Keystore::did(&path).unwrap(), secret.did());
    let refused = Keystore::open(&path, &password("wrong")).unwrap_err();
    assert!(matches!(refused, KeystoreError::WrongPassword(_)), "{refused}");
    let names: Vec<_> = fs::read_dir(&directory).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["key.json"], "nothing else is left behind");
}

#[test]
fn entropy_keeps_the_name_that_was_derived_from_it() {
    let (_directory, path) = place();
    let did = SecretKey::from_seed(&[5; 32]).did();
    Keystore::create(&path, &Secret::entropy(&[9; 16], did), &password("p")).unwrap();
    let opened = Keystore::open(&path, &password("p")).unwrap();
    assert_eq!((opened.kind(), opened.did()), (SecretKind::Entropy, did));
    assert_eq!(opened.bytes(), [9; 16]);
    assert!(opened.key().is_none(), "entropy is no key");
}

#[test]
fn a_key_is_never_overwritten() {
    let (_directory, path) = place();
    fs::write(&path, "precious").unwrap();
    let refused = Keystore::create(&path, &Secret::seed(&[1; 32]), &password("p")).unwrap_err();
    assert!(matches!(refused, KeystoreError::Exists(_)), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, path) = place();
    Keystore::create(&path, &Secret::seed(&[1; 32]), &password("p")).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn damage_is_told_from_a_wrong_password_and_changes_nothing() {
    let (_directory, path) = place();
    Keystore::create(&path, &Secret::seed(&[1; 32]), &password("p")).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..whole.len())
        .filter(|at| !whole[*at].is_ascii_whitespace())
        .map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        })
        .collect();
    damaged.extend([vec![], whole[..whole.len() / 2].to_vec(), vec![b' '; 1 << 20]]);
    for bytes in damaged {
        fs::write(&path, &bytes).unwrap();
        match Keystore::open(&path, &password("p")).unwrap_err() {
            KeystoreError::Corrupted { .. } | KeystoreError::Version { .. } => {}
            other => panic!("{other} for {}", String::from_utf8_lossy(&bytes)),
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_missing_file_and_a_newer_format_are_named() {
    let (_directory, path) = place();
    let missing = Keystore::open(&path, &password("p")).unwrap_err();
    assert!(matches!(missing, KeystoreError::Missing(_)), "{missing}");
    fs::write(&path, r#"{"head": {"version": 2}}"#).unwrap();
    let newer = Keystore::open(&path, &password("p")).unwrap_err();
    assert!(matches!(newer, KeystoreError::Version { found: 2, .. }), "{newer}");
}

#[test]
fn a_password_file_gives_its_first_line() {
    let (directory, _) = place();
    let file = directory.path().join("password");
    fs::write(&file, "correct horse\nbattery\n").unwrap();
    assert_eq!(Password::obtain(Some(&file), Prompt::New).unwrap().bytes(), b"correct horse");
    fs::write(&file, "\n").unwrap();
    assert!(matches!(Password::from_file(&file), Err(PasswordError::Empty(_))));
    let absent = directory.path().join("absent");
    assert!(matches!(Password::from_file(&absent), Err(PasswordError::File { .. })));
    assert!(Password::new("").is_err());
}
