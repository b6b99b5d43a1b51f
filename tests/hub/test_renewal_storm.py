"""Several processes share a database and an auth, and are killed while its token is renewed."""

from __future__ import annotations

from pathlib import Path

from bench.soak_renewals import Size, run_storm


def test_killing_processes_at_random_loses_no_sign_in_and_renews_once(tmp_path: Path) -> None:
    size = Size(processes=3, callers=10, rounds=2, provider_seconds=1.0, kills_a_round=2)

    storm = run_storm(tmp_path, size)

    assert storm.problems == [], (tmp_path / "workers.log").read_text()
    assert (storm.refreshes, storm.reuses) == (2, 0)
    assert storm.answers == 20, "one process of three lives on in each round"
