"""The sign-in dialog over HTTP: opened with a code, filled in, ended once. OAuth has a file of its own."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest

from jackfield_hub.hub import Hub
from tests.hub.graphql import ask
from tests.hub.people import Person, end_user
from tests.hub.visitor import Page, Visitor, code_for, link

AUTHS = "/core/v1/authentications"
KEY = "k-4711-very-secret"
SHOP: dict[str, Any] = {
    "name": "shop",
    "title": "Shop & Söhne",
    "baseUrl": "https://{shop}.example.com",
    "signIn": {"kind": "api_key", "name": "X-Key"},
}


@pytest.fixture
def visitor(alice: Person) -> Visitor:
    return Visitor(alice.session)


@pytest.fixture
async def shop(alice: Person) -> str:
    """A service with user data and a secret; its environment's id."""
    return await register(alice)


async def register(person: Person, **changes: Any) -> str:
    answer = await person.post("/v1/services", {**SHOP, **changes})
    assert answer.status == 200, answer.body
    return answer.json["environments"][0]["id"]


async def enter(founder: Person, person: Person, visitor: Visitor, environment_id: str, **query: str) -> Page:
    """Open the dialog for a new auth as this person would."""
    code = await code_for(founder, person)
    return await visitor.open(link(code=code, serviceEnvironmentId=environment_id, **query))


async def full(person: Person, auth_id: str) -> Any:
    return (await person.get(f"{AUTHS}/{auth_id}/full")).json


async def test_an_auth_is_filled_in_and_stored_for_whom_the_code_is(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    page = await enter(alice, bob, visitor, shop, scopes="")
    assert page.status == 200
    assert "Sign in to Shop &amp; Söhne" in page.text
    assert page.fields.keys() == {"form", "name", "userData/shop", "credentials/apiKey"}
    assert page.attributes["credentials/apiKey"]["type"] == "password"
    assert page.message is None

    done = await visitor.send(page, name="Mine", userData_shop="acme", credentials_apiKey=KEY)

    assert done.status == 200
    auth_id = done.message["authId"]
    assert done.message == {"type": "tray.authpopup.finish", "authType": "token", "authId": auth_id}
    stored = await full(bob, auth_id)
    assert (stored["name"], stored["userData"], stored["credentials"]) == ("Mine", {"shop": "acme"}, {"apiKey": KEY})
    assert (await alice.get(f"{AUTHS}/{auth_id}")).status == 403


async def test_the_owners_code_stores_for_the_organization(alice: Person, visitor: Visitor, shop: str) -> None:
    page = await enter(alice, alice, visitor, shop)

    done = await visitor.send(page, userData_shop="acme", credentials_apiKey=KEY)

    assert (await alice.get(f"{AUTHS}/{done.message['authId']}")).status == 200


async def test_the_code_is_gone_from_the_address_at_once_and_opens_nothing_twice(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    code = await code_for(alice, bob)
    address = link(code=code, serviceEnvironmentId=shop)

    async with alice.session.get(address, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/external/auth/dialogs/")
        assert code not in answer.headers["Location"]
        assert answer.headers["Cache-Control"] == "no-store"
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    again = await visitor.open(address)

    assert again.status == 403
    assert again.message["type"] == "tray.authPopup.error"
    assert "used already" in again.message["error"]
    assert "open it again" in again.text


@pytest.mark.parametrize("query", [{}, {"code": ""}, {"code": "nonsense"}, {"code": "x" * 1000}, {"code": "\x00é"}])
async def test_without_a_good_code_there_is_no_dialog(visitor: Visitor, query: dict[str, str]) -> None:
    for address in (link(**query), link("edit", f"/{uuid.uuid4()}", **query)):
        page = await visitor.open(address)

        assert page.status in (400, 403)
        assert page.message["type"] == "tray.authPopup.error"
        assert page.headers["Content-Type"].startswith("text/html")


async def test_strange_ids_are_not_found(
    alice: Person, bob: Person, charlie: Person, visitor: Visitor, shop: str
) -> None:
    service_id = (await alice.get("/v1/services/shop/versions/1")).json["id"]
    foreign = await register(charlie)
    for query in (
        {"serviceEnvironmentId": str(uuid.uuid4())},
        {"serviceEnvironmentId": "nonsense"},
        {"serviceEnvironmentId": foreign},
        {"serviceId": str(uuid.uuid4())},
        {"serviceId": str(uuid.uuid4()), "serviceEnvironmentId": shop},
        {"serviceId": service_id, "serviceEnvironmentId": foreign},
    ):
        page = await visitor.open(link(code=await code_for(alice, bob), **query))

        assert page.status == 404, query
        assert page.message["type"] == "tray.authPopup.error"


async def test_a_dialog_is_shown_to_its_own_browser_only(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    page = await enter(alice, bob, visitor, shop)
    other = await enter(alice, bob, Visitor(alice.session), shop)

    for cookies in ({}, dict.fromkeys(visitor.cookies, "wrong")):
        stranger = await Visitor(alice.session, cookies).open(page.path)

        assert stranger.status == 403
        assert "name" not in stranger.fields
    for token in ("", "wrong", other.fields["form"]):
        answer = await visitor.post(page.action, {**page.fields, "form": token})

        assert answer.status == 403


async def test_a_form_that_another_site_sends_is_refused(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    page = await enter(alice, bob, visitor, shop)
    filled = {**page.fields, "userData/shop": "acme", "credentials/apiKey": KEY}

    for site in ("cross-site", "same-site", "none"):
        assert (await visitor.post(page.action, filled, {"Sec-Fetch-Site": site})).status == 403
    assert (await visitor.post(page.action, filled, {"Sec-Fetch-Site": "same-origin"})).status == 200


async def test_what_is_wrong_stands_beside_its_field_and_nothing_but_secrets_is_lost(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    page = await enter(alice, bob, visitor, shop)

    empty = await visitor.send(page, name=" ", userData_shop="two words", credentials_apiKey=KEY)

    assert empty.status == 400
    assert empty.message is None
    assert empty.problem("name") == "Please fill this in."
    assert "letters, digits and hyphens" in empty.problem("userData/shop")
    assert empty.attributes["userData/shop"]["aria-invalid"] == "true"
    assert empty.fields["userData/shop"] == "two words"
    assert KEY not in empty.text
    missing = await visitor.send(empty, name="Mine", userData_shop="acme")
    assert missing.problem("credentials/apiKey") == "Please fill this in."
    assert missing.fields["name"] == "Mine"
    assert (await visitor.send(missing, credentials_apiKey=KEY)).message["authId"]


async def test_sent_twice_at_once_it_is_stored_once(alice: Person, bob: Person, visitor: Visitor, shop: str) -> None:
    page = await enter(alice, bob, visitor, shop)

    answers = await asyncio.gather(
        *(visitor.send(page, userData_shop="acme", credentials_apiKey=KEY) for _ in range(10))
    )

    stored = {answer.message["authId"] for answer in answers if answer.message["type"] == "tray.authpopup.finish"}
    assert len(stored) == 1
    again = await visitor.open(page.path)
    assert again.message["authId"] in stored
    assert (await visitor.send(page, credentials_apiKey="another")).message["authId"] in stored


async def test_whoever_cancels_is_told_to_be_gone_and_cannot_go_on(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    page = await enter(alice, bob, visitor, shop)

    closed = await visitor.send(page, "/cancel")

    assert closed.message == {"type": "tray.authpopup.close"}
    assert visitor.cookies == {}
    assert (await visitor.send(page, userData_shop="acme", credentials_apiKey=KEY)).status == 403


async def test_without_a_service_one_is_chosen(alice: Person, bob: Person, visitor: Visitor) -> None:
    await register(alice)
    diary = await register(alice, name="diary", title="Diary", baseUrl="https://diary.example")
    choices = await visitor.open(link(code=await code_for(alice, bob)))
    assert choices.text.index("Diary") < choices.text.index("Shop &amp; Söhne")

    unknown = await visitor.send(choices, environment=str(uuid.uuid4()))
    assert unknown.status == 404
    assert (await visitor.post(choices.path, choices.fields)).status == 404
    form = await visitor.send(choices, environment=diary)
    assert "Sign in to Diary" in form.text
    assert (await visitor.open(choices.path)).fields.keys() == form.fields.keys()
    assert (await visitor.send(form, credentials_apiKey=KEY)).message["authId"]


async def test_a_service_id_leaves_only_its_environments_to_choose(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    await register(alice, name="diary", title="Diary")
    service_id = (await alice.get("/v1/services/shop/versions/1")).json["id"]

    page = await visitor.open(link(code=await code_for(alice, bob), serviceId=service_id))

    assert "Shop" in page.text
    assert "Diary" not in page.text


async def test_charlie_chooses_among_his_own_services(
    hub: Hub, alice: Person, charlie: Person, visitor: Visitor, shop: str
) -> None:
    dan = await end_user(hub, charlie, "dan")
    choices = await visitor.open(link(code=await code_for(charlie, dan)))

    assert "Shop" not in choices.text
    assert (await visitor.send(choices, environment=shop)).status == 404


async def test_an_auth_is_changed_and_its_secret_stays_unless_another_is_typed(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    wanted = {
        "name": "Old",
        "serviceEnvironmentId": shop,
        "userData": {"shop": "acme"},
        "credentials": {"apiKey": KEY},
        "scopes": ["read"],
    }
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]

    page = await visitor.open(link("edit", f"/{auth_id}", code=await code_for(alice, bob)))
    assert (page.fields["name"], page.fields["userData/shop"], page.fields["credentials/apiKey"]) == ("Old", "acme", "")
    assert KEY not in page.text
    assert "keep what is stored" in page.text
    assert "required" not in page.attributes["credentials/apiKey"]
    done = await visitor.send(page, name="New", userData_shop="other")

    assert done.message["authId"] == auth_id
    stored = await full(bob, auth_id)
    assert (stored["name"], stored["userData"], stored["scopes"]) == ("New", {"shop": "other"}, ["read"])
    assert stored["credentials"] == {"apiKey": KEY}
    page = await visitor.open(link("edit", f"/{auth_id}", code=await code_for(alice, bob)))
    await visitor.send(page, credentials_apiKey="another key")
    assert (await full(bob, auth_id))["credentials"] == {"apiKey": "another key"}


async def test_a_cancelled_edit_changes_nothing(alice: Person, bob: Person, visitor: Visitor, shop: str) -> None:
    wanted = {"name": "Old", "serviceEnvironmentId": shop, "userData": {"shop": "a"}, "credentials": {"apiKey": KEY}}
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]
    page = await visitor.open(link("edit", f"/{auth_id}", code=await code_for(alice, bob)))

    assert (await visitor.send(page, "/cancel", name="New")).message == {"type": "tray.authpopup.close"}

    assert (await visitor.open(page.path)).status == 403
    assert (await full(bob, auth_id))["name"] == "Old"


async def test_nobody_changes_somebody_elses_auth(
    hub: Hub, alice: Person, bob: Person, charlie: Person, shop: str
) -> None:
    wanted = {"name": "Old", "serviceEnvironmentId": shop, "userData": {"shop": "a"}, "credentials": {"apiKey": KEY}}
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]
    dora, dan = await end_user(hub, alice, "dora"), await end_user(hub, charlie, "dan")

    for founder, person, status in (
        (alice, alice, 403),
        (alice, dora, 403),
        (charlie, charlie, 404),
        (charlie, dan, 404),
    ):
        page = await Visitor(alice.session).open(link("edit", f"/{auth_id}", code=await code_for(founder, person)))

        assert page.status == status
        assert page.message["type"] == "tray.authPopup.error"
    assert (await Visitor(alice.session).open(link("edit", "/nonsense", code=await code_for(alice, bob)))).status == 404


async def test_a_removed_user_cannot_go_on(alice: Person, bob: Person, visitor: Visitor, shop: str) -> None:
    page = await enter(alice, bob, visitor, shop)
    bob_id = (await bob.get("/v1/me")).json["id"]
    removal = "mutation($id: ID!) { removeExternalUser(input: {userId: $id}) { clientMutationId } }"
    await ask(alice, removal, id=bob_id)

    answer = await visitor.send(page, userData_shop="acme", credentials_apiKey=KEY)

    assert answer.status == 403


async def test_an_old_code_and_an_old_dialog_are_over(
    hub: Hub, alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    now = hub.clock()
    code = await code_for(alice, bob)
    page = await enter(alice, bob, visitor, shop)

    hub.clock = lambda: now + 5 * 60 + 1
    late = await visitor.open(link(code=code, serviceEnvironmentId=shop))
    still = await visitor.open(page.path)
    hub.clock = lambda: now + 31 * 60
    over = await visitor.open(page.path)

    assert (late.status, still.status, over.status) == (403, 200, 403)


async def test_no_page_loads_or_runs_anything_from_elsewhere(
    alice: Person, bob: Person, visitor: Visitor, shop: str
) -> None:
    page = await enter(alice, bob, visitor, shop)

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert policy.endswith("frame-ancestors *")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.origins == ["*"]
    assert "http" not in page.text.replace("http-equiv", "")
    assert page.text.count("<script") == 1
    assert "style=" not in page.text
    for name, kind in (("dialog.js", "text/javascript"), ("dialog.css", "text/css")):
        async with alice.session.get(f"/external/auth/static/{name}") as answer:
            assert (answer.status, answer.content_type) == (200, kind)
    assert (await visitor.open("/external/auth/static/base.html")).status == 404


async def test_whatever_is_said_cannot_become_markup(alice: Person, bob: Person, visitor: Visitor) -> None:
    mark = """"><script>alert(1)</script><b a='"""
    environment = await register(
        alice, title="<b>Bold</b>", baseUrl="https://shop.example", properties=[{"key": "note", "title": mark}]
    )
    page = await enter(alice, bob, visitor, environment)
    assert "<b>" not in page.text

    again = await visitor.send(page, name="", userData_note=mark)

    assert "<script>alert" not in again.text
    assert again.fields["userData/note"] == mark


async def test_no_secret_is_in_the_log(
    alice: Person, bob: Person, visitor: Visitor, shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await code_for(alice, bob)
    capsys.readouterr()

    page = await visitor.open(link(code=code, serviceEnvironmentId=shop))
    await visitor.send(page, userData_shop="not a shop", credentials_apiKey=KEY)
    await visitor.send(page, userData_shop="acme", credentials_apiKey=KEY)

    said = capsys.readouterr().err
    assert [json.loads(line)["status"] for line in said.splitlines()] == [303, 200, 400, 200]
    for secret in (KEY, code, page.fields["form"], *visitor.cookies.values()):
        assert secret not in said
