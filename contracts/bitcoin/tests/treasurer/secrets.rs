//! Neither logs at their finest nor panics tell a key.

use crate::world::{CLIENT, DEPTH, World, did, id, keys};
use bitcoin::secp256k1::Keypair;
use contracts_bitcoin::deal::Signer;
use contracts_bitcoin::keys::MasterKey;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

/// Everything that is logged.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A secret as logs and panics would show it: in hexadecimal digits, and as Rust shows bytes.
fn shown(secret: &[u8; 32]) -> [String; 3] {
    let plain = format!("{secret:?}");
    let inner = plain.trim_matches(['[', ']']).to_owned();
    [hex::encode(secret), hex::encode_upper(secret), inner]
}

/// Every secret of a party that has made a contract, of its auditor and of its words.
fn secrets() -> Vec<String> {
    let auditor = MasterKey::new(&[101; 32], bitcoin::Network::Regtest).unwrap();
    let mut all: Vec<[u8; 32]> = vec![[CLIENT; 32], [2; 32], [101; 32]];
    for number in [CLIENT, 2] {
        all.extend((0..2).map(|index| keys(number).escrow(index).unwrap().secret_bytes()));
    }
    all.push(auditor.oracle().unwrap().secret_bytes());
    all.extend((0..2).map(|index| *auditor.oracle_nonces(index).unwrap()));
    all.iter().flat_map(shown).collect()
}

/// What a panic tells that shows everything there is to show.
fn panics_with(world: &World) -> String {
    let (key, master) = (keys(CLIENT).escrow(0).unwrap(), keys(CLIENT));
    let pair: &Keypair = &key;
    let signer = Signer { key: pair, seed: [CLIENT; 32] };
    let treasurer = world.client.as_ref().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        panic!("{treasurer:?} {master:?} {key:?} {pair:?} {signer:?}");
    }));
    *panicked.unwrap_err().downcast::<String>().unwrap()
}

#[tokio::test]
async fn neither_logs_at_their_finest_nor_panics_tell_a_key_or_a_nonce_s_seed() {
    let heard = Heard::default();
    let writer = heard.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // While there is but one, what another test's thread comes by first is never logged here.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let told = {
        let _listening = tracing::subscriber::set_default(subscriber);
        let mut world = World::new(1).await;
        world.agree(7, &[2]);
        world.agree(8, &[2]);
        world.round().await.unwrap();
        world.live(DEPTH).await;
        world.attest(7, 0, 2, 900);
        world.live(DEPTH + 1).await;
        assert!(world.lines().iter().any(|line| line.contract == id(7) && line.is_final));
        tracing::error!(party = %did(CLIENT), "the end");
        panics_with(&world)
    };
    let logged = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the end") && logged.len() > 500, "something is logged: {logged}");
    assert!(told.contains("MasterKey") && told.len() > 5_000, "something is shown");
    for text in [&logged, &told] {
        // A root's text, and a private key in a descriptor.
        assert!(!text.contains("prv8"), "an extended private key is shown");
        for secret in secrets() {
            assert!(!text.contains(&secret), "a secret is shown");
        }
    }
}
