"""Sets of profiles know where they come from, and refuse what would mean other people."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from segengine import FailedPreconditionError, IdentifierSet, InvalidInputError, ProfileSet
from segengine.profile_set import bitmap_of

ENGINE = "ab" * 16
ids = st.frozensets(st.integers(0, 4_294_967_295), max_size=50)


def profiles(members, engine_id=ENGINE, link_epoch=7):
    """Return a set of profiles."""
    return ProfileSet.from_pyroaring(BitMap(members), engine_id=engine_id, link_epoch=link_epoch)


@given(ids, ids)
def test_algebra_is_that_of_python_sets(one, two):
    """Every operator against frozenset."""
    a, b = profiles(one), profiles(two)
    assert set(a & b) == one & two
    assert set(a | b) == one | two
    assert set(a - b) == one - two
    assert set(a ^ b) == one ^ two
    assert (a <= b, a >= b, a == b, len(a)) == (one <= two, one >= two, one == two, len(one))
    assert a.isdisjoint(b) == one.isdisjoint(two)
    assert a.to_numpy().tolist() == sorted(one)


def test_sets_of_other_engines_or_epochs_do_not_combine():
    """One id may stand for other people."""
    for other in (profiles([1], engine_id="cd" * 16), profiles([1], link_epoch=8)):
        with pytest.raises(ValueError, match="sets of"):
            profiles([1]) | other
        assert profiles([1]) != other


def test_identifiers_and_profiles_are_different_things():
    """Nothing converts between them without the links."""
    identifiers = IdentifierSet.from_pyroaring(BitMap([1]), engine_id=ENGINE)
    with pytest.raises(TypeError, match="links"):
        profiles([1]) & identifiers
    with pytest.raises(TypeError):
        profiles([1]) & {1}
    assert profiles([1]) != identifiers


def test_there_is_no_complement():
    """The set does not know everybody."""
    with pytest.raises(TypeError):
        ~profiles([1])


def test_in_takes_an_id_or_an_identifier_of_its_own_engine():
    """Without an engine a text cannot be looked up; links changed since then would look up somebody else."""
    some = profiles([1, 4_294_967_295])
    assert 1 in some
    assert np.uint32(1) in some
    assert 2 not in some
    assert -1 not in some
    assert 2**40 not in some
    with pytest.raises(TypeError):
        assert 1.0 in some
    with pytest.raises(FailedPreconditionError):
        assert "network:a" in some
    asked = ProfileSet(bitmap_of([1]), ENGINE, 7, lambda text: (1 if text == "network:a" else 9, 7))
    assert "network:a" in asked
    assert "network:b" not in asked
    stale = ProfileSet(bitmap_of([1]), ENGINE, 7, lambda _: (1, 8))
    with pytest.raises(ValueError, match="links changed"):
        assert "network:a" in stale


@given(ids)
def test_a_pickle_and_portable_bytes_bring_everything_back(members):
    """Bitmap, engine and link epoch."""
    some = profiles(members)
    again = pickle.loads(pickle.dumps(some))
    assert (again, again.engine_id, again.link_epoch) == (some, ENGINE, 7)
    assert hash(again) == hash(some)
    assert BitMap.deserialize(some.to_bytes()) == BitMap(members)


def test_copies_are_copies():
    """What a caller does to an array or bitmap does not reach the set."""
    some = profiles([1, 2])
    some.to_pyroaring().add(3)
    some.to_numpy()[0] = 9
    given_bitmap = BitMap([5])
    other = ProfileSet.from_pyroaring(given_bitmap, engine_id=ENGINE, link_epoch=7)
    given_bitmap.add(6)
    assert (list(some), list(other)) == ([1, 2], [5])


def test_bytes_that_are_no_bitmap_are_refused():
    """With what they should have been."""
    with pytest.raises(InvalidInputError, match="Roaring"):
        bitmap_of(b"nothing of the kind")
    whole = profiles(range(0, 200_000, 3)).to_bytes()
    assert len(bitmap_of(whole)) == 66_667
    for wrong in (b"", whole[:-1], whole + b"x", whole[:4] + b"\xff\xff\xff\xff" + whole[8:]):
        with pytest.raises(InvalidInputError, match="Roaring"):
            bitmap_of(wrong)
