//! Every life ends somewhere: a client is opened again after each step, providers time and again, and what comes of it is the same.

use crate::world::{DEPTH, World, did, id, keys};
use contracts_bitcoin::treasurer::{EndedBy, EscrowLine, EscrowState, Treasurer};
use std::sync::Arc;

/// Plays one more contract, in which the client's life ends at a step of some round. Says whether it did.
async fn play(world: &mut World, cut: usize) -> bool {
    let number = u8::try_from(cut).unwrap();
    let crashing = if cut.is_multiple_of(2) { 2 } else { 3 };
    world.agree(number, &[2, 3]);
    world.wire.cut(cut);
    for crash in [false, true] {
        world.round().await;
        if crash {
            world.reopen_provider(crashing).await;
        }
        world.live(1).await;
    }
    world.live(DEPTH).await;
    world.attest(number, 0, 2, 500);
    world.attest(number, 1, 3, 640);
    world.live(2 * DEPTH + 2).await;
    let was_cut = world.wire.was_cut();
    world.wire.cut(0);
    let of = |lines: Vec<EscrowLine>| -> Vec<EscrowLine> {
        lines.into_iter().filter(|line| line.contract == id(number)).collect()
    };
    let lines = of(world.lines());
    let ended = EscrowState::Ended(EndedBy::Agreed);
    assert_eq!(lines.len(), 2, "cut {cut}");
    for (line, number) in lines.iter().zip([2, 3]) {
        assert!(line.state == ended && line.is_final, "cut {cut}: {line:?}");
        let theirs = of(world.lines_of(number).await);
        assert_eq!(theirs.len(), 1, "cut {cut}");
        assert_eq!((theirs[0].funding, theirs[0].closing), (line.funding, line.closing));
        assert_eq!(theirs[0].provider, did(number));
    }
    // The market has it done with.
    world.change(number, |view| view.state = "settled".into());
    was_cut
}

#[tokio::test]
async fn a_client_may_crash_before_and_after_every_call_and_a_provider_between_any() {
    let mut world = World::new(2).await;
    let mut cut = 2;
    while play(&mut world, cut).await {
        world.nothing_is_lost(0).await;
        cut += 1;
    }
    assert!(cut > 20, "there were steps to crash at: {cut}");
}

#[tokio::test]
async fn a_provider_may_crash_between_any_two_words() {
    let mut world = World::new(2).await;
    let (folder, manner) = (world.folder.path().to_owned(), world.manner.clone());
    world.street.opener = Some(Arc::new(move |provider| {
        let number = if provider == did(2) { 2 } else { 3 };
        let folder = folder.join(number.to_string());
        Treasurer::open(&folder, keys(number), provider, manner.clone(), None).unwrap()
    }));
    world.agree(7, &[2, 3]);
    assert_eq!(world.round().await.unwrap().funded.len(), 1);
    let words = world.street.said.lock().unwrap().len();
    assert_eq!(words, 8, "three rounds and the funding, for each");
    world.live(DEPTH).await;
    world.attest(7, 0, 2, 1000);
    world.attest(7, 1, 3, 640);
    world.live(DEPTH + 1).await;
    let ended = EscrowState::Ended(EndedBy::Agreed);
    assert!(world.lines().iter().all(|line| line.state == ended && line.is_final));
    world.nothing_is_lost(0).await;
}
