"""/metrics: the numbers of a hub, for its operator and for nobody else."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from jackfield_hub.database import Database
from jackfield_hub.hub import Hub
from jackfield_hub.metrics.numbers import Numbers
from jackfield_hub.settings import SettingMistake, Settings, read_settings
from tests.hub.people import Person
from tests.hub.processes import running
from tests.hub.shop import KEY, ThirdParty, put_in_place, third_party

TOKEN = "a-token-for-prometheus-only"
CALL = "/core/v1/connectors/shop/versions/1.0/call"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})


@pytest.fixture
async def shop(hub: Hub, alice: Person) -> AsyncGenerator[ThirdParty]:
    async with third_party() as shop:
        await put_in_place(hub, alice.organization_id, shop.url, sign_in='ApiKey("X-Key")')
        yield shop


async def scrape(person: Person, token: str = TOKEN) -> dict[str, float]:
    """Return every sample by name and labels, as Prometheus reads them: `calls_total{code="",outcome="success"}`."""
    answer = await person.without_token().get("/metrics", Authorization=f"Bearer {token}")
    assert answer.status == 200, answer.body
    samples = [sample for family in text_string_to_metric_families(answer.body.decode()) for sample in family.samples]
    return {spelled(sample.name, sample.labels): sample.value for sample in samples}


def spelled(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels) if key != "process")
    return f"{name.removeprefix('jackfield_')}{{{inside}}}"


async def call(person: Person, operation: str, given: Any = None, **more: Any) -> Any:
    return (await person.post(CALL, {"operation": operation, "input": given or {}, **more})).json


async def test_nobody_reads_the_numbers_without_the_operators_token(alice: Person) -> None:
    for token in ("", "wrong", alice.token, alice.api_token):
        answer = await alice.without_token().get("/metrics", Authorization=f"Bearer {token}")

        assert (answer.status, answer.json) == (401, {"message": "The request is unauthorized"})


async def test_calls_refusals_and_requests_are_counted(hub: Hub, alice: Person, shop: ThirdParty) -> None:
    auth = await stored(alice)
    await call(alice, "get_product", {"product_id": 7}, authId=auth)
    await call(alice, "get_product", {"product_id": 404}, authId=auth)
    await call(alice, "no_such_operation")
    await alice.get("/v1/me")

    seen = await scrape(alice)

    assert seen['calls_total{code="",outcome="success"}'] == 1
    assert seen['calls_total{code="#api_error",outcome="error"}'] == 1
    assert seen["call_duration_seconds_count{}"] == seen['call_duration_seconds_bucket{le="+Inf"}'] == 2
    assert seen['third_party_requests_total{status="2xx"}'] == seen['third_party_requests_total{status="4xx"}'] == 1
    assert seen['requests_total{address="/v1/me",status="200"}'] == 1
    assert seen['refused_total{reason="NotFound"}'] == 1
    assert seen["workers_started_total{}"] >= 1
    assert seen["calls_running{}"] == 0
    assert seen["process_resident_memory_bytes{}"] > 0
    assert seen["database_up{}"] == 1
    assert seen["ledger_entries_total{}"] == 2
    assert 1 <= seen["ledger_commit_seconds_count{}"] <= 2
    assert seen['cache_looks_total{cache="connectors",result="hit"}'] >= 1


async def test_every_refusal_is_counted_once_whichever_way_it_takes(hub: Hub, alice: Person) -> None:
    await alice.get("/nothing-here")
    await alice.delete("/v1/me")
    await alice.delete(CALL)
    await alice.get("/v1/files/some-file")
    await alice.post("/v1/tokens", {"expires": "never"})
    await alice.post(CALL, {})
    await alice.without_token().get("/v1/me")
    await alice.get("/external/auth/dialogs/some-dialog")
    await alice.get("/external/auth/create/some-partner")

    assert dict(hub.numbers.refused) == {
        "NotFound": 1,
        "WrongMethod": 2,
        "InvalidInput": 4,
        "Unauthorized": 1,
        "DialogOver": 1,
    }


async def test_what_breaks_inside_is_counted_once(hub: Hub, alice: Person) -> None:
    hub.clock = lambda: 1 / 0  # whatever asks for the time fails

    assert (await alice.program.get("/v1/me")).status == 500
    assert (await alice.program.post(CALL, {})).status == 500

    assert dict(hub.numbers.refused) == {"Broken": 2}


async def stored(person: Person) -> str:
    """Store an auth that holds the canary, and return its id."""
    environments = (await person.get("/core/v1/services/shop/versions/1/environments")).json["elements"]
    wanted = {"name": "Mine", "serviceEnvironmentId": environments[0]["id"], "credentials": {"apiKey": KEY}}
    return (await person.post("/core/v1/authentications", wanted)).json["id"]


async def test_the_numbers_name_no_tenant(hub: Hub, alice: Person, shop: ThirdParty) -> None:
    auth = await stored(alice)
    await call(alice, "order_product", {"product_id": 1, "note": "canary-input"}, authId=auth)
    await alice.get("/core/v1/connectors/canary-name/versions/1.0/operations?canary=query")
    await alice.get("/canary-path")

    answer = await alice.without_token().get("/metrics", Authorization=f"Bearer {TOKEN}")

    for word in (alice.organization_id, auth, alice.token, KEY, "canary", "127.0.0.1", '"shop"', "order_product"):
        assert word not in answer.body.decode()


async def test_what_a_connector_writes_as_its_code_becomes_no_label() -> None:
    numbers = Numbers(max_connectors=2)

    for number in range(1000):
        numbers.count_call(f"shop-{number}", "error", f"#made-up-{number}", 1.0)

    assert dict(numbers.calls) == {("error", "other"): 1000}
    assert sorted(numbers.connectors) == [("other", "error"), ("shop-0", "error"), ("shop-1", "error")]
    assert numbers.connectors["other", "error"] == 998


async def test_a_hub_without_its_database_still_says_how_it_is(hub: Hub, alice: Person) -> None:
    hub.jobs.database = Database("sqlite:////no/such/folder/core.db")

    assert (await scrape(alice))["database_up{}"] == 0


async def test_a_prometheus_that_speaks_openmetrics_is_answered_in_it(alice: Person) -> None:
    wanted = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/openmetrics-text; version=1.0.0"}

    answer = await alice.send("GET", "/metrics", headers=wanted)

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


def test_whichever_of_several_processes_is_asked_answers_for_all(tmp_path: Path) -> None:
    with running(tmp_path / "hub", processes="2", metrics_token=TOKEN) as hub:
        request = Request(f"{hub.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        give_up_at = time.monotonic() + 30
        processes: set[str] = set()
        families: list[Any] = []

        while processes != {"api 1", "api 2"} and time.monotonic() < give_up_at:
            with urlopen(request, timeout=10) as answer:
                families = list(text_string_to_metric_families(answer.read().decode()))
            [running_calls] = [family for family in families if family.name == "jackfield_calls_running"]
            processes = {sample.labels["process"] for sample in running_calls.samples}

        assert processes == {"api 1", "api 2"}
        assert len({family.name for family in families}) == len(families)


def test_a_token_that_is_easy_to_guess_is_refused_at_the_start() -> None:
    with pytest.raises(SettingMistake, match="JACKFIELD_METRICS_TOKEN: must have 20 characters or more"):
        read_settings(metrics_token="secret")


class TestWithoutTheSetting:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"metrics_token": SecretStr("")})

    async def test_there_are_no_numbers_to_read(self, alice: Person) -> None:
        answers = [await alice.get(path, Authorization="Bearer ") for path in ("/metrics", "/nothing-here")]

        assert [(answer.status, answer.json["message"]) for answer in answers] == [
            (404, "There is nothing at this address")
        ] * 2
