"""Resource names: `advertisers/a/campaigns/c/segments/s` on the wire, `a/c/s` for people.

Both forms are taken everywhere. What is no id (`Abonnés - 2018-01`) is a display name, which the caller looks up.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

from segengine.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

Collection = Literal["advertisers", "campaigns", "segments", "adgroups"]

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SLUG_CHARACTERS_MAX = 63
_LONG_FORMS: tuple[tuple[Collection, ...], ...] = (
    ("advertisers",),
    ("advertisers", "campaigns"),
    ("advertisers", "segments"),
    ("advertisers", "campaigns", "segments"),
    ("advertisers", "campaigns", "adgroups"),
)
_EXAMPLES: dict[Collection, str] = {
    "advertisers": "acme",
    "campaigns": "acme/spring",
    "segments": "acme/spring/clients, or acme/clients for one shared at the advertiser",
    "adgroups": "acme/spring/conquest",
}
_ARTICLES: dict[Collection, str] = {
    "advertisers": "an advertiser",
    "campaigns": "a campaign",
    "segments": "a segment",
    "adgroups": "an adgroup",
}


def is_slug(text: str) -> bool:
    """Whether a text has the form of an id.

    >>> is_slug("abonnes-2018-01"), is_slug("Abonnés"), is_slug("a--b")
    (True, False, False)
    """
    return len(text) <= _SLUG_CHARACTERS_MAX and _SLUG.fullmatch(text) is not None


def short(name: str) -> str:
    """Return the form that people type.

    >>> short("advertisers/acme/campaigns/spring/segments/actifs")
    'acme/spring/actifs'
    """
    return "/".join(name.split("/")[1::2])


def last_id(name: str) -> str:
    """Return the last id of a name.

    >>> last_id("advertisers/acme/campaigns/spring")
    'spring'
    """
    return name.rsplit("/", 1)[-1]


def parent_of(name: str) -> str:
    """Return the long name of what a thing belongs to; empty for an advertiser.

    >>> parent_of("advertisers/acme/campaigns/spring")
    'advertisers/acme'
    """
    return "/".join(name.split("/")[:-2])


def long_name(text: str, collection: Collection) -> str | None:
    """Return the long form of a full name in either form; None when it is no full name of that collection.

    >>> long_name("acme/spring", "campaigns"), long_name("acme/Printemps 2018", "campaigns")
    ('advertisers/acme/campaigns/spring', None)
    """
    parts = text.split("/")
    if all(map(is_slug, parts)):
        return _assembled(parts, collection) or (text if _is_long(parts, collection) else None)
    return None


def _assembled(ids: Sequence[str], collection: Collection) -> str | None:
    for form in _LONG_FORMS:
        if form[-1] == collection and len(form) == len(ids):
            return "/".join(f"{kind}/{one}" for kind, one in zip(form, ids, strict=True))
    return None


def _is_long(parts: Sequence[str], collection: Collection) -> bool:
    return any(form[-1] == collection and tuple(parts[0::2]) == form for form in _LONG_FORMS) and len(parts) % 2 == 0


def in_parent(parent: str, text: str, collection: Collection) -> str | None:
    """Return the long name of an id, or of a full name, seen from a parent; None for a display name.

    >>> in_parent("advertisers/acme/campaigns/spring", "actifs", "segments")
    'advertisers/acme/campaigns/spring/segments/actifs'
    >>> in_parent("advertisers/acme/campaigns/spring", "Clients actifs", "segments")
    """
    if is_slug(text) and parent:
        return f"{parent}/{collection}/{text}"
    return long_name(text, collection)


def parent_name(text: str) -> str:
    """Return the long name of a campaign or advertiser in either form.

    Raises
    ------
    InvalidInputError
        When it names neither.

    >>> parent_name("acme/spring"), parent_name("acme")
    ('advertisers/acme/campaigns/spring', 'advertisers/acme')
    """
    name = long_name(text, "campaigns") or long_name(text, "advertisers")
    if name is None:
        raise InvalidInputError(
            f"{text!r} names no campaign and no advertiser",
            field="campaign",
            hint="write acme/spring for a campaign, acme for an advertiser",
        )
    return name


def unreadable(text: str, collection: Collection) -> InvalidInputError:
    """Make the error for a text that is no name of a collection."""
    hint = f"write it like {_EXAMPLES[collection]}"
    return InvalidInputError(f"{text!r} does not name {_ARTICLES[collection]}", field="name", hint=hint)


def normal_display_name(text: str) -> str:
    """Return the form in which display names are compared: NFC, without blanks around it."""
    return unicodedata.normalize("NFC", text.strip())
