"""What a hub does on a host where connectors are not confined."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from jackfield_hub.errors import Conflict
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.sandbox import confinement
from jackfield_hub.sandbox.confinement import Confinement, NotConfined
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Pool
from jackfield_hub.sandbox.probes import PROBES, Probe
from jackfield_hub.settings import SettingMistake, Settings, read_settings
from jackfield_hub.trust import TooManyToTrust, read_trust
from tests.hub.people import found
from tests.hub.processes import HubProcess, free_port, spawn, start
from tests.hub.small_connectors import small_bundle
from tests.hub.test_sandbox_calls import give, output, run

WITHOUT_LANDLOCK = (sys.executable, "-m", "tests.hub.another_host", "--without-landlock", "--", "serve")
WORDS = "JACKFIELD_TRUST_ALL_CONNECTORS"


@pytest.fixture
def hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack no jail closes: none has heard of it, and what gives no answer counts as open."""
    monkeypatch.setattr(confinement, "_tried", {})
    monkeypatch.setitem(PROBES, "hole", Probe("hole", "the test", lambda canaries: True))


def test_a_host_without_landlock_gets_no_hub(tmp_path: Path) -> None:
    process, log = spawn(tmp_path / "hub", free_port(), command=WITHOUT_LANDLOCK)

    assert process.wait(40) == 1
    assert "no landlock" in log.read_text()
    assert "jackfield doctor" in log.read_text()
    assert not (tmp_path / "hub" / "tokens.json").exists()


def test_an_operator_who_trusts_all_connectors_gets_one_that_says_so_at_each_start(tmp_path: Path) -> None:
    for _ in range(2):
        hub = start(tmp_path / "hub", command=WITHOUT_LANDLOCK, trust_all_connectors="yes")
        try:
            assert hub.ask("GET", "/readyz") == (200, {"status": "ready", "rung": "R4"})
        finally:
            assert hub.stop() == 0
        assert WORDS in hub.said()
        assert "no landlock" in hub.said()
        assert "connectors_are_not_confined" in [line.get("event") for line in logged(hub)]


def logged(hub: HubProcess) -> list[dict[str, str]]:
    return [json.loads(line) for line in hub.said().splitlines() if line.startswith("{")]


async def test_a_jail_with_a_hole_is_no_jail(settings: Settings, hole: None) -> None:
    with pytest.raises(NotConfined, match="hole"):
        async with open_hub(settings):
            pass


async def test_who_trusts_all_connectors_keeps_a_jail_with_a_hole(settings: Settings, hole: None) -> None:
    async with open_hub(settings.model_copy(update={"trust_all_connectors": True})) as hub:
        assert hub.confinement.rung is not Rung.NO_JAIL
        assert hub.confinement.open_attacks == ("hole",)


async def test_trust_takes_no_jail_away_that_holds(settings: Settings) -> None:
    async with open_hub(settings.model_copy(update={"trust_all_connectors": True})) as hub:
        assert hub.confinement.holds
        assert await read_trust(hub) is None


async def test_several_organizations_cannot_all_be_trusted(hub: Hub) -> None:
    hub.confinement = Confinement(Rung.NO_JAIL, why_not_higher="a test")

    with pytest.raises(TooManyToTrust):
        await read_trust(hub)
    with pytest.raises(Conflict):
        await found(hub, "dora")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "hub.example.com"])
def test_a_hub_that_others_can_reach_cannot_trust_all_connectors(host: str) -> None:
    with pytest.raises(SettingMistake, match=WORDS):
        read_settings(host=host, trust_all_connectors=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_hub_on_loopback_can(host: str) -> None:
    assert read_settings(host=host, trust_all_connectors=True).trust_all_connectors


async def test_calls_without_a_jail_still_have_their_limits(tmp_path: Path) -> None:
    bundle = small_bundle(
        tmp_path / "bundle",
        """
        @small.operation
        def grow() -> dict:
            return {"length": len(bytearray(2 << 30))}
        """,
    )
    pool = Pool(Limits(drain_seconds=1.0), Rung.NO_JAIL)
    await pool.start()

    assert await give(pool, bundle, "echo", text="x") == {"text": "x"}
    assert output(await run(pool, bundle, "grow"))["fault"] == "connector"
    await pool.stop()
