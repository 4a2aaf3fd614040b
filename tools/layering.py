"""The layering of the project, as a check: `make check-layers` prints each violation as `file:line: sentence`.

The rules are ARCHITECTURE.md's, one function each, all of them over a root folder, so that the tests plant a violation
in a small tree of their own and see it found (tests/house/test_layering.py).
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from rust_source import rust_files, use_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rust_source import RustFile

CORE = "rust/segengine/src"
SERVER = "rust/segengine-server/src"
BINDING = "rust/segengine-python/src"
LOAD = "rust/segengine-load/src"
PACKAGE = "python/segengine"

# Each layer may import those to its left; the first four stand side by side.
GROUND = ("ids", "limits", "time", "error")
LAYERS = (GROUND, ("bitmap",), ("expression",), ("storage",), ("identity",), ("segment",), ("targeting",),
          ("catalog",), ("engine",))  # fmt: skip
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
# What the crates around the core may name: the boundary, and the ground it is written in.
BOUNDARY = {"engine", "error", "ids", "limits", "time", "Error", "ErrorKind", "Result"}
FORBIDDEN_IN_CORE = {"pyo3", "numpy", "tonic", "tonic-health", "tonic-prost", "tonic-reflection", "prost", "tokio",
                     "hyper", "h2", "axum", "tower", "http", "segengine-server"}  # fmt: skip
# A library and the only folders of the core that may name it.
OWNED_LIBRARIES = {"croaring": {"bitmap"}, "roaring": {"bitmap"}, "rusqlite": {"storage", "catalog"}}
STATUS_FILE = f"{SERVER}/status.rs"
ERRORS_FILE = f"{BINDING}/errors.rs"


def layer_of(file: RustFile) -> str:
    """Return the name of the top-level module of a file of the core."""
    return file.path.relative_to(CORE).parts[0].removesuffix(".rs")


def core_imports_left_only(root: Path) -> Iterator[str]:
    """Find modules of the core that name one to their right, by `crate::` or by climbing with `super::`."""
    for file in rust_files(root, CORE):
        layer = layer_of(file)
        if layer == "lib":
            continue
        if layer not in RANK:
            yield f"{file.path}:1: module `{layer}` has no place in the import order: give it one in tools/layering.py"
            continue
        named = [(file.line_of(position), name) for position, name in use_paths(file.code, "crate")]
        inner = file.path.relative_to(CORE).with_suffix("").parts
        depth = len(inner) - (inner[-1] == "mod")
        named += [
            (line, match.group(2))
            for line, match in file.find(r"(?<![\w:])((?:super::)+)(\w+)")
            if match.group(1).count("super") >= depth
        ]
        for line, name in named:
            if name in RANK and name != layer and RANK[name] > RANK[layer]:
                yield f"{file.path}:{line}: `{layer}` imports `{name}`, which stands to its right"


def core_has_no_transport(root: Path) -> Iterator[str]:
    """Find a network, an async runtime or Python among the dependencies of the core."""
    manifest = root / "rust/segengine/Cargo.toml"
    tables = tomllib.loads(manifest.read_text(encoding="utf-8"))
    for table in ("dependencies", "build-dependencies"):
        for name, spec in tables.get(table, {}).items():
            package = spec.get("package", name) if isinstance(spec, dict) else name
            if package in FORBIDDEN_IN_CORE:
                yield f"{manifest.relative_to(root)}:1: the core depends on `{package}`"


def core_reads_no_clock(root: Path) -> Iterator[str]:
    """Find code of the core that reads a clock it was not handed."""
    for file in rust_files(root, CORE):
        for line, match in file.find(r"\b(?:SystemTime|Instant)::now\b|\b(?:SystemTime|UNIX_EPOCH)\b[^;]*\belapsed\b"):
            yield f"{file.path}:{line}: `{match.group()}`: the core takes the time from its Clock"


def libraries_are_named_by_their_owner(root: Path) -> Iterator[str]:
    """Find a roaring library named outside `bitmap`, or SQLite outside `storage` and `catalog`."""
    for folder in (CORE, SERVER, BINDING):
        for file in rust_files(root, folder):
            layer = layer_of(file) if folder == CORE else ""
            for library, owners in OWNED_LIBRARIES.items():
                if layer in owners:
                    continue
                for line, _ in file.find(rf"(?<![\w:]){library}\s*(?:::|;|\bas\b)"):
                    yield f"{file.path}:{line}: `{library}` is named outside {' and '.join(sorted(owners))}"


def outside_uses_the_boundary(root: Path) -> Iterator[str]:
    """Find where server, binding or load generator reach past `engine` and the ground that it is written in."""
    for folder in (SERVER, BINDING, LOAD):
        for file in rust_files(root, folder):
            for position, name in use_paths(file.code, "segengine"):
                if name not in BOUNDARY:
                    yield f"{file.path}:{file.line_of(position)}: `segengine::{name}` is behind the engine's boundary"


def errors_are_mapped_in_two_files(root: Path) -> Iterator[str]:
    """Find errors mapped to gRPC codes outside status.rs, or to Python exceptions outside errors.rs."""
    for home in (STATUS_FILE, ERRORS_FILE):
        if (root / Path(home).parent).is_dir() and not (root / home).is_file():
            yield f"{home}:1: the one file that maps errors here is missing"
    grpc = r"\b(?:tonic::)?Code::[A-Z]\w+|\bStatus::(?:new|[a-z_]+)\s*\("
    python = r"\b(?:create_exception|import_exception)!|\bPyErr::(?:new|from_type|from_value)\b"
    for folder, home, pattern in ((SERVER, STATUS_FILE, grpc), (BINDING, ERRORS_FILE, python)):
        for file in rust_files(root, folder):
            if str(file.path) == home:
                continue
            for line, match in file.find(pattern):
                yield f"{file.path}:{line}: `{match.group()}`: errors are mapped in {Path(home).name} only"


def python_imports(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Yield line and absolute name of each module that a Python file imports, relative imports resolved."""
    package = list(path.relative_to(root / "python").with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, module
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def python_faces_are_not_imported(root: Path) -> Iterator[str]:
    """Find imports of `cli` or `console`, of connectors by science, and of one connector by another."""
    for path in sorted((root / PACKAGE).rglob("*.py")):
        relative = path.relative_to(root)
        parts = relative.relative_to(PACKAGE).with_suffix("").parts
        face = parts[0]
        for line, module in dict.fromkeys(python_imports(path, root)):
            names = module.split(".")
            if names[0] != "segengine" or len(names) < 2:
                continue
            target = names[1]
            if target in {"cli", "console"} and face not in {target, "__main__"}:
                yield f"{relative}:{line}: `{face}` imports `{target}`: nothing builds on a face"
            elif face == "science" and target == "connectors":
                yield f"{relative}:{line}: `science` imports `connectors`"
            elif face == target == "connectors" and len(parts) > 1 and len(names) > 2:
                own = parts[1]
                if own != "__init__" and names[2] not in {own, "base"} and not names[2].startswith("_"):
                    yield f"{relative}:{line}: connector `{own}` imports connector `{names[2]}`"


RULES: tuple[Callable[[Path], Iterator[str]], ...] = (
    core_imports_left_only,
    core_has_no_transport,
    core_reads_no_clock,
    libraries_are_named_by_their_owner,
    outside_uses_the_boundary,
    errors_are_mapped_in_two_files,
    python_faces_are_not_imported,
)


def main() -> int:
    """Print every violation; return 1 when there is one."""
    root = Path(__file__).resolve().parent.parent
    violations = [violation for rule in RULES for violation in dict.fromkeys(rule(root))]
    print("\n".join(violations) or f"layering: {len(RULES)} rules hold")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
