"""Map layers for other pages: tokens of `/geo`, and the origins that may read in a browser."""

import json
import re

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from grafana.render import all_boards
from haulwatch.settings.load import SettingsError, load_settings
from haulwatch.wiring.api_parts import api_options
from tests.api.conftest import client_of

GRAFANA = "http://grafana.city:3000"
LAYERS = ("/geo/sites.geojson", "/geo/corridors.geojson", "/geo/zones.geojson")
SAME = ("/api/v1/sites", "/api/v1/corridors", "/api/v1/zones")


async def test_layers_are_those_of_the_api(client: AsyncClient) -> None:
    for path, same in zip(LAYERS, SAME, strict=True):
        layer = await client.get(path)
        assert (layer.status_code, layer.headers["content-type"]) == (200, "application/geo+json")
        assert layer.content == (await client.get(same)).content
        assert layer.json()["features"]


async def test_a_read_token_guards_the_layers_too_unless_the_map_is_public(parts: ApiParts) -> None:
    closed = ApiOptions(version="1", token="the-write-token", read_token="the-read-token")
    async with client_of(parts, closed) as client:
        for path in LAYERS:
            assert (await client.get(path)).status_code == 401
            assert (await client.get(path, headers={"Authorization": "Bearer the-read-token"})).status_code == 200
    async with client_of(parts, ApiOptions(version="1", read_token="the-read-token", public_map=True)) as client:
        for path in LAYERS:
            assert (await client.get(path)).status_code == 200
        for path in (*SAME, "/api/v1/trucks", "/api/v1/positions", "/api/v1/devices"):
            assert (await client.get(path)).status_code == 401, path


@pytest.mark.parametrize(
    ("origin", "readable"),
    [
        (GRAFANA, True),
        ("http://grafana.city", False),
        ("https://grafana.city:3000", False),
        ("null", False),
        ("http://evil", False),
    ],
)
async def test_only_configured_origins_may_read(parts: ApiParts, origin: str, readable: bool) -> None:
    async with client_of(parts, ApiOptions(version="1", origins=(GRAFANA,))) as client:
        answer = await client.get(LAYERS[0], headers={"Origin": origin})
    assert answer.headers.get("access-control-allow-origin") == (origin if readable else None)
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_other_origins_may_read_and_not_write(parts: ApiParts) -> None:
    async with client_of(parts, ApiOptions(version="1", token="the-write-token", origins=(GRAFANA,))) as client:
        for method, status in (("GET", 200), ("POST", 400), ("DELETE", 400)):
            headers = {
                "Origin": GRAFANA,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization",
            }
            assert (await client.options("/api/v1/trucks", headers=headers)).status_code == status, method


async def test_without_the_setting_no_origin_may_read(client: AsyncClient) -> None:
    answer = await client.get(LAYERS[0], headers={"Origin": GRAFANA})
    assert "access-control-allow-origin" not in answer.headers


def test_both_come_from_the_settings() -> None:
    assert (api_options(load_settings({})).origins, api_options(load_settings({})).public_map) == ((), False)
    env = {"HAULWATCH_API_ORIGINS": f" {GRAFANA}  https://wall.city ", "HAULWATCH_API_PUBLIC_MAP": "on"}
    options = api_options(load_settings(env))
    assert (options.origins, options.public_map) == ((GRAFANA, "https://wall.city"), True)


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "grafana.city",
        "http://grafana.city/",
        "http://grafana.city:3000/d/x",
        "HTTP://GRAFANA.CITY",
        "http://a:b@c",
    ],
)
def test_a_malformed_origin_is_refused(origins: str) -> None:
    with pytest.raises(SettingsError, match="HAULWATCH_API_ORIGINS"):
        load_settings({"HAULWATCH_API_ORIGINS": origins})


async def test_the_token_of_the_map_opens_the_layers_and_nothing_else(parts: ApiParts) -> None:
    token = "the-token-of-the-map"
    closed = ApiOptions(version="1", token="the-write-token", read_token="the-read-token", map_token=token)
    async with client_of(parts, closed) as client:
        for path in LAYERS:
            assert (await client.get(f"{path}?token={token}")).status_code == 200
            for wrong in ("", "?token=", "?token=wrong", f"?token={token}x", "?token=t%C3%A4uschung"):
                assert (await client.get(f"{path}{wrong}")).status_code == 401, wrong
        for path in (*SAME, "/api/v1/trucks", "/api/v1/devices", "/metrics"):
            assert (await client.get(f"{path}?token={token}")).status_code == 401, path
            headers = {"Authorization": f"Bearer {token}"}
            assert (await client.get(path, headers=headers)).status_code == 401, path
    async with client_of(parts, ApiOptions(version="1", read_token="the-read-token")) as client:
        assert (await client.get(f"{LAYERS[0]}?token=")).status_code == 401, "no token is set: none opens"


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        ("short", "fewer than 16"),
        ("has a space in the middle", "A-Z"),
        ("the-write-token-for-all", "opens nothing else"),
    ],
)
def test_a_token_of_the_map_that_would_open_more_is_refused(token: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        load_settings({"HAULWATCH_API_TOKEN": "the-write-token-for-all", "HAULWATCH_API_MAP_TOKEN": token})


def test_boards_have_the_token_of_the_map_in_the_addresses_of_their_layers() -> None:
    with_token = json.dumps([board for _, board in all_boards("https://api.city", "the-token-of-the-map")])
    without = json.dumps([board for _, board in all_boards("https://api.city")])
    addresses = re.findall(r"https://api\.city/geo/[^\"]+", with_token)
    assert addresses
    assert {address.partition("?")[2] for address in addresses} == {"token=the-token-of-the-map"}
    assert "token=" not in without
