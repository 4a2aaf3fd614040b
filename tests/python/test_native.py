"""Match through the extension by itself: what it borrows, what it locks, what it refuses.

The requests are made of the protobuf messages, without the package around it: what a person types is tested elsewhere.
"""

from __future__ import annotations

import ast
import gc
import pickle
import re
import weakref
from pathlib import Path

import numpy as np
import pytest
from native_requests import ADGROUPS, fill, text_of

from segengine import _segengine as native
from segengine import errors
from segengine.v1 import campaigns_pb2, segments_pb2

PACKAGE = Path(native.__file__).parent


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """An engine that `fill` filled, for tests that change nothing."""
    opened = native.Engine.open(tmp_path_factory.mktemp("filled") / "data")
    fill(opened)
    yield opened
    opened.close()


class TestWholeness:
    """The stub, the module and the package agree."""

    def test_every_native_name_is_in_the_stub_and_used_by_the_package(self):
        """A name that the package does not wrap has no reason to exist."""
        stub = ast.parse((PACKAGE / "_segengine.pyi").read_text(encoding="utf-8"))
        declared = {
            node.name if isinstance(node, ast.ClassDef | ast.FunctionDef) else node.target.id
            for node in stub.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AnnAssign)
        }
        declared = {name for name in declared if not name.startswith("_")}
        assert {name for name in vars(native) if not name.startswith("_")} == declared
        package = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
        imported = {
            name
            for text in package
            for line in re.findall(r"(?m)^ *from segengine\._segengine import (.+)$", text)
            for name in line.split(", ")
        }
        named = {name for text in package for name in re.findall(r"_segengine\.(\w+)", text)}
        # A stream is only ever given, by the engine.
        assert declared - {"ServerStream"} <= imported | named
        methods = {name for name in vars(native.Engine) if not name.startswith("_")} - {"path", "engine_id", "closed"}
        assert all(any(f"native.{name}" in text or f"Engine.{name}" in text for text in package) for name in methods)

    def test_classes_are_frozen_and_documented(self, filled):
        """No attribute of a native object can be set, and each public name says what it is for."""
        answer = filled.match_one((text_of(0),), None, None, 0)
        for thing, name in ((filled, "path"), (answer, "generation"), (answer, "adgroups")):
            with pytest.raises(AttributeError):
                setattr(thing, name, 1)
            with pytest.raises(AttributeError):
                thing.anything = 1
        public = [value for name, value in vars(native).items() if isinstance(value, type) or callable(value)]
        assert all(thing.__doc__ for thing in public), [thing for thing in public if not thing.__doc__]


class TestMatch:
    """One user: the answer is the package's own array."""

    def test_members_match_what_includes_their_segment(self, filled):
        """The adgroups that include the segment answer for a member, those that exclude it for anybody else."""
        member = filled.match_one((text_of(1),), None, None, 0)
        stranger = filled.match_one(("network:nobody",), None, None, 0)
        assert sorted(member) == list(range(1, ADGROUPS + 1, 2))
        assert sorted(stranger) == list(range(2, ADGROUPS + 1, 2))
        assert (member.identified, stranger.identified) == (1, 0)

    @pytest.mark.parametrize("make", [list, tuple, lambda ids: np.array(ids, np.uint32)])
    def test_candidates_are_answered_in_their_order(self, filled, make):
        """A list, a tuple and an array mean the same; duplicates come once, unknown ones are counted."""
        answer = filled.match_one((text_of(1),), make([7, 2, 3, 7, 1, 99999]), None, 0)
        assert answer.adgroups.tolist() == [7, 3, 1]
        assert answer.skipped >= 1

    def test_long_candidate_lists_answer_like_short_ones(self, filled):
        """Where the GIL is released for a long list, the answer is the same as for its parts."""
        ids = np.tile(np.arange(1, ADGROUPS + 1, dtype=np.uint32), 20)
        long = filled.match_one((text_of(1),), ids, None, 0)
        short = filled.match_one((text_of(1),), ids[:ADGROUPS], None, 0)
        assert long.adgroups.tolist() == short.adgroups.tolist()

    def test_no_candidates_answer_nothing(self, filled):
        """An empty list is not the same as none."""
        assert len(filled.match_one((text_of(1),), [], None, 0)) == 0
        assert not filled.match_one((text_of(1),), np.array([], np.uint32), None, 0)

    def test_context_segments_count_for_the_request(self, filled):
        """A stranger with the segment as context is answered as its member; an unknown number is skipped."""
        request = segments_pb2.GetSegmentRequest(name="advertisers/acme/campaigns/spring/segments/fans")
        found = filled.unary("/segengine.v1.Segments/GetSegment", request.SerializeToString())
        number = segments_pb2.Segment.FromString(found).number
        answer = filled.match_one(("network:nobody",), None, [number, 12345], 0)
        assert sorted(answer) == list(range(1, ADGROUPS + 1, 2))
        assert answer.skipped == 1

    def test_the_array_is_locked_and_always_the_same(self, filled):
        """Nobody can write into an answer, not even by unlocking it, and each look gives the same object."""
        answer = filled.match_one((text_of(1),), None, None, 0)
        array = answer.adgroups
        assert array is answer.adgroups
        assert (array.dtype, array.ndim) == (np.uint32, 1)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True

    def test_malformed_identifiers_are_skipped_and_counted(self, filled):
        """Text that is no identifier, or no Unicode, is nobody and no error."""
        answer = filled.match_one(("nonsense", "\ud800:x", "email_md5:zz", text_of(1)), None, None, 0)
        assert (answer.skipped, answer.identified) == (3, 0b1000)

    def test_a_repr_says_what_a_person_asks(self):
        """How many, which, who it was, from which generation."""
        shown = repr(native.Match(list(range(12)), 9, 0, 2))
        assert shown == (
            "<Match: 12 adgroups [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …], unknown user, 2 skipped, generation 9>"
        )
        assert repr(native.Match([], 9, 1, 0)) == "<Match: no adgroup, generation 9>"

    def test_an_answer_made_in_python_behaves_like_one_of_the_engine(self):
        """The remote client makes answers by hand: they compare, iterate, contain and pickle; names need a resolver."""
        answer = native.Match(np.array([3, 1], np.uint32), 4, 1, 0, lambda ids: [f"n{i}" for i in ids])
        assert answer.names() == ["n3", "n1"]
        assert (len(answer), list(answer), 3 in answer, 2 in answer, "x" in answer) == (2, [3, 1], True, False, False)
        again = pickle.loads(pickle.dumps(answer))
        assert again == answer
        assert again != native.Match([1, 3], 4, 1, 0)
        assert again != 4
        with pytest.raises(errors.FailedPreconditionError, match="does not know the engine"):
            again.names()

    def test_an_answer_does_not_keep_its_own_array_alive_in_a_cycle(self):
        """A resolver that holds the answer is collected with it."""
        holder = []
        answer = native.Match([1], 1, 1, 0, holder.append)
        holder.append(answer)
        gone = weakref.ref(answer)
        del answer, holder
        gc.collect()
        assert gone() is None


class TestBatch:
    """Many users: three arrays."""

    def test_texts_tuples_and_columns(self, filled):
        """Each user of a batch is answered as alone; the status says who was known."""
        users = [text_of(1), ("network:nobody", text_of(2)), "network:nobody", ("junk",)]
        batch = filled.match_batch(users, None, None, 0)
        assert batch.status.tolist() == [0, 0, 1, 2]
        assert (batch.offsets.dtype, batch.adgroups.dtype, batch.status.dtype) == (np.int64, np.uint32, np.uint8)
        for place, user in enumerate(users):
            alone = filled.match_one(user if isinstance(user, tuple) else (user,), None, None, 0)
            own = batch.adgroups[batch.offsets[place] : batch.offsets[place + 1]]
            assert sorted(own) == sorted(alone)
        rows = np.frombuffer(b"user0001user0002nobody__", np.uint8).reshape(3, 8)
        assert filled.match_batch((3, "", rows), None, None, 0).status.tolist() == [0, 0, 1]
        assert filled.match_batch((77, "", rows), None, None, 0).status.tolist() == [2, 2, 2]
        assert len(filled.match_batch((3, "", rows[:0]), None, None, 0)) == 0
        assert filled.match_batch([], None, None, 0).offsets.tolist() == [0]

    def test_a_list_for_each_user(self, filled):
        """Offsets and ids give each user candidates of its own; offsets that do not fit are refused."""
        users = [text_of(1), "network:nobody"]
        ids = np.array([1, 2, 3, 1, 2, 3], np.uint32)
        batch = filled.match_batch(users, (np.array([0, 3, 6], np.int64), ids), None, 0)
        assert batch.adgroups.tolist() == [1, 3, 2]
        for offsets in ([0, 3], [0, 4, 3], [-1, 3, 6], [0, 3, 2**40]):
            with pytest.raises(errors.InvalidInputError, match="offsets"):
                filled.match_batch(users, (np.array(offsets, np.int64), ids), None, 0)

    def test_arrays_are_locked_and_not_copied(self, filled):
        """Each look gives the same read-only arrays, whose memory is Rust's."""
        batch = filled.match_batch([text_of(1)] * 3, None, None, 0)
        for name in ("offsets", "adgroups", "status"):
            array = getattr(batch, name)
            assert array is getattr(batch, name)
            assert not array.flags.writeable
            assert not array.flags.owndata
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True

    def test_a_mask_says_the_same_as_the_arrays(self):
        """Against a loop over sets, with ids that repeat, are unknown, or beyond every adgroup."""
        rng = np.random.default_rng(5)
        counts = rng.integers(0, 6, 50)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        adgroups = rng.integers(1, 9, offsets[-1]).astype(np.uint32)
        batch = native.BatchMatch(offsets, adgroups, np.zeros(50, np.uint8), 1, 0)
        ids = [3, 1, 3, 100, 2**32 - 1, 8, 0]
        mask = batch.to_mask(ids)
        assert (mask.dtype, mask.shape) == (np.bool_, (50, 7))
        for user in range(50):
            own = set(adgroups[offsets[user] : offsets[user + 1]].tolist())
            assert mask[user].tolist() == [i in own for i in ids]
        assert batch.to_mask([]).shape == (50, 0)

    def test_a_batch_pickles(self, filled):
        """A batch sent to another process is the same there."""
        batch = filled.match_batch([text_of(1), "network:nobody"], None, None, 0)
        again = pickle.loads(pickle.dumps(batch))
        for name in ("offsets", "adgroups", "status"):
            assert np.array_equal(getattr(again, name), getattr(batch, name))
        assert repr(again) == repr(batch)

    def test_parts_that_do_not_fit_are_refused(self):
        """A batch made by hand is checked like any input."""
        status = np.zeros(2, np.uint8)
        for offsets in ([0, 1], [0, 2, 1], [1, 1, 1], [0, 1, 2]):
            with pytest.raises(errors.InvalidInputError, match="offsets"):
                native.BatchMatch(np.array(offsets, np.int64), [7], status, 1, 0)


class TestBadArguments:
    """What is refused, by which class, in which words."""

    @pytest.mark.parametrize(
        ("candidates", "kind", "words"),
        [
            (np.array([1], np.int64), TypeError, "int64, not uint32"),
            (np.array([1.0]), TypeError, "float64, not uint32"),
            (np.arange(8, dtype=np.uint32)[::2], errors.InvalidInputError, "one after the other"),
            (np.zeros((2, 2), np.uint32), errors.InvalidInputError, "2 dimensions, not 1"),
            (np.array([1], ">u4"), TypeError, "not uint32"),
            ({1}, TypeError, "not set"),
            ("12", TypeError, "not str"),
            ([1, "2"], TypeError, r"candidates\[1\]: an integer is needed, not str"),
            ([1, -2], errors.InvalidInputError, r"candidates\[1\]"),
            ([2**32], errors.InvalidInputError, r"candidates\[0\]"),
            (np.zeros(10_001, np.uint32), errors.LimitExceededError, "at most 10000"),
        ],
    )
    def test_candidates(self, filled, candidates, kind, words):
        """A wrong dtype is a TypeError, a wrong layout or number an InvalidInputError; nothing is copied in silence."""
        with pytest.raises(kind, match=words):
            filled.match_one((text_of(1),), candidates, None, 0)
        with pytest.raises(kind, match=words):
            filled.match_batch([text_of(1)], candidates, None, 0)

    def test_users(self, filled):
        """Identifiers are text, at most 16 of one user; a batch is a list."""
        for users in ((7,), (text_of(1), b"network:x")):
            with pytest.raises(TypeError, match=r"identifiers\[\d\]: text"):
                filled.match_one(users, [1], None, 0)
        with pytest.raises(errors.LimitExceededError, match="17 identifiers given, at most 16"):
            filled.match_one((text_of(1),) * 17, [1], None, 0)
        with pytest.raises(errors.InvalidInputError, match="no identifier"):
            filled.match_one((), [1], None, 0)
        with pytest.raises(TypeError, match=r"users\[1\]: text.*not int"):
            filled.match_batch([text_of(1), 5], None, None, 0)
        with pytest.raises(TypeError, match=r"users\[0\]\[1\]: text.*not bytes"):
            filled.match_batch([(text_of(1), b"x")], None, None, 0)
        with pytest.raises(TypeError, match="users: a list"):
            filled.match_batch(text_of(1), None, None, 0)
        with pytest.raises(TypeError, match="uint16, not uint8"):
            filled.match_batch((3, "", np.zeros((2, 16), np.uint16)), None, None, 0)

    def test_an_error_carries_code_field_and_hint(self, filled):
        """The same three as over the network."""
        with pytest.raises(errors.LimitExceededError) as caught:
            filled.match_one((text_of(1),), np.zeros(10_001, np.uint32), None, 0)
        assert (caught.value.code, caught.value.field) == ("LIMIT_EXCEEDED", "candidates")
        assert "ask for all adgroups" in caught.value.hint
        request = campaigns_pb2.GetCampaignRequest(name="advertisers/acme/campaigns/none")
        with pytest.raises(errors.NotFoundError) as caught:
            filled.unary("/segengine.v1.Campaigns/GetCampaign", request.SerializeToString())
        assert caught.value.code == "NOT_FOUND"

    def test_a_later_revision_is_unavailable(self, filled):
        """An answer from before the write that was asked for is not given."""
        with pytest.raises(errors.UnavailableError, match="revision"):
            filled.match_one((text_of(1),), None, None, 10**9)

    def test_a_panic_is_an_internal_error(self):
        """PyO3's own panic is no Exception and would end a service that catches those."""
        with pytest.raises(errors.InternalError, match="a promise of its own: planted") as caught:
            native._panic("planted")
        assert "report it" in caught.value.hint
