"""The doctor and how people get in: the identity provider, and map layers that boards fetch without signing in."""

from pathlib import Path
from typing import Any

import pytest

from devices.sign_on.discovery import Discovery, Provider
from devices.sign_on.model import SignOnFailure, SignOnRefused
from haulwatch.health.check_result import CheckStatus
from haulwatch.health.people import Areas, check_map_layers, check_sign_on
from haulwatch.settings.data_files import NoData
from haulwatch.settings.load import Settings, load_settings
from tests.devices.sign_on.fake_provider import ISSUER, FakeProvider

AREAS = Areas({"zezhou"}, {"danhe"})


def settings_with(tmp_path: Path, mapping: str = "roles: [{group: a, role: viewer}]", **variables: str) -> Settings:
    file = tmp_path / "mapping.yaml"
    file.write_text(mapping)
    given = {
        "HAULWATCH_OIDC_ISSUER": ISSUER,
        "HAULWATCH_OIDC_CLIENT_ID": "haulwatch",
        "HAULWATCH_OIDC_CLIENT_SECRET": "secret",
        "HAULWATCH_OIDC_URL": "https://haulwatch.city.example",
        "HAULWATCH_OIDC_MAPPING": str(file),
        "HAULWATCH_API_HOSTS": "haulwatch.city.example",
    }
    return load_settings(given | variables)


def found_with(**changes: Any) -> Provider:
    provider = FakeProvider()
    provider.document |= changes
    return Discovery(ISSUER, provider).provider()


def test_without_a_provider_nothing_is_wrong() -> None:
    result = check_sign_on(load_settings({}), pytest.fail, lambda: AREAS)
    assert result.status is CheckStatus.OK


def test_a_provider_that_answers_is_well(tmp_path: Path) -> None:
    result = check_sign_on(settings_with(tmp_path), found_with, lambda: AREAS)
    assert (result.status, result.detail) == (CheckStatus.OK, f"{ISSUER} answers; people sign in there, and out")
    without_end = check_sign_on(settings_with(tmp_path), lambda: found_with(end_session_endpoint=None), lambda: AREAS)
    assert (without_end.status, "but not out" in without_end.detail) == (CheckStatus.OK, True)


def test_a_provider_that_is_away_or_a_file_that_is_wrong_is_a_failure(tmp_path: Path) -> None:
    def away() -> Provider:
        raise SignOnRefused(SignOnFailure.AWAY, "nobody answers")

    result = check_sign_on(settings_with(tmp_path), away, lambda: AREAS)
    assert (result.status, result.detail) == (CheckStatus.FAIL, "nobody answers")
    assert "accounts with a password still work" in result.hint
    wrong = check_sign_on(settings_with(tmp_path, "roles: []"), found_with, lambda: AREAS)
    assert (wrong.status, "roles" in wrong.detail) == (CheckStatus.FAIL, True)


@pytest.mark.parametrize(
    ("changes", "variables", "mapping", "doubt"),
    [
        ({}, {"HAULWATCH_API_HOSTS": "other"}, None, "does not answer to haulwatch.city.example"),
        ({"code_challenge_methods_supported": ["plain"]}, {}, None, "PKCE"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, {}, None, "private_key_jwt"),
        ({}, {"HAULWATCH_OIDC_CLIENT_SECRET": ""}, None, "client_secret_basic"),
        ({}, {}, "roles: [{group: a, role: viewer, districts: [zezhuo]}]", "district 'zezhuo'"),
        ({}, {}, "roles: [{group: a, role: viewer, hauliers: [danhe, x]}]", "haulier 'x'"),
    ],
)
def test_what_will_not_work_is_a_warning(
    tmp_path: Path, changes: dict[str, Any], variables: dict[str, str], mapping: str | None, doubt: str
) -> None:
    settings = settings_with(tmp_path, *([mapping] if mapping else []), **variables)
    result = check_sign_on(settings, lambda: found_with(**changes), lambda: AREAS)
    assert (result.status, doubt in result.detail) == (CheckStatus.WARN, True), result.detail
    assert result.hint


def test_a_city_that_is_not_there_is_for_other_checks(tmp_path: Path) -> None:
    def no_city() -> Areas:
        raise NoData("no such database")

    settings = settings_with(tmp_path, "roles: [{group: a, role: viewer, districts: [zezhuo]}]")
    assert check_sign_on(settings, found_with, no_city).status is CheckStatus.OK


GRAFANA = {"HAULWATCH_API_ORIGINS": "http://grafana.city:3000"}


@pytest.mark.parametrize(
    ("variables", "accounts", "status", "words"),
    [
        ({}, True, CheckStatus.OK, "no Grafana"),
        ({"HAULWATCH_GRAFANA_URL": "http://grafana.city:3000"}, True, CheckStatus.WARN, "HAULWATCH_API_ORIGINS"),
        (GRAFANA, True, CheckStatus.WARN, "are closed"),
        (GRAFANA, False, CheckStatus.WARN, "with the first account"),
        (GRAFANA | {"HAULWATCH_API_READ_TOKEN": "x" * 16}, False, CheckStatus.WARN, "are closed"),
        (GRAFANA | {"HAULWATCH_API_PUBLIC_MAP": "on"}, True, CheckStatus.OK, "everybody"),
        (GRAFANA | {"HAULWATCH_API_MAP_TOKEN": "x" * 16}, True, CheckStatus.OK, "HAULWATCH_API_MAP_TOKEN"),
    ],
)
def test_map_layers_that_boards_cannot_read_are_a_warning(
    variables: dict[str, str], accounts: bool, status: CheckStatus, words: str
) -> None:
    result = check_map_layers(load_settings(variables), lambda: accounts)
    assert (result.status, words in result.detail + result.hint) == (status, True), result
