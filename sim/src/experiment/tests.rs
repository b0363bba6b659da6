use super::*;

const SCENARIO: &str = r#"
name = "two arms"
claim = "Disks that fail are repaired."
seeds = 4 # chosen small

[world]
epoch = "1h" # the live default
epochs = 48  # chosen: two days

[[world.agents]]
kind = "honest"
# chosen: enough for 4+2 slots and as many reserves, at the reference price
count = 12
capacity = "100GB"
price = 100.0
money = 1_000_000_000

[[world.agents]]
kind = "client"
# chosen: contracts that outlast the run, at any price
count = 1
capacity = "10GB"
duration = "30d"
contracts = 4
worth = [1000.0, 1000.0]
money = 1_000_000_000

[arms.calm]

[arms.rough]
"failures.disks_yearly" = 0.999999 # chosen so high that some fail in two days

[[must]]
figure = "repairs.finished"
arm = "rough"
minus = "calm"
above = 0.0 # more than none
because = "what is lost is rebuilt"

[[must]]
figure = "contracts.failed"
arm = "rough"
equals = 0.0 # none at all
because = "nothing is lost"

[mutant]
without = "any failure"
set = { "failures.disks_yearly" = 0.0 } # none at all
"#;

fn scenario() -> Scenario {
    Scenario::parse(SCENARIO).unwrap()
}

fn on_threads(threads: usize, plan: &Plan) -> Report {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| run(&scenario(), plan, || {})).unwrap()
}

#[test]
fn one_thread_and_two_give_the_same_to_the_bit() {
    let (one, two) = (on_threads(1, &Plan::first(4)), on_threads(2, &Plan::first(4)));
    assert_eq!(one.trace(), two.trace());
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
}

#[test]
fn a_scenario_holds_and_its_mutant_does_not() {
    let report = on_threads(2, &Plan::first(24));
    assert!(report.holds(), "{:#?}", report.findings);
    let mutant = on_threads(2, &Plan::first(24).mutated());
    assert!(mutant.is_refuted(), "{:#?}", mutant.findings);
}

#[test]
fn shards_have_every_run_once() {
    let whole = on_threads(2, &Plan::first(3));
    let parts = (1..=2).map(|shard| {
        let plan = Plan { shard: (shard, 2), ..Plan::first(3) };
        on_threads(1, &plan)
    });
    let mut runs: Vec<Run> = parts.flat_map(|part| part.runs).collect();
    runs.sort_by(|a, b| (&b.arm, a.seed).cmp(&(&a.arm, b.seed)));
    let report = Report { runs, ..whole.clone() };
    assert_eq!(judged(&scenario(), report.clone()).unwrap().findings, whole.findings);
    assert_eq!(report.trace(), whole.trace());
}

#[test]
fn senseless_plans_are_refused() {
    let refused = |plan: &Plan| run(&scenario(), plan, || {}).unwrap_err().to_string();
    let twice = Plan { seeds: vec![1, 2, 1], ..Plan::first(1) };
    assert!(refused(&twice).contains("seed 1 is in the list twice"));
    let beyond = Plan { shard: (3, 2), ..Plan::first(2) };
    assert!(refused(&beyond).contains("there is no shard 3 of 2"));
    assert!(refused(&Plan::first(1)).contains("has 1 runs; an interval needs two at least"));
    let mut without = scenario();
    without.mutant = None;
    let error = run(&without, &Plan::first(2).mutated(), || {}).unwrap_err();
    assert!(error.to_string().contains("has no mutant"));
}

#[test]
fn what_no_run_has_is_unknown_and_the_rest_is_found() {
    let mut unknown = scenario();
    unknown.must[0].figure = "profits".into();
    let report = run(&unknown, &Plan::first(2), || {}).unwrap();
    let finding = &report.findings[0];
    assert!(finding.found.is_nan() && !finding.holds && !finding.refuted, "{finding:?}");
    assert!(
        finding.must.contains("with seed 1 what it is the mean of never happened"),
        "{finding:?}"
    );
}

#[test]
fn arms_stand_as_the_file_has_them() {
    let text = SCENARIO.replace("[arms.calm]", "[arms.zero]\n\n[arms.calm]");
    let scenario = Scenario::parse(&text).unwrap();
    let report = run(&scenario, &Plan::first(2), || {}).unwrap();
    let order = |report: &Report| {
        report.runs.iter().map(|run| (run.arm.clone(), run.seed)).collect::<Vec<_>>()
    };
    let expected = ["zero", "calm", "rough"].map(|arm| [1, 2].map(|seed| (arm.to_owned(), seed)));
    assert_eq!(order(&report), expected.concat());
    let mut merged = report.clone();
    merged.runs.sort_by(|a, b| (&a.arm, a.seed).cmp(&(&b.arm, b.seed)));
    let trace = merged.trace();
    assert_eq!(order(&judged(&scenario, merged).unwrap()), order(&report));
    assert_eq!(trace, report.trace(), "whatever the order");
}
