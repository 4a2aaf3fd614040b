"""Expressions over segments, built in Python or written as text.

The text grammar is the engine's: `|`, `&`, `!`, parentheses, ids, paths of ids and "display names". Here expressions
are only put together: text is kept as it is and judged by the engine, whose errors point at the character. Building
costs the text; depth and literals are counted on the way, so a loop that nests too deep is told at its own line.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from segengine.errors import InvalidInputError, LimitExceededError
from segengine.names import short

if TYPE_CHECKING:
    from segengine.handles import SegmentHandle

DEPTH_MAX = 64
LITERALS_MAX = 4_096
_OR, _AND, _NOT, _ATOM = range(4)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


class Expression:
    """A boolean expression over segments.

    Parameters
    ----------
    text : str
        In the grammar above. Names are looked up in the campaign that is given with the expression, then among the
        segments that its advertiser shares.

    Raises
    ------
    InvalidInputError
        For an empty text.

    Examples
    --------
    >>> Expression("actifs") & ~Expression("clients-30-jours")
    Expression('actifs & !clients-30-jours')
    >>> Expression("a | b") & Expression.named("Très fidèles")
    Expression('(a | b) & "Très fidèles"')
    """

    __slots__ = ("_depth", "_literals", "_rank", "_text")

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"an expression is text, not {type(text).__name__}")
        if not text.strip():
            raise InvalidInputError("the expression is empty", field="expression", hint="name at least one segment")
        self._text = text
        # How a text of one's own binds is not known without reading it: it is put into parentheses unless it is a name.
        self._rank = _ATOM if _is_name(text) else _OR
        bare = _QUOTED.sub("", text)
        self._depth = 1 + _nesting(bare)  # at least so deep: the engine counts exactly
        self._literals = 1 + bare.count("|") + bare.count("&")

    @classmethod
    def named(cls, display_name: str) -> Expression:
        r"""Return the segment of exactly this display name.

        >>> Expression.named('Le "Club"').text
        '"Le \\"Club\\""'
        """
        escaped = display_name.replace("\\", "\\\\").replace('"', '\\"')
        return cls._made(f'"{escaped}"', _ATOM, 1, 1)

    @classmethod
    def of(cls, operand: Expression | SegmentHandle | str) -> Expression:
        """Return an operand as an expression: a segment by its path of ids, text as written."""
        if isinstance(operand, Expression):
            return operand
        if isinstance(operand, str):
            return cls(operand)
        return cls._made(short(operand.name), _ATOM, 1, 1)

    @classmethod
    def _made(cls, text: str, rank: int, depth: int, literals: int) -> Expression:
        if depth > DEPTH_MAX:
            raise LimitExceededError(
                f"expression: {depth} levels deep, at most {DEPTH_MAX} allowed",
                field="expression",
                hint="join many segments by one | or &, which is one level",
            )
        if literals > LITERALS_MAX:
            raise LimitExceededError(
                f"expression: {literals:,} segments named, at most {LITERALS_MAX:,} allowed", field="expression"
            )
        made = cls.__new__(cls)
        made._text, made._rank, made._depth, made._literals = text, rank, depth, literals
        return made

    @property
    def text(self) -> str:
        """The expression in the text grammar."""
        return self._text

    def _joined(self, other: object, sign: str, rank: int) -> Expression:
        if not isinstance(other, Expression):
            other = Expression.of(other)  # type: ignore[arg-type]  # a handle or text; `of` tells what it is not
        sides = [f"({side.text})" if side._rank < rank else side.text for side in (self, other)]
        deeper = max(side._depth + (side._rank != rank) for side in (self, other))
        return Expression._made(f" {sign} ".join(sides), rank, deeper, self._literals + other._literals)

    def __or__(self, other: object) -> Expression:
        """Any of both."""
        return self._joined(other, "|", _OR) if _is_operand(other) else NotImplemented

    def __and__(self, other: object) -> Expression:
        """Both."""
        return self._joined(other, "&", _AND) if _is_operand(other) else NotImplemented

    def __ror__(self, other: object) -> Expression:
        """Any of both."""
        return Expression.of(other) | self if isinstance(other, str) else NotImplemented

    def __rand__(self, other: object) -> Expression:
        """Both."""
        return Expression.of(other) & self if isinstance(other, str) else NotImplemented

    def __invert__(self) -> Expression:
        """Not this."""
        text = self._text if self._rank >= _NOT else f"({self._text})"
        return Expression._made(f"!{text}", _NOT, self._depth + 1, self._literals)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same text."""
        return self._text == other._text if isinstance(other, Expression) else NotImplemented

    def __hash__(self) -> int:
        """Hash the text."""
        return hash(self._text)

    def __bool__(self) -> bool:
        """Refuse `and`, `or`, `not`, which Python does not let a class define."""
        raise TypeError("an expression has no truth value: write & | ~ instead of and, or, not")

    def __repr__(self) -> str:
        """Show the text."""
        return f"Expression({self._text!r})"

    def __str__(self) -> str:
        """Return the text."""
        return self._text


def _is_name(text: str) -> bool:
    inner = text.strip()
    return _QUOTED.fullmatch(inner) is not None or not set(inner) & set('|&!() "')


def _nesting(bare: str) -> int:
    """Return how deep parentheses go."""
    steps = (1 if character == "(" else -1 for character in bare if character in "()")
    return max(itertools.accumulate(steps), default=0)


def _is_operand(value: object) -> bool:
    return isinstance(value, Expression | str) or hasattr(value, "live_version")  # the latter only a segment has
