//! Paths and answers as foreign oracles have them.

use super::*;

#[test]
fn an_event_s_name_is_percent_encoded_in_its_path() {
    assert_eq!(fill("/a/{event}", "c0ffee.3.median-1-of-1"), "/a/c0ffee.3.median-1-of-1");
    assert_eq!(fill("/a?id={event}", "a b/é?"), "/a?id=a%20b%2F%C3%A9%3F");
}

#[test]
fn a_tlv_is_found_plain_in_hexadecimal_and_in_json() {
    let bytes = vec![0xfd, 0xd8, 0x24, 0];
    let hex = "fdd82400";
    let json = [format!("\"{hex}\""), format!("{{\"announcement\": \"{hex}\", \"n\": 1}}")];
    for body in [bytes.clone(), format!(" {hex}\n").into_bytes()]
        .into_iter()
        .chain(json.map(String::into_bytes))
    {
        assert_eq!(tlv(&body, "announcement").unwrap(), bytes);
    }
    for body in ["<html>", "{\"other\": \"fd\"}", "[]", "\u{e9}"] {
        assert!(matches!(tlv(body.as_bytes(), "announcement"), Err(Fault::Form(_))), "{body}");
    }
    assert!(tlv(&[0xff], "announcement").is_err());
}
