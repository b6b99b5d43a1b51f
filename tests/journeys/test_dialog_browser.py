"""The sign-in dialog in a real browser, opened by a page of another site: in a window and in a frame."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, FrameLocator, Page, expect

from examples.servers import oidc
from jackfield.testing_oauth import FakeOAuthProvider
from jackfield_hub.hub import Hub
from tests.hub.people import Person
from tests.hub.signed_in import register
from tests.hub.visitor import code_for, link
from tests.journeys.browsing import CHROMIUM, WHY_NOT, Host, browser, host, tls

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)

AUTHS = "/core/v1/authentications"
KEY = "k-4711-very-secret"
SHOP: dict[str, Any] = {
    "name": "shop",
    "title": "Shop",
    "baseUrl": "https://{shop}.example.com",
    "signIn": {"kind": "api_key", "name": "X-Key"},
}


@dataclass
class Scene:
    """Bob in front of the customer's product, which knows a hub."""

    alice: Person
    bob: Person
    host: Host
    origin: str

    async def link(self, environment_id: str, **query: str | Sequence[str]) -> str:
        code = await code_for(self.alice, self.bob)
        return self.origin + link(code=code, serviceEnvironmentId=environment_id, **query)

    async def finished(self) -> str:
        """Return the auth the product was told of, which is all it was told."""
        [said] = await self.host.messages()
        assert said["origin"] == self.origin
        assert said["data"].keys() == {"type", "authType", "authId"}
        assert said["data"]["type"] == "tray.authpopup.finish"
        return said["data"]["authId"]

    async def full(self, auth_id: str) -> Any:
        return (await self.bob.get(f"{AUTHS}/{auth_id}/full")).json


@pytest.fixture
async def chromium() -> AsyncGenerator[Browser]:
    async with browser() as started:
        yield started


@pytest.fixture
async def scene(chromium: Browser, alice: Person, bob: Person) -> AsyncGenerator[Scene]:
    context = await chromium.new_context()
    async with host(context) as page:
        yield Scene(alice, bob, page, str(alice.session._base_url).rstrip("/"))


@pytest.fixture
async def behind_tls(chromium: Browser, hub: Hub, alice: Person, bob: Person, tmp_path: Path) -> AsyncGenerator[Scene]:
    """The same, with a hub that says where it is, and who may frame it."""
    port = alice.session._base_url.port if alice.session._base_url else 0
    context = await chromium.new_context(ignore_https_errors=True)
    async with host(context) as page, tls(port or 0, tmp_path) as origin:
        hub.settings = hub.settings.model_copy(update={"public_url": origin, "dialog_origins": (page.url,)})
        yield Scene(alice, bob, page, origin)


@pytest.fixture
async def shop(alice: Person) -> str:
    return (await alice.post("/v1/services", SHOP)).json["environments"][0]["id"]


@pytest.fixture
def provider() -> Generator[FakeOAuthProvider]:
    with FakeOAuthProvider() as provider:
        provider.habits.asks_for_consent = True
        yield provider


async def fill_in(where: Page | FrameLocator) -> None:
    await where.get_by_label("Name", exact=True).fill("Mine")
    await where.get_by_label("Shop").fill("acme")
    await where.get_by_label("API key").fill(KEY)


async def test_a_window_takes_a_key_and_tells_the_product(scene: Scene, shop: str) -> None:
    window = await scene.host.pop(await scene.link(shop, scopes=""))
    assert "code=" not in window.url
    await fill_in(window)
    await window.get_by_role("button", name="Sign in").click()
    await expect(window.get_by_role("heading")).to_have_text("You are signed in")

    assert (await scene.full(await scene.finished()))["credentials"] == {"apiKey": KEY}


async def test_a_frame_on_another_site_takes_a_key_and_tells_the_product(behind_tls: Scene, shop: str) -> None:
    frame = await behind_tls.host.frame(await behind_tls.link(shop))
    await fill_in(frame)
    await frame.get_by_role("button", name="Sign in").click()
    await expect(frame.get_by_role("heading")).to_have_text("You are signed in")

    assert (await behind_tls.full(await behind_tls.finished()))["name"] == "Mine"


async def test_a_site_that_is_not_named_may_neither_frame_the_dialog_nor_hear_of_it(
    behind_tls: Scene, hub: Hub, shop: str
) -> None:
    hub.settings = hub.settings.model_copy(update={"dialog_origins": ("https://app.example",)})

    frame = await behind_tls.host.frame(await behind_tls.link(shop))
    await expect(frame.get_by_label("Shop")).to_have_count(0)
    window = await behind_tls.host.pop(await behind_tls.link(shop))
    await fill_in(window)
    await window.get_by_role("button", name="Sign in").click()
    await expect(window.get_by_role("heading")).to_have_text("You are signed in")

    assert await behind_tls.host.messages(0) == []


async def test_consent_in_a_window(scene: Scene, provider: FakeOAuthProvider) -> None:
    environment_id = await register(scene.alice, provider)
    window = await scene.host.pop(await scene.link(environment_id, scopes="read"))

    await window.get_by_role("button", name="Continue").click()
    await window.get_by_role("button", name="Allow").click()
    await expect(window.get_by_role("heading")).to_have_text("You are signed in")

    assert "code=" not in await window.evaluate("document.referrer")
    stored = await scene.full(await scene.finished())
    assert stored["scopes"] == ["read"]
    assert provider.token_requests[0].parameters["code_verifier"]


async def test_consent_from_a_frame_is_asked_for_in_a_window_of_its_own(
    behind_tls: Scene, provider: FakeOAuthProvider
) -> None:
    environment_id = await register(behind_tls.alice, provider)
    frame = await behind_tls.host.frame(await behind_tls.link(environment_id))

    async with behind_tls.host.page.context.expect_page() as opened:
        await frame.get_by_role("button", name="Continue").click()
    window = await opened.value
    await expect(frame.get_by_role("status")).to_have_text("Go on in the window that has opened.")
    async with window.expect_event("close"):
        await window.get_by_role("button", name="Allow").click()
    await expect(frame.get_by_role("heading")).to_have_text("You are signed in")

    assert (await behind_tls.full(await behind_tls.finished()))["credentials"]["refreshToken"]


@pytest.mark.skipif(not oidc.IS_THERE, reason=oidc.WHY_NOT)
async def test_consent_at_a_real_provider(scene: Scene) -> None:
    redirect_uri = f"{scene.origin}/oauth2/token"
    with oidc.oidc_provider(redirect_uri, access_seconds=60) as issuer:
        way = {
            "kind": "oauth2_code",
            "authorize_url": f"{issuer}/auth",
            "token_url": f"{issuer}/token",
            "issuer": issuer,
            "authorize_parameters": {"prompt": "consent"},
        }
        client = {"title": "Production", "clientId": "in-header", "clientSecret": "s3cr+t/=&%?"}
        service = {"name": "real", "title": "Real", "baseUrl": issuer, "signIn": way, "environments": [client]}
        environment_id = (await scene.alice.post("/v1/services", service)).json["environments"][0]["id"]
        window = await scene.host.pop(await scene.link(environment_id, scopes=("openid", "offline_access")))

        await window.get_by_role("button", name="Continue").click()
        await window.locator("[name=login]").fill("alice")
        await window.locator("[name=password]").fill("any")
        await window.get_by_role("button", name="Sign-in").click()
        await window.get_by_role("button", name="Continue").click()
        await expect(window.get_by_role("heading")).to_have_text("You are signed in")

        stored = await scene.full(await scene.finished())
    assert set(stored["scopes"]) == {"openid", "offline_access"}
    assert stored["credentials"]["refreshToken"]


async def test_who_says_no_is_told_what_to_do_and_so_is_the_product(scene: Scene, provider: FakeOAuthProvider) -> None:
    window = await scene.host.pop(await scene.link(await register(scene.alice, provider)))

    await window.get_by_role("button", name="Continue").click()
    await window.get_by_role("button", name="Deny").click()
    await expect(window.get_by_role("alert")).to_contain_text("access was denied")

    [said] = await scene.host.messages()
    assert said["data"]["type"] == "tray.authPopup.error"
    await window.get_by_role("link", name="Try again").click()
    await expect(window.get_by_role("heading")).to_have_text("Sign in to Diary")


async def test_who_cancels_is_gone_without_filling_anything_in(scene: Scene, shop: str) -> None:
    window = await scene.host.pop(await scene.link(shop))

    await window.get_by_role("button", name="Cancel").click()

    assert [said["data"] for said in await scene.host.messages()] == [{"type": "tray.authpopup.close"}]


async def test_a_used_link_says_so_and_closes(scene: Scene, shop: str) -> None:
    address = await scene.link(shop)
    await scene.host.close(await scene.host.pop(address))
    window = await scene.host.pop(address)

    async with window.expect_event("close"):
        await window.get_by_role("button", name="Close").click()

    kinds = [said["data"]["type"] for said in await scene.host.messages(2)]
    assert kinds == ["tray.authPopup.error", "tray.authpopup.close"]


async def test_it_can_be_done_with_the_keyboard_alone(scene: Scene, shop: str) -> None:
    choices = scene.origin + link(code=await code_for(scene.alice, scene.bob))
    window = await scene.host.pop(choices)
    await expect(window.get_by_role("button", name="Shop")).to_be_focused()
    await window.keyboard.press("Enter")

    await expect(window.get_by_label("Name", exact=True)).to_be_focused()
    await window.keyboard.press("ControlOrMeta+a")
    await window.keyboard.type("Mine")
    await window.keyboard.press("Tab")
    await window.keyboard.type("not a shop")
    await window.keyboard.press("Tab")
    await window.keyboard.type(KEY)
    await window.keyboard.press("Enter")
    wrong = window.get_by_label("Shop")
    await expect(wrong).to_be_focused()
    await expect(wrong).to_have_accessible_description(
        '"shop" must be letters, digits and hyphens only, such as my-company: no dots, no slashes.'
    )
    await window.keyboard.press("ControlOrMeta+a")
    await window.keyboard.type("acme")
    await window.keyboard.press("Tab")
    await window.keyboard.type(KEY)
    await window.keyboard.press("Tab")
    await window.keyboard.press("Enter")

    assert (await scene.full(await scene.finished()))["userData"] == {"shop": "acme"}


@pytest.mark.parametrize(("width", "height"), [(320, 480), (500, 500)])
async def test_it_fits_small_windows_in_light_and_dark(
    chromium: Browser, scene: Scene, shop: str, width: int, height: int
) -> None:
    seen: dict[str, str] = {}
    for scheme in ("light", "dark"):
        context: BrowserContext = await chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": height}
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message, said=complaints: said.append(message.text))
        await page.goto(await scene.link(shop))

        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert complaints == []
        seen[scheme] = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert seen["light"] != seen["dark"]
