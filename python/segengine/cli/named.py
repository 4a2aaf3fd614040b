"""Things by the names that people type: ids, paths of ids, display names.

`acme` is an advertiser, `acme/spring` a campaign, `acme/spring/actifs` a segment or adgroup of it, `acme/actifs` a
segment that the advertiser shares. Instead of the last id its display name will do: `acme/spring/Clients actifs`.
"""

from segengine import Adgroup, Advertiser, Campaign, Engine, Segment
from segengine.errors import InvalidInputError, NotFoundError

Place = Campaign | Advertiser


def place(engine: Engine, name: str) -> Place:
    """Return a campaign (`acme/spring`) or an advertiser (`acme`)."""
    if "/" in name:
        return campaign(engine, name)
    try:
        return engine.advertisers.get(name)
    except NotFoundError as error:
        raise NotFoundError(
            str(error),
            field=error.field,
            hint=f"create it first: segengine advertiser create {name}; or a campaign: segengine campaign create …",
        ) from None


def campaign(engine: Engine, name: str) -> Campaign:
    """Return a campaign."""
    try:
        return engine.campaigns.get(name)
    except NotFoundError as error:
        hint = f"create it first: segengine campaign create {_quoted(name)}"
        raise NotFoundError(str(error), field=error.field, hint=hint) from None


def segment(engine: Engine, name: str) -> Segment:
    """Return a segment by its path; the last part may be its display name."""
    try:
        return engine.segments.get(name)
    except InvalidInputError:
        parent, own = _split(name)
        return place(engine, parent).segments.get(own)


def adgroup(engine: Engine, name: str) -> Adgroup:
    """Return an adgroup by its path, the last part of which may be its display name, or by its integer id."""
    if name.isdecimal():
        return engine.adgroups.get(int(name))
    try:
        return engine.adgroups.get(name)
    except InvalidInputError:
        parent, own = _split(name)
        return campaign(engine, parent).adgroups.get(own)


def subject(engine: Engine, name: str) -> Adgroup | Segment:
    """Return what a name stands for: they share one namespace, so it is an adgroup or a segment, never both."""
    try:
        return adgroup(engine, name)
    except (NotFoundError, InvalidInputError) as no_adgroup:
        if name.isdecimal():
            raise
        try:
            return segment(engine, name)
        except NotFoundError:
            raise no_adgroup from None


def set_of(where: Place, text: str) -> Segment | str:
    """Return a segment when a text is the id or display name of one, else the text: an expression.

    A display name alone (`Clients actifs`) is no expression, which would want it in quotes; a person would type it so.
    """
    if any(sign in text for sign in '|&!()"'):
        return text
    try:
        return where.segments.get(text)
    except (NotFoundError, InvalidInputError):
        return text


def _split(name: str) -> tuple[str, str]:
    """Return the parent and the rest of a path whose rest is no id.

    >>> _split("acme/spring/Abonnés 1/2"), _split("acme/Très fidèles")
    (('acme/spring', 'Abonnés 1/2'), ('acme', 'Très fidèles'))
    """
    parts = name.split("/", 2)
    if len(parts) < 2:
        raise InvalidInputError(
            f"{name!r} has no parent", field="name", hint="write acme/spring/conquest: advertiser/campaign/name"
        )
    return "/".join(parts[:-1]), parts[-1]


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
