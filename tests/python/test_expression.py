"""Expressions put together in Python read back as the text grammar says."""

from __future__ import annotations

import functools
import operator

import pytest

from segengine import Expression, InvalidInputError, LimitExceededError


def test_operators_put_parentheses_only_where_they_are_needed():
    """`!` binds before `&`, `&` before `|`."""
    a, b, c = map(Expression, "abc")
    assert str((a | b) & ~c) == "(a | b) & !c"
    assert str(a | b & c) == "a | b & c"
    assert str(~(a & b)) == "!(a & b)"
    assert str(a & b & c) == "a & b & c"
    assert str("a" | b) == "a | b"
    assert str("a" & b) == "a & b"


def test_text_of_ones_own_is_never_torn_apart():
    """A text that may hold an operator is put into parentheses; a quoted name is not."""
    assert str(Expression("a | b") & "c") == "(a | b) & c"
    assert str(Expression('"Très | fidèles"') & "c") == '"Très | fidèles" & c'
    assert str(~Expression('"a" & "b"')) == '!("a" & "b")'


def test_python_s_own_operators_are_refused():
    """`a and b` would silently be b."""
    with pytest.raises(TypeError, match="&"):
        bool(Expression("a"))
    with pytest.raises(TypeError):
        Expression("a") & 7


def test_a_long_union_is_one_level_and_a_deep_nesting_is_told():
    """4,096 segments by one operator are fine, one more and 65 levels are not."""
    names = [Expression(f"s{number}") for number in range(4_096)]
    union = functools.reduce(operator.or_, names)
    assert union.text.count("|") == 4_095
    with pytest.raises(LimitExceededError, match="4,097"):
        operator.or_(union, "one-more")
    deep = Expression("a")
    for _ in range(63):
        deep = ~deep
    with pytest.raises(LimitExceededError, match="65 levels"):
        operator.invert(deep)


def test_an_empty_text_is_refused():
    """It would be nobody, or everybody."""
    with pytest.raises(InvalidInputError):
        Expression("  ")


def test_equal_texts_are_equal_and_hashable():
    """An expression may key a dict."""
    assert {Expression("a") & "b"} == {Expression("a") & "b"}
    assert Expression("a") != "a"
