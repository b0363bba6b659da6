//! The API's description: it is the one that is committed, and it is whole.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Set to write `docs/openapi.json` anew.
const BLESS: &str = "BONDSTORE_BLESS";

/// Every operation: method, path and what is said of it.
fn operations(api: &Value) -> Vec<(String, String, Value)> {
    let paths = api["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("a path item").clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| (method, path.clone(), operation))
    };
    paths.iter().flat_map(of_path).collect()
}

#[test]
fn the_description_is_the_committed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let now = serde_json::to_string_pretty(&market_server::openapi()).unwrap() + "\n";
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == now,
        "docs/openapi.json is not what the code says: if the change is meant, run \
         {BLESS}=1 cargo test -p market-server --test it openapi"
    );
}

#[test]
fn every_operation_is_named_once_and_refuses_with_codes() {
    let api = market_server::openapi();
    assert_eq!(api["openapi"], "3.1.0");
    let operations = operations(&api);
    let names: BTreeSet<&str> =
        operations.iter().filter_map(|(_, _, o)| o["operationId"].as_str()).collect();
    assert_eq!(names.len(), operations.len());
    for (method, path, operation) in &operations {
        assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status < &"300".to_owned()), "{method} {path}");
        for (status, response) in responses.iter().filter(|(s, _)| s.as_str() >= "400") {
            let codes = response["x-codes"].as_array();
            assert!(codes.is_some_and(|c| !c.is_empty()), "{method} {path} {status}");
            let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{method} {path} {status}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match value {
                Value::String(to) if key == "$ref" => drop(found.insert(to.clone())),
                _ => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let api = market_server::openapi();
    let mut found = BTreeSet::new();
    references(&api, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(api.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}
