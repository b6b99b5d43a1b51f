"""Settings: from the environment, with a default and a sentence each, and refused when they make no sense."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from jackfield.cli.profiles import API_TOKEN, API_URL
from jackfield_hub.serve import serve
from jackfield_hub.settings import SettingMistake, Settings, read_settings, unread_variables


def test_every_setting_has_a_sentence_and_a_default() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert not field.is_required(), name
        if name.endswith(("_seconds", "_bytes")):
            assert name.rpartition("_")[2].rstrip("s") in field.description.lower(), f"{name} does not say its unit"


def test_the_environment_is_read_with_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_CALL_SECONDS", "90")
    monkeypatch.setenv("JACKFIELD_DATA_DIR", "/srv/hub")
    monkeypatch.setenv("JACKFIELD_ALLOWED_NETWORKS", "10.1.0.0/16, ::1/128,")
    monkeypatch.setenv("JACKFIELD_API_TOKEN", "the command's, not ours")
    monkeypatch.setenv("PORT", "1")

    settings = read_settings()

    assert settings.call_seconds == 90
    assert settings.data_dir == Path("/srv/hub")
    assert settings.allowed_networks == (ip_network("10.1.0.0/16"), ip_network("::1/128"))
    assert settings.port == 8080


def test_what_is_given_by_name_wins_and_none_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_PORT", "1234")

    assert read_settings(port=4321).port == 4321
    assert read_settings(port=None).port == 1234


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CALL_SECONDS", "a minute"),
        ("CALL_SECONDS", "0"),
        ("CALL_SECONDS", "nan"),
        ("CALL_SECONDS", "inf"),
        ("PORT", "65536"),
        ("MAX_FILES", "-1"),
        ("ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("ALLOWED_NETWORKS", "everything"),
        ("DATABASE", "mysql://localhost/hub"),
        ("ORGANIZATION_NETWORKS", '{"a": ["10.0.0.1/8"]}'),
        ("ORGANIZATION_AUTHORITIES", '{"a": "/nowhere/authority.pem"}'),
        ("THIRD_PARTY_REQUESTS_PER_SECOND", "0"),
    ],
)
def test_a_value_without_sense_is_refused_and_its_variable_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"JACKFIELD_{name}", value)

    with pytest.raises(SettingMistake, match=f"JACKFIELD_{name}"):
        read_settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_no_value_of_any_variable_is_met_with_a_traceback(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for value in ("{bad", "[[[", '{"a": 1}', "nu\udcffll", "[" * 100_000):
        monkeypatch.setenv(f"JACKFIELD_{name.upper()}", value)

        with suppress(SettingMistake):
            read_settings()


@pytest.mark.parametrize("name", ["TRACES_HEADERS", "ORGANIZATION_NETWORKS", "ORGANIZATION_AUTHORITIES"])
@pytest.mark.parametrize("value", ["{hunter2", '["hunter2"]', '{"Authorization": ["hunter2"]}'])
def test_what_is_not_the_json_we_want_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"JACKFIELD_{name}", value)

    answer = CliRunner().invoke(serve, [])

    assert answer.exit_code == 1
    assert f"JACKFIELD_{name}: " in answer.output
    assert "hunter2" not in answer.output


def test_json_in_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_TRACES_HEADERS", '{"Authorization": "Bearer abc"}')
    monkeypatch.setenv("JACKFIELD_ORGANIZATION_NETWORKS", '{"a": ["10.7.0.0/16"]}')

    settings = read_settings()

    assert settings.traces_headers["Authorization"].get_secret_value() == "Bearer abc"
    assert settings.organization_networks == {"a": (ip_network("10.7.0.0/16"),)}


def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "TRACES_HEADERS", "MAX_FILES"):
        monkeypatch.setenv(f"JACKFIELD_{name}", "x")

    with pytest.raises(SettingMistake) as mistake:
        read_settings()

    for name in ("PORT", "TRACES_HEADERS", "MAX_FILES"):
        assert f"JACKFIELD_{name}: " in str(mistake.value)


def test_a_variable_that_nobody_reads_is_named_with_the_one_that_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JACKFIELD_CALLSECONDS", "jackfield_api_tokn", "JACKFIELD_ZZZ", API_URL, API_TOKEN, "JACKFIELD_PORT"):
        monkeypatch.setenv(name, "5")

    assert unread_variables() == [
        "JACKFIELD_CALLSECONDS is not a setting and was not read; is JACKFIELD_CALL_SECONDS meant?",
        "JACKFIELD_ZZZ is not a setting and was not read",
        "jackfield_api_tokn is not a setting and was not read; is JACKFIELD_API_TOKEN meant?",
    ]


def test_a_starting_hub_warns_of_variables_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_CALLSECONDS", "hunter2")
    monkeypatch.setenv("JACKFIELD_PORT", "which ends this start")

    answer = CliRunner().invoke(serve, [])

    assert "Warning: JACKFIELD_CALLSECONDS is not a setting and was not read; is JACKFIELD_CALL_" in answer.output
    assert "hunter2" not in answer.output


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_PORT", "")

    assert read_settings().port == 8080


def test_the_database_is_a_file_of_the_data_folder_unless_told_otherwise(tmp_path: Path) -> None:
    assert read_settings(data_dir=tmp_path).database_url == f"sqlite:///{tmp_path}/core.db"
    assert read_settings(database="sqlite:////srv/hub.db").database_url == "sqlite:////srv/hub.db"


def test_an_openid_provider_elsewhere_must_speak_tls() -> None:
    with pytest.raises(SettingMistake, match="https://"):
        read_settings(openid_issuer="http://accounts.example.com")
    assert read_settings(openid_issuer="http://127.0.0.1:9000").openid_issuer == "http://127.0.0.1:9000"


def test_another_process_is_told_every_setting_secrets_too() -> None:
    settings = read_settings(
        metrics_token="a-token-for-prometheus-only",
        traces_headers={"Authorization": "Bearer abc"},
        master_key="bm90IHJlYWxseQ==",
        allowed_networks="10.0.0.0/8",
    )

    assert Settings(**orjson.loads(orjson.dumps(settings.told()))) == settings
    assert "abc" not in repr(settings)
