"""Opening, serving, closing and forking; what an engine says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

import segengine


@pytest.mark.usefixtures("filled")
def test_an_engine_says_what_it_is(engine):
    """Version, counts, limits; a verification of everything."""
    info = engine.info()
    assert (info.segments, info.adgroups, info.campaigns, info.advertisers) == (3, 0, 1, 1)
    assert info.links == 100
    assert info.version == segengine.__version__
    assert engine.limits()["IDENTIFIERS_PER_REQUEST"].value == 16
    phases = []
    report = engine.verify(lambda phase, _done, _total: phases.append(phase))
    assert report.sound
    assert report.files > 0


def test_a_new_directory_says_loudly_where_its_key_is(tmp_path, capfd):
    """Once: the second opening is silent."""
    with segengine.open(tmp_path / "data"):
        assert "data.key" in capfd.readouterr().err
    with segengine.open(tmp_path / "data"):
        assert capfd.readouterr().err == ""


def test_open_refuses_what_is_not_there_locked_or_without_its_key(tmp_path):
    """Each with its own class and what to do."""
    with pytest.raises(segengine.SegengineError):
        segengine.open(tmp_path / "absent", create=False)
    assert not (tmp_path / "absent").exists()
    data = tmp_path / "data"
    with segengine.open(data), pytest.raises(segengine.DirectoryLockedError, match="already open"):
        segengine.open(data)
    key = tmp_path / "data.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(segengine.SegengineError, match="key"):
        segengine.open(data)
    key.write_bytes(kept)
    segengine.open(data).close()


def test_another_process_is_told_who_holds_the_directory(tmp_path):
    """The pid, and to connect instead."""
    with segengine.open(tmp_path / "data"):
        code = "import segengine, sys; segengine.open(sys.argv[1])"
        command = [sys.executable, "-c", code, tmp_path / "data"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "DirectoryLockedError" in run.stderr
    assert str(os.getpid()) in run.stderr


def test_close_is_final_and_idempotent(engine, spring):
    """Every call afterwards says so, whatever it is."""
    engine.close()
    engine.close()

    def load():
        return engine.load([("network:a", "s")], campaign=spring)

    def match():
        return engine.match("network:a")

    for call in (engine.info, match, lambda: engine.match_batch(["network:a"]), lambda: list(spring.segments), load):
        with pytest.raises(segengine.EngineClosedError):
            call()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_is_told_who_opened(engine):
    """Every call of the child; the parent goes on."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        told = []
        for call in (engine.info, lambda: engine.match("network:a"), lambda: engine.match_batch(["network:a"])):
            try:
                call()
            except segengine.EngineClosedError as error:
                told.append(str(error))
            except BaseException as error:  # noqa: BLE001 - told to the parent
                told.append(repr(error))
        os.write(writer, "\n".join(told).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        answers = told.read().splitlines()
    os.waitpid(pid, 0)
    assert len(answers) == 3
    assert all(str(os.getpid()) in answer for answer in answers)
    assert engine.info().adgroups == 0


def test_a_server_says_where_it_listens_and_stops(tmp_path):
    """A free port; both faces see one engine; after the block nothing answers."""
    with segengine.open(tmp_path / "data") as engine:
        with engine.serve(port=0) as server:
            host, port = server.target.rsplit(":", 1)
            assert (host, int(port) > 0) == ("127.0.0.1", True)
            with segengine.connect(server.target) as connected:
                spring = connected.campaigns.create("acme/spring")
                assert engine.campaigns.get("acme/spring").record == spring.record
                with pytest.raises(segengine.FailedPreconditionError):
                    connected.serve()
        server.stop()
        with pytest.raises(segengine.UnavailableError):
            segengine.connect(server.target, timeout=2)
        assert engine.info().campaigns == 1


def test_only_this_machine_is_served_and_a_taken_port_is_told(tmp_path):
    """Until credentials exist; a refusal leaves the engine open."""
    with segengine.open(tmp_path / "data") as engine:
        with pytest.raises(segengine.SegengineError, match="loopback"):
            engine.serve("0.0.0.0", 0)
        with engine.serve(port=0) as server, pytest.raises(segengine.SegengineError, match=r"port|use"):
            engine.serve(port=int(server.target.rsplit(":", 1)[1]))
        assert engine.info().adgroups == 0


def test_a_server_waits_until_it_is_stopped(tmp_path):
    """`wait` is what `segengine serve` does until Ctrl-C."""
    with segengine.serve(tmp_path / "data", port=0) as server:
        threading.Timer(0.3, server.stop).start()
        server.wait()
    with segengine.open(tmp_path / "data") as engine:
        assert engine.info().adgroups == 0


def test_what_was_written_is_there_after_a_restart(tmp_path, lines):
    """Segments, adgroups, numbers and revisions."""
    with segengine.open(tmp_path / "data") as engine:
        spring = engine.campaigns.create("acme/spring")
        spring.segments.upload("a", lines(0, 60))
        adgroup = spring.adgroups.create("x", include=["a"])
        revision = engine.info().revision
    with segengine.open(tmp_path / "data") as engine:
        assert engine.info().revision >= revision
        assert engine.match(f"email_md5:{lines(0, 1)[0]}").adgroups.tolist() == [adgroup.number]
        assert engine.campaigns.get("acme/spring").adgroups.create("y").number > adgroup.number


def test_the_public_names_are_what_all_says():
    """A name that is imported but not exported is a private one that leaked."""
    public = {name for name in vars(segengine) if not name.startswith("_")}
    modules = {name for name in public if type(getattr(segengine, name)).__name__ == "module"}
    assert public - modules - {"annotations", "version"} == set(segengine.__all__) - {"__version__", "errors"}
    for name in segengine.__all__:
        assert getattr(segengine, name).__doc__
