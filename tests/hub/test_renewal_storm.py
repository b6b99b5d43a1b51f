"""Several processes share a database and an auth, and are killed while its token is renewed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.soak_renewals import Size, run_storm
from examples.servers.oidc import IS_THERE, WHY_NOT

is_installed = pytest.mark.skipif(not IS_THERE, reason=WHY_NOT)


@pytest.mark.parametrize("provider", ["fake", pytest.param("real", marks=is_installed)])
def test_killing_processes_at_random_loses_no_sign_in_and_renews_once(tmp_path: Path, provider: str) -> None:
    size = Size(processes=3, callers=10, rounds=2, provider_seconds=1.0, kills_a_round=2)

    storm = run_storm(tmp_path, size, provider_name=provider)

    assert storm.problems == [], (tmp_path / "workers.log").read_text()
    assert (storm.refreshes, storm.reuses, storm.lost_grants) == (2, 0, 0)
    assert storm.answers == 20, "one process of three lives on in each round"
