use super::*;
use crate::statistics::whole;
use serde_json::json;

fn settings(more: &serde_json::Value) -> WorldSettings {
    let mut settings = json!({
        "epoch": "1h", "epochs": 72,
        "costs": { "keeping": 50.0 },
        "agents": [
            { "kind": "honest", "count": 12, "capacity": "100GB", "price": 100.0, "money": 1_000_000_000 },
            {
                "kind": "client", "count": 2, "capacity": "10GB", "duration": "2d", "contracts": 2,
                "worth": [1000.0, 1000.0], "money": 1_000_000_000,
            },
        ],
    });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}

fn run(settings: &WorldSettings, seed: u64) -> Run {
    World::new(settings, Seed(seed)).unwrap().run("only", |_| {}).unwrap()
}

#[test]
fn contracts_are_agreed_filled_audited_and_settled() {
    let run = run(&settings(&json!({})), 1);
    println!("{:#?}", run.figures);
    assert!(run.figures["contracts.failed"] < 1.0);
    assert!(run.figures["contracts.settled"] >= 4.0);
    assert!(run.figures["penalties"] < 1.0);
    assert!(run.figures["honest.profit_msat"] > 0.0);
    assert!(run.figures["client.profit_msat"] < 0.0);
}

#[test]
fn one_seed_is_one_run_and_another_is_another() {
    let settings = settings(&json!({}));
    let first = run(&settings, 1);
    assert_eq!(first.trace, run(&settings, 1).trace);
    assert_eq!(format!("{first:?}"), format!("{:?}", run(&settings, 1)));
    assert_ne!(first.trace, run(&settings, 2).trace);
}

#[test]
fn disks_that_fail_are_confessed_and_their_slots_rebuilt() {
    let run =
        run(&settings(&json!({ "failures": { "disks_yearly": 0.9999, "disks_shape": 1.0 } })), 3);
    println!("{:#?}", run.figures);
    assert!(run.figures["disks.failed"] > 0.0);
    assert!(run.figures["repairs.finished"] > 0.0);
    assert!(run.figures["contracts.failed"] < 1.0);
}

#[test]
fn a_blackout_of_so_many_takes_so_many_out_of_reach_and_no_more() {
    let event = json!([{ "epoch": 20, "epochs": 5, "count": 3 }]);
    let run = run(&settings(&json!({ "failures": { "events": event } })), 4);
    let online = &run.series["providers.online"];
    let at = |epoch: usize| whole(online[epoch - 1]);
    assert_eq!([19, 20, 24, 25].map(at), [12, 9, 9, 12]);
}

#[test]
fn who_vanishes_loses_its_bonds_and_is_never_back() {
    let mut world = settings(&json!({ "epochs": 96 }));
    let deserters = json!({
        "kind": "deserter", "count": 2, "capacity": "100GB", "price": 100.0, "money": 1_000_000_000,
        "per_operator": 2, "way": "vanishes", "leaves_epoch": 10,
    });
    world.agents.insert(1, serde_json::from_value(deserters).unwrap());
    for agents in &mut world.agents {
        if agents.kind == "client" {
            agents.settings.insert("duration".into(), json!("10d"));
        }
    }
    let run = run(&world, 5);
    assert!(run.figures["deserter.slashed_msat"] > 0.0, "{:#?}", run.figures);
    assert_eq!(run.series["providers.online"].last().map(|online| whole(*online)), Some(12));
    for none in ["penalties.wrong", "contracts.failed", "repairs.reads_unpaid_msat"] {
        assert_eq!(whole(run.figures[none]), 0, "{none}");
    }
    assert!(run.figures["repairs.finished"] > 0.0);
}

#[test]
fn whoever_has_nothing_to_do_misses_nothing() {
    let mut settings = settings(&json!({
        "failures": { "disks_yearly": 0.9, "outages_yearly": 50.0, "outage_hours": 2.0, "outage_hours_max": 9.0 },
    }));
    settings.epochs = 600;
    let providers = &mut settings.agents[0];
    providers.count = 100;
    for (name, value) in
        [("target_permille", json!(600)), ("spread", json!(0.2)), ("arrive", json!([1, 3]))]
    {
        providers.settings.insert(name.into(), value);
    }
    let world = || World::new(&settings, Seed(6)).unwrap();
    let (mut waking, mut asked) = (world(), 0);
    for epoch in 1..=settings.epochs {
        asked += waking.members.awake(Epoch(epoch));
        waking.members.wake_all();
        waking.live(Epoch(epoch));
    }
    let mut sleeping = world();
    let mut awake = 0;
    for epoch in 1..=settings.epochs {
        awake += sleeping.members.awake(Epoch(epoch));
        sleeping.live(Epoch(epoch));
    }
    assert_eq!(waking.desk.trace(), sleeping.desk.trace());
    assert_eq!(asked, awake, "each knows the same of itself, whether it is asked or not");
    let all = settings.epochs * 102;
    assert!(awake < all / 2, "{awake} of {all} would have been asked");
    assert!(awake > settings.epochs * 2, "the clients always are");
}
