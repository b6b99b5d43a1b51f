"""Builds that are cut short, doubled or damaged: each deployment still ends, and ends once."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.deployments import service
from jackfield_hub.deployments.bundles import BundleChanged, digest_of
from jackfield_hub.deployments.durable import Leftovers
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.settings import Settings
from tests.conftest import Ground
from tests.hub.connectors import connector_zip, deploy, deploy_and_wait, deployment_path, until, wait_until_finished
from tests.hub.people import Person, front_door, person_of
from tests.hub.stored import IS_POSTGRES, stored_values

CALL_PATH = "/core/v1/connectors/acme/versions/1.0/call"
CALL = {"operation": "say", "input": {}}
SLOW_IMPORT = {"acme/operations/slow.py": "import time\ntime.sleep(1)\n"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"job_lease_seconds": 2.0})


def sql(hub: Hub, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Look into the database, or change it as another process would."""
    return stored_values(hub.settings, statement, *values)


async def wait_for_stage(hub: Hub, stage: str) -> None:
    await until(lambda: sql(hub, "SELECT stage FROM deployments ORDER BY seq DESC LIMIT 1") == [(stage,)])


async def test_a_build_that_was_away_too_long_changes_nothing_and_the_next_one_finishes(alice: Person, hub: Hub):
    answer = await deploy(alice, connector_zip(files=SLOW_IMPORT))
    await wait_for_stage(hub, "describe")

    sql(hub, "UPDATE jobs SET fence = fence + 1, lease_until = $1", time.time() + 1)  # as one does who takes it over
    deployment = await wait_until_finished(alice, "acme", answer.json["id"])

    assert deployment["deploymentStatus"] == "Deployed"
    assert sql(hub, "SELECT attempt, stage FROM deployments") == [(3, "publish")]
    assert sql(hub, "SELECT count(*), max(revision) FROM connectors") == [(1, 1)]
    assert sql(hub, "SELECT count(*) FROM jobs") == [(0,)]


async def test_a_build_whose_deployment_has_ended_meanwhile_publishes_nothing(alice: Person, hub: Hub):
    await deploy(alice, connector_zip(files=SLOW_IMPORT))
    await wait_for_stage(hub, "describe")

    sql(hub, "UPDATE deployments SET state = 'Failed', failed_step = 'describe', reason = 'elsewhere'")
    await until(lambda: sql(hub, "SELECT count(*) FROM jobs") == [(0,)])

    assert sql(hub, "SELECT count(*) FROM connectors") == [(0,)]
    assert (await alice.get(deployment_path("acme", "latest"))).json["errors"][0]["message"] == "elsewhere"


async def test_a_deployment_whose_builder_is_lost_every_time_fails_and_says_so(alice: Person, hub: Hub):
    await hub.jobs.stop()
    answer = await deploy(alice, connector_zip())
    sql(hub, "UPDATE jobs SET attempt = 5")

    hub.jobs.start()
    deployment = await wait_until_finished(alice, "acme", answer.json["id"])

    assert deployment["deploymentStatus"] == "Failed"
    assert deployment["errors"][0]["message"].startswith("BuilderLost: ")
    assert sql(hub, "SELECT count(*) FROM jobs") == [(0,)]
    assert (await deploy_and_wait(alice, connector_zip()))["deploymentStatus"] == "Deployed"


async def test_a_hub_that_stops_in_the_middle_of_a_build_hands_it_back(alice: Person, hub: Hub):
    answer = await deploy(alice, connector_zip(files=SLOW_IMPORT))
    await wait_for_stage(hub, "describe")

    await hub.jobs.stop()
    left = list((hub.settings.data_dir / "scratch").iterdir())
    hub.jobs.start()
    deployment = await wait_until_finished(alice, "acme", answer.json["id"])

    assert left == []
    assert deployment["deploymentStatus"] == "Deployed"


async def test_a_damaged_source_is_noticed(alice: Person, hub: Hub):
    await hub.jobs.stop()
    answer = await deploy(alice, connector_zip())
    [source] = (hub.settings.data_dir / "sources").iterdir()
    _flip_a_bit(source)
    if IS_POSTGRES:  # where it would be found again
        stored_values(hub.settings, "DELETE FROM contents")

    hub.jobs.start()
    deployment = await wait_until_finished(alice, "acme", answer.json["id"])

    assert deployment["errors"] == [{"step": "unpack", "message": "The stored source is damaged. Deploy it again."}]


async def test_a_build_that_takes_too_long_is_ended(alice: Person, hub: Hub):
    hub.settings = hub.settings.model_copy(update={"build_seconds": 0.3})

    deployment = await deploy_and_wait(alice, connector_zip(files={"acme/operations/slow.py": "while True: pass"}))

    assert deployment["errors"][0]["step"] == "describe"
    assert "took" in deployment["errors"][0]["message"]


async def test_a_bundle_with_one_changed_bit_is_not_opened(alice: Person, hub: Hub):
    await deploy_and_wait(alice, connector_zip())
    [bundle] = hub.bundles.folder.iterdir()
    digest = f"sha256:{bundle.name}"

    assert hub.bundles.verify(digest) == bundle
    _flip_a_bit(bundle / "source" / "acme" / "connector.py")

    with pytest.raises(BundleChanged):
        hub.bundles.verify(digest)


async def test_the_same_source_deployed_again_mends_a_damaged_bundle(alice: Person, hub: Hub):
    await deploy_and_wait(alice, connector_zip())
    [bundle] = hub.bundles.folder.iterdir()
    _flip_a_bit(bundle / "source" / "acme" / "connector.py")

    await deploy_and_wait(alice, connector_zip())

    assert list(hub.bundles.folder.iterdir()) == [bundle]
    assert digest_of(bundle) == f"sha256:{bundle.name}"


async def test_the_same_source_is_one_bundle(alice: Person, hub: Hub):
    first = await deploy_and_wait(alice, connector_zip())
    second = await deploy_and_wait(alice, connector_zip())

    assert first["id"] != second["id"]
    assert len(list(hub.bundles.folder.iterdir())) == 1
    assert sql(hub, "SELECT count(DISTINCT bundle_digest) FROM deployments") == [(1,)]


async def test_what_nobody_names_is_removed_after_an_hour_and_not_before(alice: Person, hub: Hub):
    await deploy_and_wait(alice, connector_zip())
    await hub.jobs.stop(grace_seconds=10)  # a build cleans up too, at its very end
    sources = hub.settings.data_dir / "sources"
    old = [sources / f"{'0' * 64}.zip", sources / "cut-off.draft", hub.bundles.folder / ("0" * 64)]
    young = sources / f"{'1' * 64}.zip"
    for path in (*old[:2], young):
        path.write_bytes(b"x")
    old[2].mkdir()
    for path in (*sources.iterdir(), *hub.bundles.folder.iterdir()):
        if path != young:
            os.utime(path, (0, time.time() - 3700))

    assert await service.forget_orphans(hub) == 3

    assert len(list(sources.iterdir())) == 2
    assert young.exists()
    assert len(list(hub.bundles.folder.iterdir())) == 1
    assert (await alice.post("/core/v1/connectors/acme/versions/1.0/call", {"operation": "say", "input": {}})).json[
        "outcome"
    ] == "success"


def test_a_clock_that_jumps_ahead_makes_nothing_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leftovers, source = Leftovers(tmp_path), tmp_path / "just stored"
    source.write_text("nobody has named it yet")
    with monkeypatch.context() as jump:
        ahead, right = 25 * 3600, time.time
        jump.setattr(time, "time", lambda: right() + ahead)
        assert leftovers.forget((), 3600, Path.unlink) == 0

    os.utime(source, (0, time.time() - ahead))  # how old it seems when the disk's clock has jumped, too
    with monkeypatch.context() as jump:
        passed = time.monotonic() - ahead
        jump.setattr(time, "monotonic", lambda: passed)
        assert leftovers.forget((), 3600, Path.unlink) == 0

    assert leftovers.forget((), 3600, Path.unlink) == 1, "it is as old as that"


async def test_the_last_deployments_of_a_version_keep_their_files(settings: Settings, ground: Ground) -> None:
    async with open_hub(settings.model_copy(update={"kept_deployments": 2})) as hub, front_door(hub) as door:
        alice = person_of(ground.alices, door)
        for words in ("one", "two", "three"):
            assert (await deploy_and_wait(alice, connector_zip(words=words)))["deploymentStatus"] == "Deployed"
        for _ in range(2):
            broken = connector_zip(files={"acme/connector.py": "what?"})
            assert (await deploy_and_wait(alice, broken))["deploymentStatus"] == "Failed"
        await hub.jobs.stop(grace_seconds=10)
        sources = hub.settings.data_dir / "sources"
        for path in (*sources.iterdir(), *hub.bundles.folder.iterdir()):
            os.utime(path, (0, time.time() - 3700))
        if IS_POSTGRES:
            stored_values(hub.settings, "UPDATE contents SET wanted_at = wanted_at - 3700")

        await service.forget_orphans(hub)

        assert len(list(hub.bundles.folder.iterdir())) == 2, "of the last two that went well"
        assert len(list(sources.iterdir())) == 3, "theirs, and the broken one"
        if IS_POSTGRES:
            assert stored_values(hub.settings, "SELECT count(*) FROM contents") == [(5,)]
        assert (await alice.post(CALL_PATH, CALL)).json["output"] == {"words": "three"}


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", ["a changed file", "a file more", "a file less", "no bundle"])
async def test_a_bundle_that_is_not_what_was_built_is_not_run(settings: Settings, ground: Ground, harm: str):
    async with open_hub(settings) as hub, front_door(hub) as door:
        await deploy_and_wait(person_of(ground.alices, door), connector_zip())
    (bundle,) = (settings.data_dir / "bundles").iterdir()
    damage(bundle, harm)

    async with open_hub(settings) as hub, front_door(hub) as door:
        alice = person_of(ground.alices, door)
        refused = await alice.post(CALL_PATH, CALL)
        used = (await alice.get("/v1/usage")).json["tasks"]
        await deploy_and_wait(alice, connector_zip())
        mended = await alice.post(CALL_PATH, CALL)

    if IS_POSTGRES:  # a copy is in the database
        assert (refused.json["outcome"], used) == ("success", 1)
    else:
        assert (refused.status, refused.json["code"], used) == (503, "unavailable", 0)
    assert mended.json["outcome"] == "success"


def damage(bundle: Path, harm: str) -> None:
    code = next((bundle / "source").rglob("connector.py"))
    if harm == "a changed file":
        code.chmod(0o600)
        code.write_bytes(code.read_bytes() + b"#")
    elif harm == "a file more":
        (bundle / "deps").chmod(0o700)
        (bundle / "deps" / "json.py").write_text("")
    elif harm == "a file less":
        code.unlink()
    else:
        shutil.rmtree(bundle)


async def test_a_bundle_is_read_once_and_not_before_every_call(hub: Hub, alice: Person):
    await deploy_and_wait(alice, connector_zip())
    (bundle,) = hub.bundles.folder.iterdir()

    (bundle / "more").write_text("")  # a call that looked again would see it

    assert (await alice.post(CALL_PATH, CALL)).json["outcome"] == "success"


async def test_what_somebody_has_put_beside_the_bundles_stays_and_stops_nobody(hub: Hub, alice: Person):
    foreign, orphan = hub.bundles.folder / "notes.txt", hub.bundles.folder / ("0" * 64)
    foreign.write_text("a note")
    orphan.mkdir()
    for path in (foreign, orphan):
        os.utime(path, (1, 1))

    assert await service.forget_orphans(hub) == 1
    assert foreign.exists()
    assert not orphan.exists()
