//! The page of limits says what the table in the code says. `SEGENGINE_WRITE_PAGES=1` writes it anew.

use std::fmt::Write as _;

use segengine::limits::TABLE;

fn page() -> String {
    let mut page = String::from(
        "# Limits\n\nEvery bound of the engine, from one table in the code (`rust/segengine/src/limits.rs`); \
         `Admin.GetLimits` and\n`engine.limits()` answer the same. What passes a bound is refused with `LIMIT_EXCEEDED`, \
         naming what was given and\nwhat is allowed; nothing is cut silently.\n\n| name | value | unit | what it bounds |\n\
         |---|---:|---|---|\n",
    );
    for (name, value, unit, meaning) in TABLE {
        let mut digits = value.to_string();
        for place in (1..digits.len()).rev().filter(|place| (digits.len() - place) % 3 == 0).collect::<Vec<_>>() {
            digits.insert(place, ',');
        }
        writeln!(page, "| `{name}` | {digits} | {unit} | {} |", meaning.trim()).unwrap();
    }
    page
}

#[test]
fn the_page_of_limits_is_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/limits.md");
    if std::env::var_os("SEGENGINE_WRITE_PAGES").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/reference/limits.md is stale: run this test with SEGENGINE_WRITE_PAGES=1");
}
