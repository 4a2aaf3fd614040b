"""`segengine advertiser|campaign|adgroup …`: what exists, beside segments."""

from typing import Annotated

import typer

from segengine import Adgroup, Advertiser, Campaign, Engine, Status, phrases
from segengine.cli import named
from segengine.cli.answer import Answer, facts, table
from segengine.cli.command import command
from segengine.cli.targeting import adgroup_answer

advertisers = typer.Typer(name="advertiser", help="Advertisers: create, list, show, delete.", no_args_is_help=True)
campaigns = typer.Typer(name="campaign", help="Campaigns: create, list, show, update, delete.", no_args_is_help=True)
adgroups = typer.Typer(
    name="adgroup", help="Adgroups: list, show, delete; `target` makes and changes them.", no_args_is_help=True
)

AdvertiserName = Annotated[str, typer.Argument(metavar="ADVERTISER", show_default=False, help="`acme`.")]
CampaignName = Annotated[str, typer.Argument(metavar="CAMPAIGN", show_default=False, help="`acme/spring`.")]
AdgroupName = Annotated[
    str, typer.Argument(metavar="ADGROUP", show_default=False, help="`acme/spring/conquest`, or its integer id.")
]
DisplayName = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="The display name.", show_default=False)
]


def _deleted(thing: Advertiser | Campaign | Adgroup) -> Answer:
    revision = thing.delete()
    return Answer({"name": thing.name, "path": thing.path, "revision": revision}, f"deleted {thing.path}")


@command(advertisers, "create", writes=True, creates=True)
def advertiser_create(
    engine: Engine,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="Its display name.")],
    id: Annotated[  # noqa: A002 - the word for it
        str, typer.Option("--id", metavar="ID", help="The id.", show_default="made from the name")
    ] = "",
    allow_raw_emails: Annotated[
        bool, typer.Option("--allow-raw-emails", help="Customer files may hold raw addresses, hashed in memory.")
    ] = False,
) -> Answer:
    """Create an advertiser."""
    advertiser = engine.advertisers.create(name, id=id, allow_raw_emails=allow_raw_emails)
    return Answer(advertiser, f"created {advertiser.path}")


@command(advertisers, "list")
def advertiser_list(engine: Engine) -> Answer:
    """List the advertisers."""
    found = list(engine.advertisers)
    rows = ((one.id, one.display_name, phrases.instant(one.create_time)) for one in found)
    return Answer(found, lambda: table(("ID", "NAME", "CREATED"), rows))


@command(advertisers, "show")
def advertiser_show(engine: Engine, name: AdvertiserName) -> Answer:
    """Show an advertiser."""
    found = engine.advertisers.get(name)
    pairs = (
        ("advertiser", found.path),
        ("name", found.display_name),
        ("raw e-mails", "allowed" if found.allow_raw_emails else "refused"),
        ("created", phrases.instant(found.create_time)),
        ("updated", phrases.instant(found.update_time)),
    )
    return Answer(found, lambda: facts(pairs))


@command(advertisers, "delete", writes=True)
def advertiser_delete(engine: Engine, name: AdvertiserName) -> Answer:
    """Delete an advertiser; refused while it has campaigns or segments."""
    return _deleted(engine.advertisers.get(name))


@command(campaigns, "create", writes=True, creates=True)
def campaign_create(
    engine: Engine,
    name: Annotated[
        str, typer.Argument(metavar="CAMPAIGN", show_default=False, help="`acme/spring`; makes `acme` too.")
    ],
    display_name: DisplayName = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Be content with one that exists.")] = False,
) -> Answer:
    """Create a campaign, and its advertiser when that is absent."""
    campaign = engine.campaigns.create(name, display_name=display_name, exist_ok=exist_ok)
    return Answer(campaign, f"campaign {campaign.path} ({campaign.display_name})")


@command(campaigns, "list")
def campaign_list(
    engine: Engine,
    advertiser: Annotated[
        str | None, typer.Argument(metavar="ADVERTISER", show_default=False, help="`acme`; by default all.")
    ] = None,
) -> Answer:
    """List campaigns."""
    found = list(engine.campaigns.list(advertiser))
    rows = ((one.path, one.display_name, one.status, phrases.instant(one.create_time)) for one in found)
    return Answer(found, lambda: table(("CAMPAIGN", "NAME", "STATUS", "CREATED"), rows))


@command(campaigns, "show")
def campaign_show(engine: Engine, name: CampaignName) -> Answer:
    """Show a campaign."""
    found = named.campaign(engine, name)
    segments, adgroups_there = sum(1 for _ in found.segments), sum(1 for _ in found.adgroups)
    pairs = (
        ("campaign", found.path),
        ("name", found.display_name),
        ("status", found.status),
        ("segments", phrases.count(segments)),
        ("adgroups", phrases.count(adgroups_there)),
        ("created", phrases.instant(found.create_time)),
        ("updated", phrases.instant(found.update_time)),
    )
    return Answer(found, lambda: facts(pairs))


@command(campaigns, "update", writes=True)
def campaign_update(
    engine: Engine,
    name: CampaignName,
    display_name: DisplayName = None,
    status: Annotated[
        Status | None, typer.Option(case_sensitive=False, help="Whether its adgroups may serve.", show_default=False)
    ] = None,
) -> Answer:
    """Rename, pause, archive or reactivate a campaign."""
    campaign = named.campaign(engine, name).update(display_name=display_name, status=status)
    return Answer(campaign, f"campaign {campaign.path} ({campaign.display_name})  {campaign.status}")


@command(campaigns, "delete", writes=True)
def campaign_delete(engine: Engine, name: CampaignName) -> Answer:
    """Delete a campaign; refused while it has adgroups or segments."""
    return _deleted(named.campaign(engine, name))


@command(adgroups, "list")
def adgroup_list(engine: Engine, name: CampaignName) -> Answer:
    """List the adgroups of a campaign."""
    campaign = named.campaign(engine, name)
    found = list(campaign.adgroups)
    names = {one.name: one.display_name for one in campaign.segments}
    rows = (
        (str(one.number), one.id, one.display_name, one.status, phrases.targeting(one.targeting, names))
        for one in found
    )
    return Answer(found, lambda: table(("NUMBER", "ID", "NAME", "STATUS", "WHO"), list(rows), numbers=(0,)))


@command(adgroups, "show")
def adgroup_show(engine: Engine, name: AdgroupName) -> Answer:
    """Show an adgroup, and how many people it has."""
    return adgroup_answer(engine, named.adgroup(engine, name))


@command(adgroups, "delete", writes=True)
def adgroup_delete(engine: Engine, name: AdgroupName) -> Answer:
    """Delete an adgroup; its integer id is never used again."""
    return _deleted(named.adgroup(engine, name))
