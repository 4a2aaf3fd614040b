"""The layering rules hold, and each of them finds a violation planted in a small tree."""

from __future__ import annotations

from pathlib import Path

import pytest

import layering
from rust_source import strip_opaque, strip_test_modules, use_paths

ROOT = Path(__file__).resolve().parents[2]

SOUND = {
    "rust/segengine/Cargo.toml": "[package]\nname = 'segengine'\n[dependencies]\ncroaring = '2'\n",
    "rust/segengine/src/lib.rs": "//! Core.\npub mod bitmap;\npub mod engine;\n",
    "rust/segengine/src/ids.rs": "//! Ids.\nuse crate::error::Error;\n",
    "rust/segengine/src/bitmap/mod.rs": "//! Sets.\nuse croaring::Bitmap;\nuse crate::{ids::ProfileId, limits};\n",
    "rust/segengine/src/catalog/schema.rs": "//! Schema.\nuse rusqlite::Connection;\nuse crate::segment::Slot;\n",
    "rust/segengine/src/engine/mod.rs": "//! Engine.\nuse crate::catalog::Catalog;\nuse super::targeting;\n",
    "rust/segengine-server/src/status.rs": "//! Codes.\nfn code() { Code::NotFound; Status::new(1, 2); }\n",
    "rust/segengine-server/src/convert.rs": "//! Messages.\nuse segengine::{Error, engine::{Engine, Reader}};\n",
    "rust/segengine-python/src/errors.rs": "//! Exceptions.\ncreate_exception!(a, B, C);\n",
    "python/segengine/__init__.py": "from segengine.client import connect\n",
    "python/segengine/__main__.py": "from segengine.cli import main\n",
    "python/segengine/cli/__init__.py": "from segengine.cli import output\nimport segengine\n",
    "python/segengine/connectors/kafka.py": "from segengine.connectors import base\n",
    "python/segengine/science/lift.py": "import numpy\n",
}

PLANTED = [
    ("rust/segengine/src/bitmap/mod.rs", "use crate::engine::Engine;", "`bitmap` imports `engine`"),
    ("rust/segengine/src/ids.rs", "use crate::{error::{A, B}, bitmap::{self, X}};", "`ids` imports `bitmap`"),
    ("rust/segengine/src/bitmap/deep.rs", "use super::super::catalog::Catalog;", "`bitmap` imports `catalog`"),
    ("rust/segengine/src/bitmap/deep.rs", "fn f() { crate::segment::publish(); }", "`bitmap` imports `segment`"),
    ("rust/segengine/src/surprise.rs", "fn f() {}", "`surprise` has no place in the import order"),
    ("rust/segengine/Cargo.toml", "tokio = '1'", "depends on `tokio`"),
    ("rust/segengine/Cargo.toml", "quiet = { package = 'pyo3', version = '1' }", "depends on `pyo3`"),
    ("rust/segengine/src/engine/mod.rs", "fn f() { std::time::Instant::now(); }", "takes the time from its Clock"),
    ("rust/segengine/src/engine/mod.rs", "fn f() { SystemTime::now(); }", "takes the time from its Clock"),
    ("rust/segengine/src/engine/mod.rs", "use croaring::Bitmap;", "`croaring` is named outside bitmap"),
    ("rust/segengine-server/src/convert.rs", "use rusqlite::Row;", "`rusqlite` is named outside"),
    ("rust/segengine/src/engine/mod.rs", "use rusqlite as sql;", "`rusqlite` is named outside catalog and storage"),
    ("rust/segengine-server/src/convert.rs", "use segengine::catalog::Catalog;", "`segengine::catalog` is behind"),
    ("rust/segengine-python/src/lib.rs", "use segengine::{engine::Engine, segment::Slot};", "`segengine::segment`"),
    ("rust/segengine-server/src/convert.rs", "fn f() { Status::not_found(x); }", "errors are mapped in status.rs only"),
    ("rust/segengine-server/src/convert.rs", "fn f() { tonic::Code::Aborted; }", "errors are mapped in status.rs only"),
    ("rust/segengine-python/src/lib.rs", "import_exception!(a, B);", "errors are mapped in errors.rs only"),
    ("python/segengine/client/base.py", "import segengine.cli", "`client` imports `cli`"),
    ("python/segengine/engine.py", "from . import console", "`engine` imports `console`"),
    ("python/segengine/science/lift.py", "from ..connectors import kafka", "`science` imports `connectors`"),
    ("python/segengine/science/lift.py", "from segengine import console", "`science` imports `console`"),
    ("python/segengine/connectors/sql.py", "from .kafka import read", "connector `sql` imports connector `kafka`"),
]


def plant(root: Path, tree: dict[str, str]) -> None:
    """Write a tree of small files."""
    for name, text in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def violations(root: Path) -> list[str]:
    """Return what all rules find."""
    return [violation for rule in layering.RULES for violation in rule(root)]


@pytest.mark.parametrize("rule", layering.RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule):
    """No file of the project breaks the rule."""
    assert list(rule(ROOT)) == []


def test_a_sound_tree_passes(tmp_path):
    """What the rules allow is not reported, words in comments, strings and tests included."""
    plant(tmp_path, SOUND)
    innocent = (
        '//! Uses crate::engine in a sentence.\n/* crate::engine */\nconst X: &str = "crate::engine::Engine";\n'
        "fn life<'a>(x: &'a str) -> char { '\"' }\n"
        "#[cfg(test)]\nmod tests {\n    use crate::engine::Engine;\n    fn f() { Instant::now(); }\n}\n"
    )
    plant(tmp_path, {"rust/segengine/src/bitmap/laws.rs": innocent})
    assert violations(tmp_path) == []


@pytest.mark.parametrize(("name", "line", "sentence"), PLANTED, ids=[f"{name}-{line}" for name, line, _ in PLANTED])
def test_a_planted_violation_is_found(tmp_path, name, line, sentence):
    """One line added to a sound tree is named with its file and line."""
    plant(tmp_path, SOUND)
    before = SOUND.get(name, "")
    plant(tmp_path, {name: before + line + "\n"})
    found = violations(tmp_path)
    assert len(found) >= 1
    assert all(violation.startswith(f"{name}:") for violation in found)
    assert any(sentence in violation for violation in found), found
    if not name.endswith("Cargo.toml") and "no place" not in sentence:
        assert f"{name}:{before.count(chr(10)) + 1}:" in found[0]


@pytest.mark.parametrize("home", [layering.STATUS_FILE, layering.ERRORS_FILE])
def test_a_missing_home_of_errors_is_found(tmp_path, home):
    """Errors cannot be mapped nowhere: the two files must exist."""
    plant(tmp_path, SOUND)
    (tmp_path / home).rename(tmp_path / home.replace(".rs", "_old.rs"))
    assert any(violation.startswith(f"{home}:1:") for violation in violations(tmp_path))


def test_rust_text_is_read_as_code():
    """Blanking keeps every position, and groups of a `use` are spelled out at their first level only."""
    text = "use a::b; // crate::x\nlet s = r#\"crate::y \" still\"#; let c = '\\''; fn f<'a>() {}\n"
    stripped = strip_opaque(text)
    assert len(stripped) == len(text)
    assert "crate" not in stripped
    assert "fn f<'a>() {}" in stripped
    assert [name for _, name in use_paths("use crate::{a::{b, c::{d}}, e, self as s, f::*};", "crate")] == [
        "a",
        "e",
        "self",
        "f",
    ]
    code = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests { mod inner { use crate::z; } }\nfn b() {}"
    kept = strip_test_modules(code)
    assert "crate::z" not in kept
    assert kept.endswith("fn b() {}")
