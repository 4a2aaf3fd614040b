"""Arrays read and locked without numpy's ledger are as by the safe ways: ids in a list, and the answers of batches."""

from __future__ import annotations

import numpy as np
import pytest

KNOWN = "network:0"


@pytest.fixture
def adgroups(filled):
    """Three adgroups, of which the visitor matches two."""
    return [
        filled.adgroups.create("needs", include=["a"]).number,
        filled.adgroups.create("avoids", exclude=["a"]).number,
        filled.adgroups.create("everybody").number,
    ]


ASKED = {"all": None, "some": [2, 0], "none": []}


@pytest.mark.parametrize("candidates", ASKED.values(), ids=ASKED)
def test_a_match_gives_the_array_that_a_batch_gives(engine, adgroups, candidates):
    """Values, dtype, layout, and that nobody can write or unlock either."""
    given = None if candidates is None else np.array([adgroups[place] for place in candidates], np.uint32)
    single = engine.match(KNOWN, candidates=given).adgroups
    batch = engine.match_batch([KNOWN], candidates=given).adgroups
    assert np.array_equal(np.sort(single), np.sort(batch))
    for array in (single, batch):
        assert (array.dtype, array.ndim, array.flags.c_contiguous) == (np.uint32, 1, True)
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 7


def test_a_match_reads_candidates_as_a_batch_does(engine, adgroups):
    """Locked arrays, views and slices are read in place; what does not lie in one piece is refused by both."""
    ids = np.array([*adgroups[::-1], adgroups[2]], np.uint32)
    locked = ids[:]
    locked.flags.writeable = False
    for given in (ids, locked, ids[1:], ids[:0]):
        expected = engine.match_batch([KNOWN], candidates=given).adgroups
        assert engine.match(KNOWN, candidates=given).adgroups.tolist() == expected.tolist()
        assert engine.match(KNOWN, candidates=given.tolist()).adgroups.tolist() == expected.tolist()
    for ask in (engine.match, lambda user, candidates: engine.match_batch([user], candidates=candidates)):
        with pytest.raises((TypeError, ValueError)):
            ask(KNOWN, candidates=ids.reshape(2, 2))


def test_an_answer_outlives_the_next_ones(engine, adgroups):
    """The vector of all adgroups is handed over, not lent."""
    first = engine.match(KNOWN).adgroups
    before = first.tolist()
    assert set(before) == {adgroups[0], adgroups[2]}
    for user in (KNOWN, "network:nobody") * 50:
        engine.match(user)
    assert first.tolist() == before
