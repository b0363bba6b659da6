use super::*;

fn ground() -> Scenario {
    Scenario::parse(GROUND).unwrap()
}

fn quick(arm: &str) -> HuntSettings {
    let control = (arm != SHIPPED).then(|| SHIPPED.to_owned());
    HuntSettings { arm: arm.into(), control, budget: 250, report_seeds: 10, ..HuntSettings::shipped() }
}

#[test]
fn probe_programs() {
        use super::arena::Arena;
        let ground = Scenario::parse(GROUND).unwrap();
        let m = |epoch, verb| Move { epoch, verb };
        use Which::*;
        let progs: Vec<(&str, Program)> = vec![
            ("plain", Program::default()),
            ("join", Program::of(vec![m(0, Verb::Join)])),
            ("wash", Program::of(vec![m(14, Verb::Wash(2))])),
            ("drop0", Program::of(vec![m(0, Verb::Drop(All, 1000))])),
            ("dropS0", Program::of(vec![m(1, Verb::Drop(Small, 1000))])),
            ("dropS80", Program::of(vec![m(80, Verb::Drop(Small, 1000))])),
            ("dropS92", Program::of(vec![m(92, Verb::Drop(Small, 1000))])),
            ("dropS95", Program::of(vec![m(95, Verb::Drop(Small, 1000))])),
            ("dropS98", Program::of(vec![m(98, Verb::Drop(Small, 1000))])),
            ("dropS99", Program::of(vec![m(99, Verb::Drop(Small, 1000))])),
            ("drop99", Program::of(vec![m(99, Verb::Drop(All, 1000))])),
            ("reset", Program::of(vec![m(0, Verb::Reset)])),
            ("silent", Program::of(vec![m(0, Verb::Silent)])),
            ("price90", Program::of(vec![m(0, Verb::Price(90))])),
            ("announce", Program::of(vec![m(85, Verb::Announce(10)), m(86, Verb::Drop(All, 1000))])),
        ];
        for arm in ["shipped", "no_bond", "reset_reputation", "small_unaudited"] {
            let t = std::time::Instant::now();
            let stage = Stage::whole(&ground, arm, 700, 112).unwrap();
            let mut arena = Arena::new(&ground, &stage, (0..8).map(Seed).collect()).unwrap();
            arena.try_all(&[], 8).unwrap();
            println!("{arm} pasts {:?}", t.elapsed());
            let t = std::time::Instant::now();
            let all: Vec<Program> = progs.iter().map(|p| p.1.clone()).collect();
            arena.try_all(&all, 8).unwrap();
            println!("{arm} lived {} {:?}", arena.lived, t.elapsed());
            for (name, p) in &progs {
                let v = arena.value(p, &Program::default(), 8);
                let e = arena.ended(p, 0);
                println!("  {name}: profit {:.0} value {:.0} [{:.0} {:.0}] docs {}", arena.gained(p, 8).mean, v.mean, v.interval.0, v.interval.1, e.documents);
            }
        }
}

#[test]
fn probe_hunts() {
    for arm in ["shipped", "no_bond", "reset_reputation", "small_unaudited"] {
        for seed in [1, 2] {
            let t = std::time::Instant::now();
            let hunted = hunt(&ground(), &quick(arm), Seed(seed), |_| {}).unwrap();
            println!("{arm} {seed} {:?}: {}", t.elapsed(), hunted.certificate.program);
            println!("  {:?} honest {:?} tried {}", hunted.certificate.exploitability_msat, hunted.certificate.honest_msat.mean, hunted.certificate.tried);
            if let Some(find) = hunted.find {
                println!("  FIND {} gain {:?} docs {} stage {:?}", find.program, find.gain_msat, find.documents, find.stage);
            }
        }
    }
}
