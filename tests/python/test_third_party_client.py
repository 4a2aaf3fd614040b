"""An ad server that has none of our code: a client written by others drives Match by reflection alone."""

from __future__ import annotations

import base64

import pytest
from grpc_requests import Client

import segengine

TARGETING = "segengine.v1.Targeting"


@pytest.fixture
def client(tmp_path, lines):
    """A client that knows a target and nothing else, and the digests of the members that it may ask about."""
    with segengine.open(tmp_path / "data") as engine:
        spring = engine.campaigns.create("acme/spring")
        segment = spring.segments.upload("Actifs", lines(0, 100))
        spring.adgroups.create("conquest", include=[segment])
        spring.adgroups.create("brand", exclude=[segment])
        with engine.serve(port=0) as server:
            yield Client.get_by_endpoint(server.target)


def encoded(value: bytes) -> str:
    """Bytes as the JSON form of protobuf takes them."""
    return base64.b64encode(value).decode()


def asked(user: bytes, **candidates: object) -> dict[str, object]:
    """A request as a person writes it from the reflected description."""
    return {"id": 7, "identifiers": [{"kind": "KIND_EMAIL_MD5", "value": encoded(user)}], **candidates}


def test_reflection_lists_the_services_and_their_methods(client):
    """The description that the server gives of itself is whole."""
    assert TARGETING in client.service_names
    assert {"Match", "MatchBatch", "MatchStream", "Explain"} <= set(client.service(TARGETING).method_names)


def test_match_is_answered_from_the_reflected_description(client, lines):
    """Unary Match: all adgroups, some of them, none of them; a member and a stranger."""
    member, stranger = bytes.fromhex(lines(5, 6)[0]), bytes.fromhex(lines(500, 501)[0])
    assert client.request(TARGETING, "Match", asked(member, all=True))["adgroups"] == [1]
    assert client.request(TARGETING, "Match", asked(stranger, all=True))["adgroups"] == [2]
    answer = client.request(TARGETING, "Match", asked(member, only={"ids": [2, 99, 1]}))
    assert (answer["adgroups"], answer["skipped"], answer["identified"]) == ([1], 1, 1)
    assert not client.request(TARGETING, "Match", asked(member, only={"ids": []})).get("adgroups")


def test_a_stream_carries_the_ids_of_its_requests(client, lines):
    """MatchStream: each answer names the request that it belongs to."""
    requests = [
        {**asked(bytes.fromhex(line), all=True), "id": number} for number, line in enumerate(lines(0, 20), start=1)
    ]
    answers = list(client.request(TARGETING, "MatchStream", requests))
    assert sorted(int(answer["id"]) for answer in answers) == list(range(1, 21))
    assert all(answer["adgroups"] == [1] for answer in answers)
