use super::*;

const GOOD: &str = r#"
name = "small"
claim = "Nothing happens."
seeds = 3 # chosen small

[world]
epoch = "1h" # the live default
epochs = 5   # chosen short
failures.disks_yearly = 0.014 # Backblaze 2024, fleet

[[world.agents]]
kind = "honest"
# chosen: as few as the market needs, with the default price
count = 8
capacity = "100GB"
price = 100.0
money = 1_000_000_000

[arms.calm]

[arms.rough]
"failures.disks_yearly" = 0.5 # chosen high

[[must]]
figure = "penalties"
arm = "rough"
minus = "calm"
below = 1.0 # chosen as nothing
because = "nobody is there to complain"

[mutant]
without = "its providers"
set = { "agents.honest.count" = 0 } # nobody at all
"#;

/// What is said of `GOOD` with `from` in it replaced.
fn refused(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    Scenario::parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn a_scenario_has_a_world_for_each_arm_and_for_its_mutant() {
    let scenario = Scenario::parse(GOOD).unwrap();
    let yearly = |arm| scenario.world_of(arm, false).unwrap().failures.disks_yearly;
    assert_eq!((yearly("calm"), yearly("rough")), (0.014, 0.5));
    assert_eq!(scenario.world_of("calm", true).unwrap().agents[0].count, 0);
    assert_eq!(scenario.world_of("calm", false).unwrap().agents[0].count, 8);
}

#[test]
fn whatever_is_wrong_is_said_with_its_line() {
    for (from, to, line, text) in [
        ("[arms.calm]", "[arms.calm", 19, "not TOML"),
        ("epochs = 5 ", "epoch_count = 5 ", 8, "unknown field `epoch_count`"),
        ("epochs = 5   # chosen short", "epochs = 5", 8, "5 has no source"),
        ("disks_yearly = 0.014", "disks_yearly = -0.014", 9, "-0.014; give 0 or more"),
        ("\"1h\"", "\"soon\"", 7, "epoch"),
        ("kind = \"honest\"", "kind = \"honset\"", 11, "\"honset\" is no kind of agent"),
        ("price = 100.0", "prize = 100.0", 11, "prize"),
        (
            "\"failures.disks_yearly\" = 0.5",
            "\"failures.disk_yearly\" = 0.5",
            22,
            "unknown field `disk_yearly`",
        ),
        ("\"failures.disks_yearly\" = 0.5", "\"failures.disks_yearly\" = 1.5", 22, "below 1"),
        (
            "\"failures.disks_yearly\" = 0.5",
            "\"agents.lazy.count\" = 5",
            22,
            "there is no \"lazy\"; there are honest",
        ),
        (
            "minus = \"calm\"",
            "minus = \"cool\"",
            24,
            "there is no arm \"cool\"; there are calm, rough",
        ),
        ("minus = \"calm\"", "minus = \"rough\"", 24, "less itself"),
        (
            "below = 1.0",
            "above = 2 # chosen high\nbelow = 1.0",
            24,
            "nothing is above 2 and below 1",
        ),
        (
            "figure = \"penalties\"",
            "figure = \"penaltys\"",
            25,
            "no run has a figure \"penaltys\"; is penalties meant?",
        ),
        (
            "figure = \"penalties\"",
            "figure = \"lazy.profit_msat\"",
            25,
            "the groups here are honest",
        ),
        ("figure = \"penalties\"", "figure = \"bonds.worst_times\"", 25, "no run has a figure"),
        ("below = 1.0 # chosen as nothing", "", 24, "give below, above or equals"),
        ("seeds = 3", "seeds = 1", 4, "1 runs show nothing"),
        ("\"agents.honest.count\" = 0", "\"agents.honest.cuont\" = 0", 33, "cuont"),
    ] {
        let found = refused(from, to);
        assert!(found.contains(text), "{to}: {found}");
        assert!(found.starts_with(&format!("line {line}:")), "{to}: {found}");
    }
}
