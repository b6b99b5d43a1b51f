"""Whose files a call may use, and what a reference to somewhere else can do."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub import graphql
from tests.hub.depository import Depository, call, depository, error, output, placed
from tests.hub.people import Person
from tests.hub.test_files import send

__all__ = ["depository", "placed"]  # fixtures
pytestmark = pytest.mark.usefixtures("placed")


async def test_a_file_of_another_organization_is_refused(alice: Person, charlie: Person, depository: Depository):
    theirs = (await send(charlie, b"theirs")).json
    mine = (await send(alice, b"mine")).json
    unknown = {**mine, "url": mine["url"].replace("/v1/files/", "/v1/files/0")}
    forged = {**mine, "url": mine["url"][:-1] + ("0" if mine["url"][-1] != "0" else "1")}

    answers = [await call(alice, "upload", file=file) for file in (theirs, forged)]

    assert [answer.status for answer in answers] == [400, 400]
    assert len({answer.body for answer in answers}) == 1
    assert "#/file: the file is not there, or not for you" in answers[0].json["message"]
    assert (await call(alice, "upload", file=unknown)).json["outcome"] == "error"
    assert depository.seen == []


async def test_graphql_has_the_same_rules(alice: Person, charlie: Person, depository: Depository):
    document = """mutation($given: String) {
      callConnector(input: {connector: "shop", version: "1.0", operation: "upload", input: $given}) { outcome }
    }"""
    mine, theirs = (await send(alice, b"mine")).json, (await send(charlie, b"theirs")).json

    done = await graphql.ask(alice, document, given=json.dumps({"file": mine}))
    refused = await graphql.code(alice, document, given=json.dumps({"file": theirs}))

    assert (done["callConnector"]["outcome"], refused) == ("success", "invalid_input")
    assert [one["size"] for one in depository.seen] == [4]


async def test_an_expired_reference_is_refused(hub: Hub, alice: Person):
    mine = (await send(alice, b"mine")).json
    hub.clock = lambda: mine["expires"] + 1

    assert (await call(alice, "upload", file=mine)).status == 400


@pytest.mark.parametrize("url", ["file:///etc/passwd", "data:text/plain,x", "/v1/files/x", "http://a b/", "ftp://x/y"])
async def test_a_reference_that_is_no_web_address_is_refused(alice: Person, url: str):
    reference = {"name": "x", "url": url, "mime_type": "text/plain", "expires": 0}

    answer = await call(alice, "upload", file=reference)

    assert (answer.status, "#/file" in answer.json["message"]) == (400, True)


async def test_a_connector_uses_no_file_it_was_not_given(alice: Person, charlie: Person, depository: Depository):
    theirs, mine = (await send(charlie, b"theirs")).json, (await send(alice, b"mine")).json

    kinds = [
        (await error(alice, operation, url=file["url"]))["kind"]
        for operation in ("steal", "peek")
        for file in (theirs, mine)
    ]

    assert kinds == ["NotAllowed"] * 4
    assert depository.seen == []


async def test_a_file_that_is_kept_elsewhere_is_fetched_without_credentials(
    hub: Hub, alice: Person, depository: Depository
):
    asked: list[dict[str, str]] = []

    async def give(request: web.Request) -> web.Response:
        asked.append(dict(request.headers))
        return web.Response(body=b"from elsewhere", content_type="text/plain")

    depository.answers["/elsewhere.txt"] = give
    foreign = {"name": "a.txt", "url": f"{depository.url}/elsewhere.txt", "mime_type": "text/plain", "expires": 0}

    seen = await output(alice, "upload", file=foreign)

    assert (seen["size"], seen["type"]) == (14, "text/plain")
    assert len(asked) == 1
    assert "Authorization" not in asked[0]


async def test_a_file_elsewhere_that_is_not_there_is_said(alice: Person, depository: Depository):
    async def nothing(_: web.Request) -> web.Response:
        return web.Response(status=404)

    depository.answers["/elsewhere.txt"] = nothing
    foreign = {"name": "a.txt", "url": f"{depository.url}/elsewhere.txt", "mime_type": "text/plain", "expires": 0}

    failure = await error(alice, "upload", file=foreign)

    assert (failure["kind"], depository.seen) == ("NoAnswer", [])
    assert "answered 404" in failure["message"]


class TestNoPrivateNetworks:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"allowed_networks": ()})

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://169.254.169.254/latest/meta-data/"])
    async def test_a_file_elsewhere_is_no_way_into_the_hubs_network(self, alice: Person, url: str):
        foreign = {"name": "a.txt", "url": url, "mime_type": "text/plain", "expires": 0}

        assert (await error(alice, "upload", file=foreign))["kind"] == "NotAllowed"
