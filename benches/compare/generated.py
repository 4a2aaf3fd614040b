"""Workloads as data: a definition is a TOML file, what it generates is kept below target/bench by hash.

A definition names a shape of workload.py, its seed and size, the rounds, and the peers to ask with how many users of
each block. The hash covers everything that the generated arrays follow from: workload.py itself and the arguments.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import workload

BENCHES = Path(__file__).resolve().parents[1]
CACHE = BENCHES.parent / "target" / "bench"


@dataclass(frozen=True)
class Definition:
    """One workload and how it is asked.

    Attributes
    ----------
    name : str
        Of the file, and of the record.
    shape, seed, users : str, int, int
        What workload.py generates; ``arguments`` overrides parts of the shape.
    rounds, block, oracle : int
        Rounds, distinct users a round and side, users whose answers are compared with the oracle before.
    peers : dict
        Users of each block that a peer is asked, by the peer's name: slow peers are asked fewer.
    """

    name: str
    shape: str
    seed: int = 7
    users: int = 200_000
    rounds: int = 5
    block: int = 2_000
    oracle: int = 300
    arguments: dict[str, Any] = field(default_factory=dict)
    peers: dict[str, int] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """The arguments of `workload.generate`."""
        return {**workload.SHAPES[self.shape], **self.arguments, "seed": self.seed, "U": self.users}


def definition(name: str, **changes: Any) -> Definition:
    """Read benches/definitions/NAME.toml; a change of None changes nothing."""
    path = BENCHES / "definitions" / f"{name}.toml"
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    return replace(
        Definition(name=name, **given), **{key: value for key, value in changes.items() if value is not None}
    )


def cache_folder(*parts: object) -> Path:
    """The folder below target/bench that belongs to the hash of all parts."""
    text = json.dumps([str(part) for part in parts]).encode()
    return CACHE / hashlib.sha256(text).hexdigest()[:16]


def generated(defined: Definition) -> workload.Workload:
    """Generate the workload, or take it from the cache."""
    parameters = defined.parameters()
    source = hashlib.sha256((BENCHES / "workload.py").read_bytes()).hexdigest()
    folder = cache_folder("workload", source, np.__version__, sorted(parameters.items()))
    if not (folder / "params.json").is_file():
        w = workload.generate(**parameters)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(w, name) for name in ("list_ptr", "seg_ptr", "seg", "user_ptr", "user_seg", "perm")}
        np.savez(folder / "w.npz", **arrays)
        nested = [json.dumps({"adgroup": number, "ast": tree}) for number, tree in sorted(w.nested.items())]
        (folder / "nested.jsonl").write_text("".join(line + "\n" for line in nested), encoding="utf-8")
        # Last, because its presence says that the rest is whole.
        (folder / "params.json").write_text(json.dumps({**w.params, "S": w.S, "A": w.A, "U": w.U}), encoding="utf-8")
    return workload.load(folder)


def hash_of(w: workload.Workload) -> str:
    """SHA-256 of what was generated."""
    digest = hashlib.sha256()
    for array in (w.list_ptr, w.seg_ptr, w.seg, w.user_ptr, w.user_seg):
        digest.update(np.ascontiguousarray(array).data)
    digest.update(json.dumps(sorted(w.nested.items())).encode())
    return digest.hexdigest()


def write_for_peers(w: workload.Workload, users: np.ndarray, path: Path) -> None:
    """The workload with these users, in the order given, as little-endian i32 (what workload.py calls w.bin)."""
    with path.open("wb") as file:
        np.array([workload.MAGIC, w.S, w.A, len(users)], "<i4").tofile(file)
        w._stream_adgroups().astype("<i4").tofile(file)  # noqa: SLF001 - the form is its, the file must not be edited
        for user in users:
            held = w.user_seg[w.user_ptr[user] : w.user_ptr[user + 1]]
            np.concatenate([[len(held)], held]).astype("<i4").tofile(file)
