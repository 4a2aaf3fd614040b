"""Customer files become segments: every source, waiting or not, refused with a report, cancelled without a trace."""

from __future__ import annotations

import gzip
import threading
import time

import numpy as np
import pytest

import segengine


def test_an_upload_answers_with_the_segment_and_a_report_that_adds_up(spring, lines, tmp_path):
    """The four lines of the first page of the guide."""
    path = tmp_path / "abonnes.csv"
    content = ["email", *lines(0, 60), "", lines(0, 1)[0], "not a hash"]
    path.write_text("".join(f"{line}\n" for line in content))
    segment = spring.segments.upload("Abonnés - 2018-01", path)
    assert (segment.status, segment.profile_count, segment.id) == ("PROCESSED", 60, "abonnes-2018-01")
    report = segment.report
    assert report.rows_total == report.blank + report.header + report.valid + report.invalid == 64
    assert report.valid == report.unique + report.duplicate
    assert (report.blank, report.header, report.unique, report.duplicate, report.invalid) == (1, 1, 60, 1, 1)
    assert sum(report.invalid_reasons.values()) == report.invalid
    assert report.samples[0].line == 64
    assert "60 unique" in str(report)
    assert report.to_dict()["unique"] == 60


def test_every_source_fills_the_same_segment(engine, spring, lines, tmp_path):
    """Path, text path, bytes, file, chunks, lines, digests, gzip."""
    hashes = lines(0, 60)
    content = "".join(f"{line}\n" for line in hashes).encode()
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    digests = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(60, 16)
    with path.open("rb") as file:
        sources = [path, str(path), content, gzip.compress(content), file, iter([content[:100], content[100:]])]
        sources += [hashes, (f"{line}\r\n" for line in hashes), digests]
        for number, source in enumerate(sources):
            assert spring.segments.upload(f"s{number}", source).profile_count == 60
    members = engine.evaluate("s0", campaign=spring)
    for number in range(1, len(sources)):
        assert engine.evaluate(f"s{number}", campaign=spring) == members


def test_a_long_file_says_the_same_by_its_path_and_by_its_content(engine, spring, tmp_path):
    """Longer than all that is read, keyed or written at once; with repeated and bad lines, and no end of line."""
    hashes = np.random.default_rng(5).bytes(16 * 150_000).hex()
    lines = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    lines[70_000:70_000] = [*lines[:1_000], "no hash"]
    content = "\n".join(lines).encode()
    path = tmp_path / "long.csv"
    path.write_bytes(content)
    one, other = spring.segments.upload("path", path), spring.segments.upload("content", content)
    assert engine.evaluate(one) == engine.evaluate(other)
    assert (one.profile_count, one.report.duplicate, one.report.invalid) == (150_000, 1_000, 1)
    same = ("bytes", "rows_total", "valid", "invalid", "unique", "duplicate", "samples")
    assert [getattr(one.report, name) for name in same] == [getattr(other.report, name) for name in same]
    assert one.report.samples[0].line == 71_001
    adgroup = spring.adgroups.create("x", include=[one])
    assert adgroup.number in engine.match(f"email_md5:{lines[-1]}").adgroups


def test_an_upload_replaces_all_members(engine, spring, lines):
    """Not one of the version before stays, and adgroups see the new one at once."""
    segment = spring.segments.upload("a", lines(0, 60))
    adgroup = spring.adgroups.create("x", include=[segment])
    fresh = segment.upload(lines(50, 120))
    assert fresh == segment
    assert (fresh.profile_count, segment.profile_count) == (70, 60)
    report = fresh.report
    assert (report.added, report.removed, report.kept) == (60, 50, 10)
    batch = engine.match_batch([f"email_md5:{line}" for line in lines(0, 120)], candidates=[adgroup])
    assert batch.to_mask(np.array([adgroup.number], np.uint32))[:, 0].tolist() == [False] * 50 + [True] * 70


def test_a_refused_file_changes_nothing_and_brings_its_report(spring, lines):
    """Too small: the reason, the count, what to do; the version before serves on."""
    segment = spring.segments.upload("a", lines(0, 60))
    with pytest.raises(segengine.UploadFailedError) as caught:
        spring.segments.upload("a", lines(0, 49))
    error = caught.value
    assert (error.code, error.reason, error.report.unique) == ("UPLOAD_FAILED", "too_small", 49)
    assert error.hint
    assert segment.refresh().profile_count == 60
    assert segment.ready


def test_two_columns_are_refused_with_the_line_and_taken_when_told(spring, lines):
    """The sentence of the first page: which line, what to pass."""
    rows = [f"{line};Jean" for line in lines(0, 60)]
    with pytest.raises(segengine.UploadFailedError, match="column"):
        spring.segments.upload("a", rows)
    assert spring.segments.upload("a", rows, column=1).profile_count == 60
    with pytest.raises(segengine.InvalidInputError):
        spring.segments.upload("a", rows, column=0)


def test_an_upload_that_is_not_waited_for_is_an_operation(engine, spring, lines):
    """Its result is the segment; any process finds it again by its name."""
    operation = spring.segments.upload("a", lines(0, 60), wait=False)
    segment = operation.result(timeout=60)
    assert (segment.profile_count, operation.done, operation.progress.state) == (60, True, "SUCCEEDED")
    assert engine.operations.get(operation.name).record.state == "SUCCEEDED"
    assert operation.name in [one.name for one in engine.operations.list()]
    assert list(operation.watch())[-1].done
    refused = spring.segments.upload("a", lines(0, 5), wait=False)
    with pytest.raises(segengine.UploadFailedError):
        refused.result()
    assert refused.cancel().state == "FAILED"


def when_free(upload, *arguments):
    """Upload once nothing else fills the segment: a server learns a moment later that a caller has gone."""
    for _ in range(200):
        try:
            return upload(*arguments)
        except segengine.ConflictError:
            time.sleep(0.05)
    raise AssertionError("the segment is filled for ever")


def test_a_source_that_breaks_leaves_no_trace(spring, lines):
    """The caller's own exception comes back, Ctrl-C too, and the version before serves."""

    def breaking(error):
        yield from lines(100, 170)
        raise error

    segment = spring.segments.upload("a", lines(0, 60))
    for error in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(error):
            when_free(lambda error=error: segment.upload(breaking(error)))
    with pytest.raises(TypeError, match="never mix"):
        when_free(lambda: segment.upload([*lines(0, 60), b"x"]))
    fresh = when_free(segment.upload, lines(0, 70))
    assert (fresh.profile_count, fresh.report.kept, fresh.report.added) == (70, 60, 10)


def test_an_upload_that_takes_too_long_is_given_up(spring, lines):
    """The timeout is for all of it; the work is cancelled and the version before serves."""

    def slow():
        yield from lines(100, 170)
        time.sleep(1.5)
        yield from lines(170, 180)

    segment = spring.segments.upload("a", lines(0, 60))
    with pytest.raises((segengine.DeadlineExceededError, segengine.CanceledError)):
        segment.upload(slow(), timeout=0.5)
    fresh = when_free(segment.upload, lines(0, 70))
    assert (fresh.profile_count, fresh.report.kept) == (70, 60)


def test_two_segments_fill_at_once_and_one_does_not(spring, lines):
    """A second file for a segment that is being filled is a conflict; one for another segment is not."""
    entered, hold = threading.Event(), threading.Event()

    def slow():
        yield from lines(0, 60)
        entered.set()
        hold.wait(30)

    answers = []
    thread = threading.Thread(target=lambda: answers.append(spring.segments.upload("a", slow())))
    thread.start()
    assert entered.wait(30)
    assert spring.segments.upload("b", lines(0, 60)).profile_count == 60
    with pytest.raises(segengine.ConflictError):
        spring.segments.upload("a", lines(0, 60))
    hold.set()
    thread.join(60)
    assert answers[0].profile_count == 60


def test_members_come_and_go_one_by_one(engine, spring, lines):
    """They count in the next Match."""
    segment = spring.segments.upload("a", lines(0, 60))
    adgroup = spring.adgroups.create("x", include=[segment])
    added = segment.add_members(["network:n1", "network:n2", "nonsense"])
    assert (added.changed, added.skipped) == (2, 1)
    assert adgroup.number in engine.match("network:n1", min_revision=added.revision)
    removed = segment.remove_members(segengine.Identifiers("network", ["n1", "n9"]))
    assert (removed.changed, removed.unknown) == (1, 1)
    assert adgroup.number not in engine.match("network:n1")
    assert adgroup.number in engine.match("network:n2")


def test_the_sample_file_uploads_as_it_is(spring):
    """`segengine sample > sample.csv` shows what a file looks like."""
    assert spring.segments.upload("sample", segengine.sample().encode()).status == "PROCESSED"


def test_a_bar_is_shown_where_it_is_asked_for(spring, lines, capfd):
    """On standard error, and only there; none without a terminal."""
    spring.segments.upload("quiet", lines(0, 60))
    assert capfd.readouterr() == ("", "")
    spring.segments.upload("loud", lines(0, 60), progress=True)
    out, err = capfd.readouterr()
    assert (out, "upload loud" in err) == ("", True)
