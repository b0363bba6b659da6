//! Every life ends somewhere: client and providers are opened again at every step, and what comes of it is the same.

use crate::world::{DEPTH, World, did};
use contracts_bitcoin::treasurer::{EndedBy, EscrowState};

/// Plays a whole contract, in which the client's life ends at a step of some round.
async fn play(cut: usize) -> bool {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    world.wire.cut(cut);
    for _ in 0..3 {
        world.round().await;
        // Providers crash more often than anybody.
        for number in world.numbers() {
            world.reopen_provider(number).await;
        }
        world.live(1).await;
    }
    world.live(DEPTH).await;
    world.attest(7, 0, 2, 1000);
    world.attest(7, 1, 3, 640);
    for number in world.numbers() {
        world.reopen_provider(number).await;
    }
    world.live(2 * DEPTH + 1).await;
    let was_cut = cut == 0 || world.wire.was_cut();
    world.wire.cut(0);
    let lines = world.lines();
    let ended = |by: &EscrowState| *by == EscrowState::Ended(EndedBy::Agreed);
    assert!(lines.iter().all(|line| ended(&line.state) && line.is_final), "cut {cut}: {lines:?}");
    assert_eq!(lines.len(), 2, "cut {cut}");
    for (slot, number) in [(0, 2), (1, 3)] {
        let theirs = world.lines_of(number).await;
        assert_eq!(theirs.len(), 1, "cut {cut}");
        assert_eq!(
            (theirs[0].funding, theirs[0].closing),
            (lines[slot].funding, lines[slot].closing)
        );
        assert_eq!(theirs[0].provider, did(number));
    }
    world.nothing_is_lost(0).await;
    was_cut
}

#[tokio::test]
async fn a_client_may_crash_before_and_after_every_call() {
    let mut cut = 2;
    while play(cut).await {
        cut += 1;
    }
    assert!(cut > 20, "there were steps to crash at: {cut}");
}
