"""The command line as its users meet it: what is printed, for people and for machines, and what a shell sees.

Commands run in this process through `main`, on a data directory and against a server alike; what needs a process of its
own (signals, pipes, terminals) gets one in test_cli_process.py.
"""

from __future__ import annotations

import hashlib
import json
import re

import pytest

import segengine
from segengine.cli import main
from segengine.cli.refusal import Misuse, lines_of
from segengine.errors import NotFoundError, SegengineError, UnavailableError

ACTIVE, SUBSCRIBERS = 300, 120


def digest(number):
    """Return the line of a customer file for a person."""
    return hashlib.md5(f"user{number}@example.com".encode()).hexdigest()


def written(path, lines):
    """Write a file of lines; return its path as a text."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def files(tmp_path):
    """Customer files, links and pairs."""
    folder = tmp_path / "files"
    folder.mkdir()
    links = ["left,right", *(f"network:u{n},email_md5:{digest(n)}" for n in range(200))]
    return {
        "actives": written(folder / "actifs.csv", map(digest, range(ACTIVE))),
        "subscribers": written(folder / "abonnes.csv", map(digest, range(SUBSCRIBERS))),
        "two_columns": written(folder / "two.csv", [f"{digest(n)};Jane" for n in range(60)]),
        "few": written(folder / "few.csv", map(digest, range(10))),
        "links": written(folder / "links.csv", links),
        "pairs": written(
            folder / "pairs.csv", ["identifier,segment", *(f"network:p{n},Zone {n % 3}" for n in range(90)), "x,Zone 0"]
        ),
    }


@pytest.fixture(params=["data", "target"])
def where(request, tmp_path):
    """Say which engine: a directory, or a server on another one."""
    if request.param == "data":
        yield ["--data", str(tmp_path / "data")]
        return
    with segengine.serve(tmp_path / "served", port=0) as server:
        yield ["--target", server.target]


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command line; return its exit code, output and errors."""
    for name in ("SEGENGINE_DATA", "SEGENGINE_TARGET", "SEGENGINE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments):
        code = main([str(one) for one in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def told(run, where, files):
    """Return a caller on an engine with the campaign of the story, and its JSON twin."""

    def text(*arguments, code=0):
        found, out, err = run(*arguments, *where)
        assert found == code, (arguments, out, err)
        return out if code == 0 else err

    def data(*arguments, code=0):
        return json.loads(text(*arguments, "--json", code=code))

    text("campaign", "create", "acme/spring")
    text("segment", "upload", "acme/spring", "Clients actifs", files["actives"])
    text("segment", "upload", "acme/spring", "Abonnés - 2018-01", files["subscribers"])
    text("link", files["links"], "--seen", "2018-01-31")
    text("target", "acme/spring/conquest", "--include", "clients-actifs", "--exclude", "Abonnés - 2018-01")
    return text, data


def test_segments(told):
    """A segment is uploaded, listed, shown with its report, and deleted unless an adgroup uses it."""
    text, data = told
    listed = text("segment", "list", "acme/spring")
    assert re.search(r"^ID +NAME +STATUS +PROFILES", listed)
    assert re.search(r"^abonnes-2018-01 +Abonnés - 2018-01 +PROCESSED +120 ", listed, re.MULTILINE)
    shown = text("segment", "show", "acme/spring/Abonnés - 2018-01")
    assert "120 lines = 0 blank + 0 header + 120 valid + 0 invalid" in shown
    assert "delivery may be too low" in shown
    one = data("segment", "show", "acme/spring/abonnes-2018-01")
    assert (one["path"], one["status"], one["report"]["unique"]) == ("acme/spring/abonnes-2018-01", "PROCESSED", 120)
    assert "acme/spring/conquest" in text("segment", "delete", "acme/spring/abonnes-2018-01", code=1)
    text("segment", "create", "acme/spring", "Vide")
    assert text("segment", "delete", "acme/spring/vide") == "deleted acme/spring/vide\n"
    assert [one["id"] for one in data("segment", "list", "acme/spring")] == ["clients-actifs", "abonnes-2018-01"]


def test_an_upload_says_what_it_did(told, files):
    """The line of an upload has the lines read, the profiles, the reach, and what was invalid."""
    text, _ = told
    out = text("segment", "upload", "acme/spring", "abonnes-2018-01", files["subscribers"])
    assert re.match(r"Abonnés - 2018-01 \(acme/spring/abonnes-2018-01\)  120 lines  PROCESSED in \d+\.\d s\n", out)
    assert "120 profiles · reach " in out
    assert "0 duplicates · 0 invalid · delivery may be too low" in out


def test_match_and_explain(told):
    """An active customer who is no subscriber is matched; a subscriber is not, and explain says what decides."""
    text, data = told
    assert re.search(
        r"^ +1  acme/spring/conquest\n1 adgroup · 1 of 1 identifier known · gen",
        text("match", "network:u150"),
        re.MULTILINE,
    )
    assert data("match", "network:u5", "network:nobody")["identified"] == [True, False]
    assert data("match", "network:u5")["adgroups"] == []
    assert data("match", "network:u150", "--candidates", "9,1")["adgroups"] == [
        {"id": 1, "name": "acme/spring/conquest"}
    ]
    assert data("match", "network:u150", "--candidates", "none")["adgroups"] == []
    assert text("match", "network:nobody").startswith("0 adgroups · 0 of 1 identifier known")
    why = text("explain", "network:u5", "acme/spring/conquest")
    assert why.startswith("✘ acme/spring/conquest: the user does not match")
    assert "Abonnés - 2018-01" in why
    assert data("explain", "network:u150", "1")["matches"] is True
    assert data("explain", "network:u5", "acme/spring/abonnes-2018-01")["matches"] is True
    assert data("explain", "network:u150", "acme/spring/Abonnés - 2018-01")["matches"] is False


def test_count_and_overlap(told):
    """Expressions take ids and quoted display names, a display name alone too; counts and the matrix are exact."""
    text, data = told
    assert data("count", "acme/spring", "clients-actifs & !abonnes-2018-01")["profile_count"] == ACTIVE - SUBSCRIBERS
    assert data("count", "acme/spring", '"Clients actifs"')["profile_count"] == ACTIVE
    assert data("count", "acme/spring", "Clients actifs")["profile_count"] == ACTIVE
    assert re.search(
        r"^profiles +180$", text("count", "acme/spring", "clients-actifs & !abonnes-2018-01"), re.MULTILINE
    )
    matrix = data("overlap", "acme/spring", "clients-actifs", "Abonnés - 2018-01")
    assert matrix["names"] == ["clients-actifs", "Abonnés - 2018-01"]
    assert matrix["matrix"] == [[ACTIVE, SUBSCRIBERS], [SUBSCRIBERS, SUBSCRIBERS]]
    assert re.search(
        r"^clients-actifs +300 +120$", text("overlap", "acme/spring", "clients-actifs", "abonnes-2018-01"), re.MULTILINE
    )


def test_links_make_people_reachable_and_can_be_withdrawn(told, files):
    """Linking counts pairs and makes them reachable; unlinking takes them back; both may be repeated."""
    _, data = told
    before = data("segment", "show", "acme/spring/clients-actifs")
    assert before["reachable_count"] == 200 if before["reach"] else before["reachable_count"] == 0
    again = data("link", files["links"])
    assert (again["pairs"], again["changed"], again["unchanged"]) == (200, 0, 200)
    gone = data("unlink", files["links"])
    assert (gone["pairs"], gone["changed"]) == (200, 200)
    assert data("match", "network:u150")["adgroups"] == []


def test_a_load_adds_up(told, files):
    """Pairs are loaded into segments by display name, and the invalid one is counted with its reason."""
    text, data = told
    report = data("load", "acme/spring", files["pairs"])
    assert report["rows_total"] == 91 == report["valid"] + report["invalid_total"]
    assert [(one["display_name"], one["profile_count"]) for one in report["segments"]] == [
        ("Zone 0", 30),
        ("Zone 1", 30),
        ("Zone 2", 30),
    ]
    out = text("load", "acme/spring", files["pairs"])
    assert out.startswith("91 pairs = 90 unique + 0 duplicates + 1 invalid (")
    assert data("match", "network:p1", "network:u150")["identified"] == [True, True]


def test_target_makes_and_changes_adgroups(told):
    """Repeated --include is one group, --include-group adds one; status, dates and expressions change."""
    text, data = told
    text("segment", "create", "acme/spring", "Lyon, centre")
    made = data(
        "target", "acme/spring/upsell", "--include", "clients-actifs", "--include", "lyon-centre",
        "--include-group", 'abonnes-2018-01,"Lyon, centre"', "--start", "2018-01-15T00:00+01:00",
    )  # fmt: skip
    parent = "advertisers/acme/campaigns/spring/segments"
    assert made["targeting"]["include"] == [
        [f"{parent}/clients-actifs", f"{parent}/lyon-centre"],
        [f"{parent}/abonnes-2018-01", f"{parent}/lyon-centre"],
    ]
    assert (made["start"], made["end"], made["count"]["profile_count"]) == ("2018-01-14T23:00:00Z", None, SUBSCRIBERS)
    paused = data("target", "acme/spring/upsell", "--status", "paused", "--start", "none", "--name", "Montée en gamme")
    assert (paused["status"], paused["start"], paused["display_name"]) == ("PAUSED", None, "Montée en gamme")
    assert paused["targeting"] == made["targeting"]
    assert "include Clients actifs" not in text("adgroup", "show", "acme/spring/upsell")
    assert "INCLUDE Clients actifs or Lyon, centre" in text("adgroup", "show", "acme/spring/upsell")
    written_out = data("target", "acme/spring/upsell", "--expression", "clients-actifs & !abonnes-2018-01")
    assert written_out["targeting"]["expression"] is not None
    assert data("target", "acme/spring/upsell", "--everybody")["targeting"] is None
    assert [one["id"] for one in data("adgroup", "list", "acme/spring")] == ["conquest", "upsell"]
    assert text("adgroup", "delete", "acme/spring/upsell") == "deleted acme/spring/upsell\n"


def test_the_catalog(told):
    """Advertisers and campaigns are created, listed, shown, changed, and deleted when nothing is left in them."""
    text, data = told
    text("advertiser", "create", "Büro & Söhne", "--allow-raw-emails")
    assert [one["id"] for one in data("advertiser", "list")] == ["acme", "buro-sohne"]
    assert "raw e-mails  allowed" in text("advertiser", "show", "buro-sohne")
    text("campaign", "create", "buro-sohne/herbst", "--name", "Herbst 2018")
    assert [one["path"] for one in data("campaign", "list")] == ["acme/spring", "buro-sohne/herbst"]
    assert data("campaign", "update", "buro-sohne/herbst", "--status", "PAUSED")["status"] == "PAUSED"
    assert "Herbst 2018" in text("campaign", "show", "buro-sohne/herbst")
    assert "(nothing was changed)" in text("advertiser", "delete", "buro-sohne", code=1)
    text("campaign", "delete", "buro-sohne/herbst")
    text("advertiser", "delete", "buro-sohne")
    assert "acme" in text("advertiser", "list")


def test_upkeep(told):
    """An engine says what it is, which bounds it has, and that its files are sound."""
    text, data = told
    assert data("info")["segments"] == 2
    assert re.search(r"^adgroups +1$", text("info"), re.MULTILINE)
    assert data("limits")["IDENTIFIERS_PER_REQUEST"]["value"] == 16
    sound = data("verify")
    assert (sound["sound"], sound["findings"]) == (True, [])
    assert text("verify").startswith("sound: ")


def test_a_wrong_file_is_refused_as_promised(told, files):
    """Two columns: the sentence says what and where, the hint what to type, and nothing was changed."""
    text, data = told
    said = text("segment", "upload", "acme/spring", "Abonnés - 2018-01", files["two_columns"], code=1)
    first, *_, last = said.splitlines()
    assert first.startswith("error: two.csv: 2 columns found in line 1")
    assert re.match(r"hint:  .*--column 1.* {6}\(nothing was changed\)$", last)
    assert digest(0) not in said
    assert data("segment", "show", "acme/spring/abonnes-2018-01")["profile_count"] == SUBSCRIBERS
    text("segment", "upload", "acme/spring", "Abonnés - 2018-01", files["two_columns"], "--column", "1")
    few = data("segment", "upload", "acme/spring", "few", files["few"], code=1)["error"]
    assert (few["code"], few["reason"], few["exit_code"]) == ("UPLOAD_FAILED", "too_small", 1)


def test_exit_codes(told, files):
    """3 for what is not there, 4 for a passed limit, 1 for what was refused; each with a hint or a place."""
    text, data = told
    missing = text("segment", "upload", "acme/autumn", "x", files["actives"], code=3)
    assert "hint:  create it first: segengine campaign create acme/autumn      (nothing was changed)" in missing
    assert "acme/spring/nope" in text("explain", "network:u1", "acme/spring/nope", code=3)
    assert "nothere.csv" in text("segment", "upload", "acme/spring", "x", "nothere.csv", code=3)
    assert "16" in text("match", *(f"network:{n}" for n in range(17)), code=4)
    pointed = data("count", "acme/spring", "clients-actifs & & b", code=1)["error"]
    assert pointed["code"] == "INVALID_INPUT"
    assert "(nothing was changed)" not in text("count", "acme/spring", "(a", code=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["match", "network:1"], "neither --data nor --target"),
        (["match", "network:1", "--data", "d", "--target", "t:1"], "--data and --target are both given"),
        (["verify", "d", "--data", "e"], "both given"),
        (["serve"], "which data directory"),
        (["nope"], "no such command"),
        (["match", "--nope"], "no such option"),
        (["match"], "missing argument"),
        (["match", "network:1", "--timeout", "soon"], "--timeout"),
        (["segment", "upload", "acme/spring", "x", "f.csv", "--column", "0"], "--column"),
    ],
)
def test_a_wrong_command_line_is_told_in_two_lines(run, arguments, says):
    """A usage error is exit code 2, an error and a hint, whoever finds it."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    error, hint = err.splitlines()
    assert error.startswith("error: ")
    assert says in error
    assert hint.startswith("hint:  ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["target", "a/b/c"], "nothing to change"),
        (["target", "a/b/c", "--include", "x", "--expression", "y"], "three ways"),
        (["target", "a/b/c", "--start", "2018-01-15"], "no instant with a time zone"),
        (["target", "a/b/c", "--include-group", "x,,y"], "--include-group"),
        (["link", "f.csv", "--seen", "yesterday"], "no date"),
        (["load", "acme/spring", "f.csv", "--scope", "s"], "--scope without --kind"),
        (["match", "network:1", "--candidates", ","], "no adgroup is named"),
    ],
)
def test_arguments_that_contradict_are_usage(run, tmp_path, arguments, says):
    """What the command finds wrong with its own arguments is exit code 2 as well."""
    data = tmp_path / "data"
    segengine.open(data).close()
    code, _, err = run(*arguments, "--data", data)
    assert (code, says in err) == (2, True), err


def test_which_engine(run, tmp_path, monkeypatch):
    """Options go before or after the command; the environment is last; a typing error makes no directory."""
    data = tmp_path / "data"
    assert run("campaign", "create", "acme/spring", "--data", data)[0] == 0
    assert run("--data", data, "--json", "campaign", "list")[1].startswith("[")
    monkeypatch.setenv("SEGENGINE_DATA", str(data))
    assert "acme/spring" in run("campaign", "list")[1]
    code, _, err = run("campaign", "list", "--target", "127.0.0.1:1", "--timeout", "0.3")
    assert (code, "does not answer" in err) == (5, True)
    monkeypatch.setenv("SEGENGINE_TARGET", "127.0.0.1:1")
    assert run("campaign", "list")[0] == 2
    code, _, err = run("campaign", "list", "--data", tmp_path / "typo")
    assert (code, "no data directory" in err) == (3, True)
    assert not (tmp_path / "typo").exists()


def test_a_directory_in_use_names_the_server_to_ask(run, tmp_path):
    """A directory that is served is refused with the target to use instead; verify says so too."""
    with segengine.serve(tmp_path / "data", port=0):
        for command in (["campaign", "list"], ["verify"]):
            code, _, err = run(*command, "--data", tmp_path / "data")
            assert code == 1
            assert "open in" in err


def test_verify_names_damaged_file_and_offset(run, tmp_path, files):
    """A directory that no engine opens any more is verified all the same: exit code 1, file and byte."""
    data = tmp_path / "data"
    run("campaign", "create", "acme/spring", "--data", data)
    run("segment", "upload", "acme/spring", "Actifs", files["actives"], "--data", data)
    assert run("verify", data)[0] == 0
    victim = max((data / "files").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    code, out, err = run("verify", data)
    assert (code, err) == (1, "")
    assert out.startswith("damaged: ")
    assert re.search(rf"{victim.name} +byte [\d,]+ ", out)
    code, out, _ = run("verify", data, "--json")
    (finding, *_) = json.loads(out)["findings"]
    assert (code, finding["file"].endswith(victim.name), isinstance(finding["offset"], int)) == (1, True, True)


def test_the_sample_uploads_as_it_is(run, tmp_path):
    """What `sample` prints is a customer file."""
    path = tmp_path / "sample.csv"
    path.write_text(run("sample")[1], encoding="utf-8")
    run("campaign", "create", "acme/spring", "--data", tmp_path / "data")
    assert run("segment", "upload", "acme/spring", "Sample", path, "--data", tmp_path / "data")[0] == 0


def test_version(run):
    """The version is said by a command, by an option, and to machines."""
    assert run("version")[1] == run("--version")[1] == f"segengine {segengine.__version__}\n"
    assert json.loads(run("version", "--json")[1])["version"] == segengine.__version__


def test_keys_for_machines_are_stable(told):
    """The keys of --json are these; taking one away breaks somebody's script."""
    _, data = told
    thing = {"path", "id", "name", "display_name", "number", "create_time", "update_time", "etag", "revision"}
    assert set(data("advertiser", "show", "acme")) == thing | {"allow_raw_emails"}
    assert set(data("campaign", "show", "acme/spring")) == thing | {"status"}
    segment = data("segment", "show", "acme/spring/clients-actifs")
    assert set(segment) == thing | {
        "status", "profile_count", "reachable_count", "reach", "below_minimum", "identifier_count", "ready", "report",
        "failure", "live_version",
    }  # fmt: skip
    assert set(segment["report"]) >= {
        "rows_total", "blank", "header", "valid", "invalid", "unique", "duplicate", "invalid_reasons", "samples",
        "already_known", "added", "removed", "kept", "profile_count", "reachable_count", "advice",
    }  # fmt: skip
    assert set(data("adgroup", "show", "1")) == thing | {
        "targeting", "status", "start", "end", "on_missing_exclude", "warnings", "count",
    }  # fmt: skip
    count = data("count", "acme/spring", "clients-actifs")
    assert set(count) == {
        "expression", "profile_count", "reachable_count", "reach", "below_minimum", "minimum", "as_of",
    }  # fmt: skip
    assert set(data("match", "network:u1")) == {"adgroups", "generation", "identified", "skipped"}
    assert set(data("overlap", "acme/spring", "clients-actifs")) == {
        "names", "matrix", "below_minimum", "minimum", "as_of",
    }  # fmt: skip
    assert set(data("verify")) == {"sound", "findings", "files", "records", "bytes"}
    refused = data("segment", "show", "acme/spring/nope", code=3)
    assert set(refused["error"]) == {"code", "message", "field", "hint", "exit_code"}


def test_whether_something_was_changed_is_said_only_when_it_is_known():
    """A lost answer to a write is told as such; a read says nothing of changes."""
    lost = lines_of(UnavailableError("gone", hint="try again"), writes=True)
    assert lost == ["error: gone", "hint:  try again      (whether it was done is not known)"]
    assert lines_of(NotFoundError("none"), writes=True) == ["error: none", "       (nothing was changed)"]
    assert lines_of(NotFoundError("none"), writes=False) == ["error: none"]
    assert lines_of(Misuse("wrong", "right"), writes=False) == ["error: wrong", "hint:  right"]


def test_every_error_has_an_exit_code_of_the_list():
    """Each class of the tree ends in 1, 3, 4 or 5; 0 and 2 are never an engine's answer."""
    from segengine.cli.refusal import exit_code_of  # noqa: PLC0415 - beside what it is about

    def subclasses(cls):
        return {cls, *(below for one in cls.__subclasses__() for below in subclasses(one))}

    codes = {cls.__name__: exit_code_of(cls("x")) for cls in subclasses(SegengineError)}
    assert set(codes.values()) == {1, 3, 4, 5}
    assert {name for name, code in codes.items() if code == 5} == {"UnavailableError", "DeadlineExceededError"}
