//! Addresses are normalised as each destination does it: the vectors of tests/data/conformance, and those that the
//! meanings of the forms name.

use segengine::identity::email::{self, Destination};
use segengine::identity::hex;
use serde_json::Value;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/conformance/normalisation_vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Checks `(input, expected)` pairs; returns how many.
fn check(pairs: &Value, actual: impl Fn(&str) -> Option<String>) -> usize {
    let pairs = pairs.as_array().unwrap();
    for pair in pairs {
        let (input, expected) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        assert_eq!(actual(input).as_deref(), Some(expected), "{input:?}");
    }
    pairs.len()
}

#[test]
fn every_email_vector_of_google_passes() {
    let vectors = vectors();
    let email = vectors["google"]["email"].as_object().unwrap();
    let hash = |text: &str| email::sha256(Destination::Google, text);
    let mut checked = 0;
    for (kind, pairs) in email {
        checked += match kind.as_str() {
            "format" => check(pairs, |text| email::normalise(Destination::Google, text)),
            "sha256_hex" => check(pairs, |text| hash(text).map(|digest| hex::encode(&digest))),
            "sha256_base64" => check(pairs, |text| hash(text).map(|digest| email::base64(&digest))),
            "invalid" => {
                let inputs = pairs.as_array().unwrap();
                for input in inputs {
                    // `null` is the caller's None: there is no text to ask about, and an empty one is refused as well.
                    assert_eq!(email::normalise(Destination::Google, input.as_str().unwrap_or("")), None, "{input}");
                }
                inputs.len()
            }
            other => panic!("a new kind of e-mail vector: {other}"),
        };
    }
    assert_eq!(checked, 4 + 6 + 4 + 1);
}

#[test]
fn every_email_vector_of_uid2_passes() {
    let vectors = vectors();
    let uid2 = vectors["uid2"].as_object().unwrap();
    assert_eq!(uid2.keys().filter(|kind| *kind != "source").collect::<Vec<_>>(), ["email_sha256_base64"]);
    let hash = |text: &str| email::sha256(Destination::Uid2, text).map(|digest| email::base64(&digest));
    assert_eq!(check(&uid2["email_sha256_base64"], hash), 9);
}

#[test]
fn what_is_no_email_vector_is_named() {
    let vectors = vectors();
    let kinds: Vec<&str> = vectors["google"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut others: Vec<&str> = kinds.into_iter().filter(|kind| !matches!(*kind, "source" | "email")).collect();
    others.sort_unstable();
    assert_eq!(others, ["family_name", "given_name", "phone", "postal_code", "region_code"]);
}

#[test]
fn customer_files_hold_the_md5_of_the_lower_case_address() {
    let md5 = |text: &str| email::powerspace_md5(text).map(|digest| hex::encode(&digest));
    for text in ["john_smith@gmail.com", " John_Smith@GMAIL.com\u{200b}", "\u{feff}john_smith@gmail.com\u{a0}"] {
        assert_eq!(md5(text).as_deref(), Some("ac862c981fee6b90654257051c4e197a"), "{text:?}");
    }
    assert_eq!(md5("user@example.com").as_deref(), Some("b58996c504c5638798eb6b511e6f49af"));
    assert_ne!(md5("john.smith@gmail.com"), md5("johnsmith@gmail.com"), "no Gmail rule");
    assert_eq!(md5("e\u{301}lodie@example.com"), md5("\u{e9}lodie@example.com"), "NFC");
    assert_eq!(md5("\u{c9}LODIE@example.com"), md5("\u{e9}lodie@example.com"));
}

#[test]
fn meta_keeps_what_google_and_uid2_drop() {
    let text = " Jane.Saoirse+News@Gmail.com ";
    assert_eq!(email::normalise(Destination::Meta, text).as_deref(), Some("jane.saoirse+news@gmail.com"));
    assert_eq!(email::normalise(Destination::Google, text).as_deref(), Some("janesaoirse+news@gmail.com"));
    assert_eq!(email::normalise(Destination::Uid2, text).as_deref(), Some("janesaoirse@gmail.com"));
    let digest = email::sha256(Destination::Uid2, "user@example.com").unwrap();
    assert_eq!(email::base64(&digest), "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ=");
}
