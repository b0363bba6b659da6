use super::*;

fn ground() -> Scenario {
    Scenario::parse(GROUND).unwrap()
}

/// A hunt of some seconds.
fn quick(arm: &str) -> HuntSettings {
    let control = (arm != SHIPPED).then(|| SHIPPED.to_owned());
    let arm = arm.to_owned();
    HuntSettings { arm, control, budget: 150, report_seeds: 10, ..HuntSettings::shipped() }
}

fn found_in(arm: &str) -> Find {
    let hunted = hunt(&ground(), &quick(arm), Seed(1), |_| {}).unwrap();
    let find = hunted.find.expect("a planted weakness is found");
    assert!(!hunted.certificate.holds);
    assert!(find.gain_msat.interval.0 > 0.0, "{}: {:?}", find.program, find.gain_msat);
    assert!(find.documents < 50, "{} documents", find.documents);
    // What is replayed has been written down and read again.
    let text = serde_json::to_string(&find).unwrap();
    let read: Find = serde_json::from_str(&text).unwrap();
    let ended = replay(&ground(), &read).unwrap();
    assert_eq!((ended.trace, ended.documents), (find.trace, find.documents));
    assert_eq!(ended.profit_msat.to_bits(), find.profit_msat.to_bits());
    find
}

fn has(find: &Find, wanted: fn(&Verb) -> bool) -> bool {
    find.program.moves.iter().any(|one| wanted(&one.verb))
}

#[test]
fn without_bonds_dropping_is_found_to_pay() {
    let find = found_in("no_bond");
    assert!(has(&find, |verb| matches!(verb, Verb::Drop(..))), "{}", find.program);
}

#[test]
fn with_reputations_that_begin_anew_more_names_are_found_to_pay() {
    let find = found_in("reset_reputation");
    assert!(has(&find, |verb| matches!(verb, Verb::Join | Verb::Reset)), "{}", find.program);
}

#[test]
fn with_small_slots_unaudited_dropping_is_found_to_pay() {
    let find = found_in("small_unaudited");
    let drops = |verb: &Verb| matches!(verb, Verb::Drop(..) | Verb::Reset);
    assert!(has(&find, drops), "{}", find.program);
}

#[test]
fn a_quick_hunt_of_the_whole_ground_finds_nothing_shipped_and_one_seed_is_one_hunt() {
    let on_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        // Small drops are seldom found and then cost much: on few seeds they look like a gain.
        let settings = HuntSettings { budget: 60, report_seeds: 40, ..quick(SHIPPED) };
        pool.install(|| hunt(&ground(), &settings, Seed(1), |_| {})).unwrap()
    };
    let (one, two) = (on_threads(1), on_threads(2));
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
    assert!(one.certificate.holds, "{:?}", one.certificate);
    assert!(one.find.is_none());
}

#[test]
fn hunts_that_show_nothing_are_refused() {
    let refused = |settings: &HuntSettings| {
        hunt(&ground(), settings, Seed(1), |_| {}).unwrap_err().to_string()
    };
    let few = HuntSettings { report_seeds: 1, ..quick(SHIPPED) };
    assert_eq!(refused(&few), "report_seeds is 1; give 2 at least");
    assert!(refused(&quick("nowhere")).contains("there is no arm \"nowhere\""));
}

/// The end of a term, for slots that are challenged less than once an epoch. The long contracts' last challenges while they
/// run come in the attack's 78th and 93rd epoch, and some epochs are left after that: the question after the end is for
/// those (ADR 36).
#[test]
fn no_deviation_at_the_end_of_a_term_pays() {
    let mut stage = Stage::whole(&ground(), SHIPPED, 0, 160).unwrap();
    for (name, contracts) in &mut stage.contracts {
        *contracts = if name == "long" { 4 } else { 0 };
    }
    let mut arena = Arena::new(&ground(), &stage, (0..40).map(Seed).collect()).unwrap();
    let drop_in = |epoch, ppm| Move { epoch, verb: Verb::Drop(Which::All, ppm) };
    let silent_from = |epoch| Move { epoch, verb: Verb::Silent };
    let announced_in = |epoch| Move { epoch, verb: Verb::Announce(8) };
    let all = [
        ("all after the last", vec![drop_in(94, 1_000)]),
        ("half after the last", vec![drop_in(94, 500)]),
        ("a tenth after the last", vec![drop_in(94, 100)]),
        ("all before the last", vec![drop_in(80, 1_000)]),
        ("all, and silent at the last", vec![drop_in(80, 1_000), silent_from(88)]),
        ("all after the last, and silent", vec![drop_in(94, 1_000), silent_from(95)]),
        ("all after the last, and announced", vec![drop_in(94, 1_000), announced_in(96)]),
    ];
    let programs = all.clone().map(|(_, moves)| Program::of(moves));
    arena.try_all(&programs, arena.seeds()).unwrap();
    for ((name, _), program) in all.iter().zip(&programs) {
        let gain = arena.value(program, &Program::default(), arena.seeds());
        assert!(gain.interval.1 < 0.0, "{name}: {gain:?}");
    }
}
