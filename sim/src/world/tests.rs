use super::*;
use serde_json::json;

fn settings(more: serde_json::Value) -> WorldSettings {
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
    let run = run(&settings(json!({})), 1);
    println!("{:#?}", run.figures);
    assert_eq!(run.figures["contracts.failed"], 0.0);
    assert!(run.figures["contracts.settled"] >= 4.0);
    assert_eq!(run.figures["penalties"], 0.0);
    assert!(run.figures["honest.profit_msat"] > 0.0);
    assert!(run.figures["client.profit_msat"] < 0.0);
}

#[test]
fn one_seed_is_one_run_and_another_is_another() {
    let settings = settings(json!({}));
    let first = run(&settings, 1);
    assert_eq!(first.trace, run(&settings, 1).trace);
    assert_eq!(format!("{first:?}"), format!("{:?}", run(&settings, 1)));
    assert_ne!(first.trace, run(&settings, 2).trace);
}

#[test]
fn disks_that_fail_are_confessed_and_their_slots_rebuilt() {
    let run =
        run(&settings(json!({ "failures": { "disks_yearly": 0.9999, "disks_shape": 1.0 } })), 3);
    println!("{:#?}", run.figures);
    assert!(run.figures["disks.failed"] > 0.0);
    assert!(run.figures["repairs.finished"] > 0.0);
    assert_eq!(run.figures["contracts.failed"], 0.0);
}
