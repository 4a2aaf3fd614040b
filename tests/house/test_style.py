"""The measures of style hold, and a file that breaks one is named."""

from __future__ import annotations

from pathlib import Path

import check_benches
import style

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_keeps_the_measures():
    """No tracked file is too long, lacks its opening sentence, or holds too long a function."""
    assert list(style.breaches(ROOT, style.tracked(ROOT))) == []


def test_a_file_past_the_wall_is_named(tmp_path):
    """501 lines are one too many, and the message says what to look for."""
    (tmp_path / "a.rs").write_text("//! What for.\n" + "\n" * 500)
    (tmp_path / "b.rs").write_text("//! What for.\n" + "\n" * 499)
    (tmp_path / "c.rs").write_text("use std::io;\n")
    found = list(style.breaches(tmp_path, ["a.rs", "b.rs", "c.rs"]))
    assert len(found) == 2
    assert found[0].startswith("a.rs:501: 501 lines")
    assert found[1].startswith("c.rs:1: a file opens with")


def test_a_function_past_the_wall_is_named(tmp_path):
    """70 lines behind the docstring pass, 71 do not; five positional parameters pass, six do not."""
    body = '    """Say\n\n    what.\n    """\n' + "    x = 1\n" * 70
    (tmp_path / "a.py").write_text(f"def good(self, a, b, c, d, e, *, f):\n{body}\n\ndef bad():\n{body}    y = 2\n")
    (tmp_path / "b.py").write_text("def wide(a, b, c, d, e, f):\n    pass\n")
    found = list(style.breaches(tmp_path, ["a.py", "b.py"]))
    assert len(found) == 2
    assert "`bad` has 71 lines" in found[0]
    assert "`wide` takes 6 positional parameters" in found[1]


def test_the_baselines_are_unedited(tmp_path):
    """The three files of benches/ have their recorded hashes, and one changed byte is found."""
    assert check_benches.changed(ROOT / "benches") == []
    for name in ("HASHES", "workload.py", "baseline.py", "baseline_bulk.py"):
        (tmp_path / name).write_bytes((ROOT / "benches" / name).read_bytes())
    (tmp_path / "baseline.py").write_bytes((tmp_path / "baseline.py").read_bytes() + b"\n")
    (tmp_path / "workload.py").unlink()
    assert sorted(check_benches.changed(tmp_path)) == ["baseline.py", "workload.py"]
