"""What the tests of the extension ask of it: requests made of the protobuf messages, and a small world to ask about."""

from __future__ import annotations

from segengine.v1 import campaigns_pb2, segments_pb2, targeting_pb2

MEMBERS = 300
ADGROUPS = 40


def text_of(number):
    """Return the identifier of member `number` of the only segment."""
    return f"network:user{number:04}"


def create(engine, kind, **fields):
    """Create a campaign or an adgroup by its message."""
    request = getattr(campaigns_pb2, f"Create{kind}Request")(**fields)
    answer = engine.unary(f"/segengine.v1.Campaigns/Create{kind}", request.SerializeToString())
    return getattr(campaigns_pb2, kind).FromString(answer)


def fill(engine):
    """Make one segment of MEMBERS users, and ADGROUPS adgroups: odd ones include it, even ones exclude it."""
    campaign = create(engine, "Campaign", parent="advertisers/acme", campaign_id="spring", create_parents=True,
                      campaign=campaigns_pb2.Campaign(display_name="Spring"))  # fmt: skip
    segment = segments_pb2.CreateSegmentRequest(parent=campaign.name, segment=segments_pb2.Segment(display_name="Fans"))
    made = segments_pb2.Segment.FromString(
        engine.unary("/segengine.v1.Segments/CreateSegment", segment.SerializeToString())
    )
    texts = [text_of(number) for number in range(MEMBERS)]
    add = segments_pb2.ChangeMembersRequest(name=made.name)
    add.column.texts.extend(texts)
    engine.unary("/segengine.v1.Segments/AddMembers", add.SerializeToString())
    for number in range(1, ADGROUPS + 1):
        groups = targeting_pb2.TargetingGroups()
        if number % 2:
            groups.include.add(segments=["fans"])
        else:
            groups.exclude.append("fans")
        adgroup = campaigns_pb2.Adgroup(display_name=f"a{number}", targeting=targeting_pb2.UserTargeting(groups=groups))
        assert create(engine, "Adgroup", parent=campaign.name, adgroup=adgroup).id == number
    return made
