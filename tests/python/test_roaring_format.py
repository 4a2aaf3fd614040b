"""Bitmaps written by others: the 32-bit format is read to what its publishers state, everything else refused by name.

Where the README of the format and the code in it differ, the code is followed, because the files hold what it adds:
tests/data/roaring-format/README.md says which and why.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path

import pytest
from pyroaring import BitMap

from segengine import ProfileSet, _segengine, email_md5
from segengine.errors import CorruptedError, InvalidInputError
from segengine.profile_set import bitmap_of

DATA = Path(__file__).resolve().parents[1] / "data"
ROARING = DATA / "roaring-format"
SOUND = ("formatspec/testdata/bitmapwithoutruns.bin", "formatspec/testdata/bitmapwithruns.bin")
MAPS = sorted(
    str(path.relative_to(ROARING).with_suffix(""))
    for pattern in ("formatspec/testdata64/*.gz", "croaring/64map*.gz")
    for path in ROARING.glob(pattern)
)
DAMAGED = sorted(str(path.relative_to(ROARING).with_suffix("")) for path in ROARING.glob("croaring/crashprone*.gz"))
ORIGIN = {"engine_id": "ab" * 16, "link_epoch": 7}


def content(name):
    """Return the bytes of a file."""
    return gzip.decompress((ROARING / f"{name}.gz").read_bytes())


def stated():
    """Return the numbers that the code in the README of the format adds."""
    return [*range(0, 100_000, 1_000), *(3 * k for k in range(100_000, 200_000)), *range(700_000, 800_000)]


def test_every_file_is_what_its_list_says():
    """The files are the published ones: count, size and SHA-256 of the README's table."""
    rows = [line.split(" | ") for line in (ROARING / "README.md").read_text().splitlines() if ".bin |" in line]
    listed = {row[0].removeprefix("| "): (int(row[1]), row[2].removesuffix(" |")) for row in rows}
    found = {
        str(path.relative_to(ROARING).with_suffix("")): (len(data), hashlib.sha256(data).hexdigest())
        for path in ROARING.rglob("*.gz")
        for data in [gzip.decompress(path.read_bytes())]
    }
    assert listed == found
    assert (len(SOUND), len(MAPS), len(DAMAGED)) == (2, 10, 7)


@pytest.mark.parametrize("name", SOUND)
def test_the_format_is_read_to_what_is_stated(name):
    """With and without runs, the core's reader, pyroaring and a ProfileSet all hold exactly the stated numbers."""
    data = content(name)
    assert _segengine.check_portable(data, name) == len(stated()) == 200_100
    assert BitMap.deserialize(data) == BitMap(stated())
    profiles = ProfileSet.from_pyroaring(BitMap.deserialize(data), **ORIGIN)
    assert profiles.to_numpy().tolist() == stated()
    assert BitMap.deserialize(profiles.to_bytes()) == BitMap(stated())


def test_prose_and_code_of_the_readme_differ():
    """The prose would have multiples of 3 below 200,000; the files have none there, so the code is right."""
    members = BitMap.deserialize(content(SOUND[0]))
    assert 100_002 not in members
    assert min(member for member in members if member >= 100_000) == 300_000


def test_a_set_of_all_container_kinds_is_read():
    """The core and pyroaring agree on a sound file that is no example of the format's page."""
    name = "croaring/addoffsetinput.bin"
    assert _segengine.check_portable(content(name), name) == len(BitMap.deserialize(content(name))) == 933_468


@pytest.mark.parametrize("name", MAPS)
def test_maps_of_64_bits_are_refused_by_name(name):
    """A 64-bit map is told to be one, never read as a set of other numbers."""
    with pytest.raises(CorruptedError, match=r"64-bit map") as caught:
        _segengine.check_portable(content(name), name)
    assert str(caught.value).startswith(f"{name}: ")
    assert "32-bit" in caught.value.hint


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_sets_are_refused_by_name(name):
    """What made other readers crash is refused with the name of the file."""
    with pytest.raises(CorruptedError, match=r"truncated or inconsistent|not a 32-bit") as caught:
        _segengine.check_portable(content(name), name)
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("name", [*MAPS, *DAMAGED])
def test_a_profile_set_takes_none_of_them(name):
    """Portable bytes that are no 32-bit set never become a ProfileSet."""
    with pytest.raises(InvalidInputError, match="Roaring"):
        bitmap_of(content(name))


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 1_000, 48_055])
def test_a_set_that_was_cut_or_added_to_is_refused(cut):
    """Neither a shorter file nor one with bytes behind the set passes."""
    data = content(SOUND[1])
    for changed in (data[:cut], data + bytes(cut)):
        with pytest.raises(CorruptedError, match=r"^changed\.bin: "):
            _segengine.check_portable(changed, "changed.bin")


def email_vectors():
    """Yield (address, the address normalised as its destination does, whether Gmail's own rule applied)."""
    vectors = json.loads((DATA / "conformance/normalisation_vectors.json").read_text())
    google, uid2 = vectors["google"]["email"], vectors["uid2"]["email_sha256_base64"]
    for address, normalised in google["format"]:
        yield address, normalised
    for address, digest in google["sha256_hex"]:
        yield address, _plain(address, bytes.fromhex(digest))
    for address, digest in (*google["sha256_base64"], *uid2):
        yield address, _plain(address, base64.b64decode(digest))


def _plain(address, digest):
    """Return the normalised address of which the vector holds the SHA-256; None where a rule for Gmail made another."""
    normalised = address.strip().lower()
    return normalised if hashlib.sha256(normalised.encode()).digest() == digest else None


def test_the_email_vectors_pass_through_python():
    """Each address hashes as its vector normalises it, or, where that is a rule for Gmail, as it is in lower case."""
    plain, gmail = 0, 0
    for address, normalised in email_vectors():
        own = address.strip().lower()
        assert email_md5(address) == f"email_md5:{hashlib.md5(own.encode()).hexdigest()}"
        domain = own.partition("@")[2]
        assert normalised == own or domain in {"gmail.com", "googlemail.com"}, domain
        plain, gmail = plain + (normalised == own), gmail + (normalised != own)
    assert (plain, gmail) == (13, 5)


def test_what_is_no_address_is_refused():
    """The invalid e-mail vectors are refused, without being repeated in the message."""
    vectors = json.loads((DATA / "conformance/normalisation_vectors.json").read_text())
    invalid = [text for text in vectors["google"]["email"]["invalid"] if text is not None]
    for text in invalid:
        if text.strip() == "...@gmail.com":
            continue  # Gmail's rule leaves nothing of it; without that rule it is an address
        with pytest.raises(InvalidInputError, match="no e-mail address") as caught:
            email_md5(text)
        assert not text.strip() or text.strip() not in str(caught.value)
    assert len(invalid) == 5
