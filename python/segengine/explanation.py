"""Why a user matches, or not, as a tree that a person can read and a machine can walk."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from segengine.names import short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segengine.v1 import targeting_pb2

_OPERATORS = ("unknown", "segment", "not", "and", "or")
_TRUTHS = {1: True, 2: False}
_MARKS = {True: "✔", False: "✘", None: "?"}
_TITLES = {"and": "all of", "or": "any of", "not": "not", "unknown": "something this client does not know"}


@dataclass(frozen=True)
class ExplanationNode:
    """One node: what it is, whether it holds, and its operands."""

    operator: str
    holds: bool | None
    children: tuple[ExplanationNode, ...]
    segment: str
    display_name: str
    number: int
    note: str

    @property
    def title(self) -> str:
        """The node in words."""
        if self.operator != "segment":
            return _TITLES[self.operator]
        return f"{self.display_name} ({short(self.segment)})" if self.display_name else short(self.segment)


@dataclass(frozen=True)
class Explanation:
    """Why a user matches an adgroup or is in a segment, or not; ``print`` shows the tree."""

    matches: bool
    reasons: tuple[str, ...]
    tree: ExplanationNode | None
    identified: int
    skipped: int
    generation: int
    target: str
    number: int

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return asdict(self)

    def __str__(self) -> str:
        """Return the tree for people."""
        verb = "matches" if self.matches else "does not match"
        lines = [f"{_MARKS[self.matches]} {short(self.target)}: the user {verb} (generation {self.generation})"]
        lines.extend(f"  {reason}" for reason in self.reasons)
        if self.tree is not None:
            lines.extend(_drawn(self.tree, "  ", "  "))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _drawn(node: ExplanationNode, head: str, rest: str) -> Iterator[str]:
    note = f"  [{node.note}]" if node.note else ""
    yield f"{head}{_MARKS[node.holds]} {node.title}{note}"
    for position, child in enumerate(node.children):
        last = position == len(node.children) - 1
        yield from _drawn(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def _node(message: targeting_pb2.ExplainNode) -> ExplanationNode:
    operator = _OPERATORS[message.operator] if message.operator < len(_OPERATORS) else "unknown"
    return ExplanationNode(
        operator=operator,
        holds=_TRUTHS.get(message.truth),
        children=tuple(map(_node, message.children)),
        segment=message.segment,
        display_name=message.display_name,
        number=message.segment_number,
        note=message.note,
    )


def explanation_of(message: targeting_pb2.ExplainResponse) -> Explanation:
    """Return an explanation; it is at most 64 levels deep, which the engine holds."""
    return Explanation(
        matches=message.matches,
        reasons=tuple(message.reasons),
        tree=_node(message.tree) if message.HasField("tree") else None,
        identified=message.identified,
        skipped=message.skipped,
        generation=message.generation,
        target=message.target,
        number=message.adgroup_id,
    )
