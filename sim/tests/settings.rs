//! What agents' settings may be: names and values that make no sense are refused in every kind that ships.

use serde_json::Value;
use sim::agents::maker;
use sim::scenario::Scenario;
use std::collections::BTreeMap;

/// Settings of every kind, as the scenarios that ship have them.
fn shipped() -> BTreeMap<String, Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files = std::fs::read_dir(folder)
        .expect("the package has scenarios")
        .map(|file| file.expect("a file").path());
    let text = |path| std::fs::read_to_string(path).expect("it can be read");
    let read = |path| Scenario::parse(&text(path)).expect("it is right");
    let worlds = files.map(read).flat_map(|scenario| {
        let arm = scenario.arms.keys().next().cloned().unwrap_or_default();
        scenario.world_of(&arm, false).expect("it fits").agents
    });
    worlds.map(|group| (group.kind, Value::Object(group.settings))).collect()
}

#[test]
fn no_kind_takes_a_name_that_it_does_not_know() {
    let kinds = shipped();
    assert!(kinds.len() > 10, "{:?}", kinds.keys());
    for (kind, settings) in kinds {
        assert!(maker(&kind, &settings).is_ok(), "{kind}");
        let mut more = settings.clone();
        more["drpo"] = 5.into();
        let error = maker(&kind, &more).err().unwrap().to_string();
        assert!(error.contains("drpo") && error.contains("money"), "{kind}: {error}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    let kinds = shipped();
    for (kind, name, value, text) in [
        ("honest", "price", Value::from(-4), "price: -4; give 0 or more"),
        ("lazy", "drop_ppm", 2_000_000.into(), "drop_ppm: 2000000; give 0 to 1000000"),
        ("honest", "spread", 5.into(), "spread: 5; give 0 to 1"),
        ("honest", "capacity", "-4TB".into(), "capacity: "),
        ("client", "duration", "soon".into(), "duration: "),
        ("client", "worth", serde_json::json!([1, -1]), "worth: -1; give 0 or more"),
        ("client", "terms", serde_json::json!({ "nope": 1 }), "terms: there is no nope"),
        ("client", "fill_permille", 1_001.into(), "fill_permille: 1001; give 0 to 1000"),
    ] {
        let mut settings = kinds[kind].clone();
        settings[name] = value;
        let error = maker(kind, &settings).err().unwrap();
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.name(), Some(name));
    }
}

#[test]
fn every_setting_of_every_kind_is_in_the_guide() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/economists.md");
    let guide = std::fs::read_to_string(guide).expect("the guide can be read");
    for (kind, mut settings) in shipped() {
        assert!(guide.contains(&format!("| `{kind}` |")), "{kind} is not in docs/economists.md");
        settings["drpo"] = 5.into();
        // What a name is refused with is every name that the kind has.
        let error = maker(&kind, &settings).err().unwrap().to_string();
        let known = error.split_once("drpo").unwrap().1;
        let names = known.split(|c: char| !c.is_alphanumeric() && c != '_');
        let names =
            names.filter(|name| !["", "there", "are", "expected", "one", "of"].contains(name));
        for name in names {
            assert!(
                guide.contains(&format!("`{name}`")),
                "{kind}: {name} is not in docs/economists.md"
            );
        }
    }
}
