"""Fails when a baseline that speed is measured against was edited: benches/HASHES holds what it was."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def changed(folder: Path) -> list[str]:
    """Return the names in `HASHES` whose file has another SHA-256, or none."""
    recorded = [line.split() for line in (folder / "HASHES").read_text(encoding="ascii").splitlines()]
    return [
        name
        for digest, name in recorded
        if not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def main() -> int:
    """Print the changed files; return 1 when there is one."""
    names = changed(Path(__file__).resolve().parent.parent / "benches")
    for name in names:
        print(f"benches/{name}: not the file whose hash is in benches/HASHES: it is used unedited or not at all")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
