"""Signing in with e-mail and password, and what a browser may do from then on."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.identity.service import NewOwner, create_organization
from jackfield_hub.limits import SignInLimits
from jackfield_hub.settings import Settings
from tests.hub.people import Answer, Person
from tests.hub.shop import put_in_place
from tests.hub.stored import all_that_is_stored, stored_values

PASSWORD = "correct horse battery"
ALICE = {"email": "alice@example.com", "password": PASSWORD}
COOKIE = "jackfield-session"


@pytest.fixture
def browser(alice: Person) -> Person:
    """Somebody without a token."""
    return alice.without_token()


async def sign_in(browser: Person, body: dict[str, str] = ALICE) -> tuple[Answer, str]:
    """Sign in as a script does; return the answer and the cookie."""
    answer = await browser.post("/v1/sessions", body)
    return answer, answer.headers.get("Set-Cookie", "").partition(";")[0]


async def send_form(browser: Person, path: str, fields: dict[str, str], **headers: str) -> Answer:
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    async with browser.session.post(path, data=urlencode(fields), headers=headers, allow_redirects=False) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


async def test_a_member_signs_in_acts_and_signs_out(browser: Person) -> None:
    answer, cookie = await sign_in(browser)
    assert answer.status == 200
    csrf = answer.json["csrfToken"]

    me = await browser.get("/v1/me", Cookie=cookie)
    made = await browser.send("POST", "/v1/workspaces", b'{"name": "Team"}', {"Cookie": cookie, "X-CSRF-Token": csrf})
    again = await browser.get("/v1/session", Cookie=cookie)
    ended = await browser.send("DELETE", "/v1/session", None, {"Cookie": cookie, "X-CSRF-Token": csrf})

    assert (me.status, me.json["email"], made.status) == (200, "alice@example.com", 200)
    assert again.json == answer.json
    assert ended.status == 204
    assert (await browser.get("/v1/me", Cookie=cookie)).status == 401


async def test_the_cookie_is_for_no_script_and_for_no_other_site(browser: Person) -> None:
    answer, _ = await sign_in(browser)

    attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=43200"} <= set(attributes)


async def test_what_changes_something_needs_more_than_the_cookie(browser: Person) -> None:
    _, cookie = await sign_in(browser)

    for more in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": "\u00e9"}):
        refused = await browser.send("POST", "/v1/workspaces", b'{"name": "Team"}', {"Cookie": cookie, **more})
        assert (refused.status, refused.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "alice@example.com", "password": "wrong"},
        {"email": "nobody@example.com", "password": PASSWORD},
        {"email": "Alice@example.com", "password": PASSWORD},
        {**ALICE, "organizationId": "11111111-2222-4333-8444-555555555555"},
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(browser: Person, wrong: dict[str, str]) -> None:
    answer, cookie = await sign_in(browser, wrong)

    assert (answer.status, cookie) == (401, "")
    assert answer.json == {"message": "The e-mail or the password is not right", "code": "wrong_password"}


async def test_guessing_is_slowed_down(hub: Hub, browser: Person) -> None:
    time = [0.0]
    hub.sign_ins = SignInLimits(lambda: time[0])
    wrong = {**ALICE, "password": "guess"}

    seen = [(await sign_in(browser, wrong))[0].status for _ in range(12)]
    refused, _ = await sign_in(browser)

    assert seen == [401] * 10 + [429] * 2
    assert (refused.status, refused.headers["Retry-After"]) == (429, "10")
    time[0] += 10
    assert (await sign_in(browser))[0].status == 200


async def test_who_is_in_two_organizations_says_which(hub: Hub, browser: Person) -> None:
    other = await create_organization(hub, "Other", NewOwner("alice", "alice@example.com", PASSWORD))

    both, _ = await sign_in(browser)
    one, cookie = await sign_in(browser, {**ALICE, "organizationId": other.id})

    assert (both.status, other.id in both.json["message"]) == (409, True)
    assert one.status == 200
    assert (await browser.get("/v1/me", Cookie=cookie)).json["organizationId"] == other.id


async def test_a_removed_members_session_is_over(hub: Hub, alice: Person, browser: Person) -> None:
    invitation = {"email": "dave@example.com", "organizationRoleId": (await roles(alice))["Viewer"]}
    invite_id = (await alice.post("/core/v1/invites", invitation)).json["inviteId"]
    link = (await alice.post(f"/v1/invites/{invite_id}/link", {})).json["token"]
    dave = (await browser.post("/v1/invites/accept", {"token": link, "name": "Dave", "password": PASSWORD})).json
    _, cookie = await sign_in(browser, {"email": "dave@example.com", "password": PASSWORD})
    assert (await browser.get("/v1/me", Cookie=cookie)).json["name"] == "Dave"

    await alice.delete(f"/core/v1/users/{dave['id']}")

    assert (await browser.get("/v1/me", Cookie=cookie)).status == 401
    assert (await sign_in(browser, {"email": "dave@example.com", "password": PASSWORD}))[0].status == 401


async def test_a_session_ends_after_twelve_hours(hub: Hub, browser: Person) -> None:
    _, cookie = await sign_in(browser)
    now = hub.clock()

    hub.clock = lambda: now + 12 * 3600

    assert (await browser.get("/v1/me", Cookie=cookie)).status == 401


async def test_only_the_hash_of_a_session_is_stored(settings: Settings, browser: Person) -> None:
    _, cookie = await sign_in(browser)

    assert cookie.partition("=")[2].encode() not in all_that_is_stored(settings)
    assert stored_values(settings, "SELECT count(*) FROM sessions") == [(1,)]


async def test_people_sign_in_on_a_page_without_scripts(browser: Person) -> None:
    page = await browser.get("/sign-in?next=/docs")
    assert page.status == 200
    assert "script" not in page.headers["Content-Security-Policy"]
    assert "<script" not in page.body.decode()
    assert page.body.count(b"<label for=") == 2

    wrong = await send_form(browser, "/sign-in", {**ALICE, "password": "x", "next": "/docs"})
    right = await send_form(browser, "/sign-in", {**ALICE, "next": "/docs"})

    assert (wrong.status, b"is not right" in wrong.body) == (401, True)
    assert b'value="alice@example.com"' in wrong.body
    assert (right.status, right.headers["Location"]) == (303, "/docs")
    cookie = right.headers["Set-Cookie"].partition(";")[0]
    signed_in = (await browser.get("/sign-in", Cookie=cookie)).body.decode()
    assert "You are signed in as alice" in signed_in
    csrf = re.search(r'name="csrf" value="([^"]+)"', signed_in)
    assert csrf is not None
    assert (await send_form(browser, "/sign-out", {"csrf": "x"}, Cookie=cookie)).status == 403
    assert (await send_form(browser, "/sign-out", {"csrf": csrf[1]}, Cookie=cookie)).status == 303
    assert (await browser.get("/v1/me", Cookie=cookie)).status == 401


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "/\r\nX: y"],
)
async def test_the_page_leads_to_no_other_site(browser: Person, elsewhere: str) -> None:
    answer = await send_form(browser, "/sign-in", {**ALICE, "next": elsewhere})

    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")


@pytest.mark.parametrize("path", ["/sign-in", "/v1/sessions"])
async def test_another_site_signs_nobody_in(browser: Person, path: str) -> None:
    answer = await send_form(browser, path, ALICE, **{"Sec-Fetch-Site": "cross-site"})

    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


async def test_what_is_shown_is_text_and_nothing_else(browser: Person) -> None:
    answer = await send_form(browser, "/sign-in", {"email": '"><script>x</script>', "password": "x", "next": '/"><b>'})

    assert b"<script>" not in answer.body
    assert b"<b>" not in answer.body


async def test_behind_tls_the_cookie_is_bound_to_the_very_host(settings: Settings, hub: Hub, browser: Person) -> None:
    hub.settings = settings.model_copy(update={"public_url": "https://hub.example.com"})

    answer, cookie = await sign_in(browser)

    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert (await browser.get("/v1/me", Cookie=cookie)).status == 200


async def roles(alice: Person) -> dict[str, str]:
    return {one["name"]: one["id"] for one in (await alice.get("/core/v1/roles")).json["elements"]}


NEW = "another horse battery"


async def test_a_member_changes_the_password_and_stays_signed_in_here_only(browser: Person, hub: Hub) -> None:
    here, cookie = await sign_in(browser)
    _, elsewhere = await sign_in(browser)
    labels = {"Cookie": cookie, "X-CSRF-Token": here.json["csrfToken"]}

    async def change(old: str, new: str, **more: str) -> int:
        body = f'{{"oldPassword": "{old}", "newPassword": "{new}"}}'.encode()
        return (await browser.send("PUT", "/v1/me/password", body, {**labels, **more})).status

    assert await change("something else", NEW) == 403
    assert await change(PASSWORD, "short") == 400
    assert await change(PASSWORD, NEW, **{"X-CSRF-Token": "x"}) == 403
    assert await change(PASSWORD, NEW) == 204

    assert [(await browser.get("/v1/me", Cookie=one)).status for one in (cookie, elsewhere)] == [200, 401]
    assert (await sign_in(browser))[0].status == 401
    assert (await sign_in(browser, {**ALICE, "password": NEW}))[0].status == 200
    said = stored_values(hub.settings, "SELECT action FROM audit WHERE action = 'user.password_changed'")
    assert len(said) == 1


async def test_the_page_for_it_says_what_was_wrong(browser: Person) -> None:
    asked = await browser.session.get("/sign-in/password", allow_redirects=False)
    assert (asked.status, asked.headers["Location"]) == (303, "/sign-in?next=/sign-in/password")
    answer, cookie = await sign_in(browser)
    page = (await browser.get("/sign-in/password", Cookie=cookie)).body.decode()
    fields = {"csrf": answer.json["csrfToken"], "old_password": PASSWORD, "new_password": NEW}
    assert fields["csrf"] in page

    wrong = await send_form(browser, "/sign-in/password", {**fields, "old_password": "no <b>"}, Cookie=cookie)
    short = await send_form(browser, "/sign-in/password", {**fields, "new_password": "short"}, Cookie=cookie)
    forged = await send_form(browser, "/sign-in/password", {**fields, "csrf": "x"}, Cookie=cookie)
    done = await send_form(browser, "/sign-in/password", fields, Cookie=cookie)

    assert (wrong.status, "is another one" in wrong.body.decode(), b"no <b>" in wrong.body) == (403, True, False)
    assert (short.status, "12 to 1000" in short.body.decode(), forged.status) == (400, True, 403)
    assert (done.status, done.headers["Location"]) == (303, "/sign-in")
    assert (await sign_in(browser, {**ALICE, "password": NEW}))[0].status == 200


async def test_guessing_the_old_password_is_limited_and_programs_have_none(alice: Person, browser: Person) -> None:
    answer, cookie = await sign_in(browser)
    labels = {"Cookie": cookie, "X-CSRF-Token": answer.json["csrfToken"]}
    wanted = f'{{"oldPassword": "a guess", "newPassword": "{NEW}"}}'.encode()

    guesses = [(await browser.send("PUT", "/v1/me/password", wanted, labels)).status for _ in range(11)]

    assert (guesses[0], guesses[-1]) == (403, 429)
    for program in (alice, alice.program):
        assert (await program.send("PUT", "/v1/me/password", wanted)).status == 403


async def test_a_page_of_the_hub_calls_connectors_with_its_session(browser: Person, alice: Person, hub: Hub) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example")
    answer, cookie = await sign_in(browser)
    path, body = "/core/v1/connectors/shop/versions/1.0/call", b'{"operation": "wait", "input": {"seconds": 0}}'

    called = await browser.send("POST", path, body, {"Cookie": cookie, "X-CSRF-Token": answer.json["csrfToken"]})
    forged = await browser.send("POST", path, body, {"Cookie": cookie})
    nobody = await browser.send("POST", path, body, {"Cookie": f"{COOKIE}=x", "X-CSRF-Token": "x"})

    assert (called.status, called.json["outcome"]) == (200, "success"), called.body
    assert (forged.status, nobody.status) == (403, 401)
