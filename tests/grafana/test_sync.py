"""`grafana sync` through the real grafana-client, against the documented HTTP API."""

from collections.abc import Iterator
from typing import Any

import pytest

from grafana.parts.wording import Language
from grafana.server import Grafana, GrafanaRefused, GrafanaUnavailable
from grafana.sync import PLAYLISTS, Finding, Source, boards_for, compare, sync
from grafana.sync import State as SyncState
from tests.grafana.http_api import State, grafana_http_api

SOURCE = Source("http://influxdb:8086", "haulwatch", "reads-only")
BOARDS = boards_for("http://127.0.0.1:8080")


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def url(state: State) -> Iterator[str]:
    with grafana_http_api(state) as url:
        yield url


@pytest.fixture
def grafana(state: State, url: str) -> Grafana:
    return Grafana(url, state.token)


def states(findings: Iterator[Finding]) -> dict[str, SyncState]:
    return {f"{found.kind} {found.uid}": found.state for found in findings}


def test_an_empty_grafana_gets_everything_and_a_second_run_changes_nothing(state: State, grafana: Grafana) -> None:
    assert set(states(sync(grafana, SOURCE, BOARDS)).values()) == {SyncState.MISSING}
    assert len(state.folders) == 2
    assert len(state.boards) == len(BOARDS) == 16
    assert len(state.playlists) == 2
    assert state.sources["haulwatch"]["secureJsonData"] == {"httpHeaderValue1": "Token reads-only"}
    before = len(state.writes)
    assert set(states(sync(grafana, SOURCE, BOARDS)).values()) == {SyncState.SAME}
    assert len(state.writes) == before


def test_comparing_writes_nothing(state: State, grafana: Grafana) -> None:
    assert set(states(compare(grafana, SOURCE, BOARDS)).values()) == {SyncState.MISSING}
    assert state.writes == []


def test_changes_made_in_the_browser_are_reported_and_undone(state: State, grafana: Grafana) -> None:
    list(sync(grafana, SOURCE, BOARDS))
    dashboard = state.boards["haulwatch-overview"]["dashboard"]
    dashboard["panels"] = [{**dashboard["panels"][0], "title": "My panel"}, *dashboard["panels"][1:]]
    dashboard["version"] += 1
    state.sources["haulwatch"]["url"] = "http://elsewhere:8086"
    state.playlists["haulwatch-wall-zh"]["interval"] = "5s"
    state.playlists["haulwatch-wall-zh"]["items"][1]["value"] = "somewhere"
    differing = {found.uid: found.paths for found in compare(grafana, SOURCE, BOARDS) if found.to_do}
    assert differing == {
        "haulwatch": ("url",),
        "haulwatch-overview": ("panels[0].title",),
        "haulwatch-wall-zh": ("interval", "items[1].value"),
    }
    list(sync(grafana, SOURCE, BOARDS))
    assert set(states(compare(grafana, SOURCE, BOARDS)).values()) == {SyncState.SAME}


def test_objects_of_others_are_not_changed(state: State, grafana: Grafana) -> None:
    list(sync(grafana, SOURCE, BOARDS))
    state.boards["haulwatch-trucks"]["dashboard"] |= {"tags": ["mine"], "title": "Mine"}
    state.boards["haulwatch-recycling"]["meta"]["provisioned"] = True
    state.boards["haulwatch-recycling"]["dashboard"]["title"] = "from a file"
    state.sources["haulwatch"] |= {"jsonData": {"dbName": "other"}}
    state.folders["haulwatch-en"]["title"] = "Renamed by the operator"
    before = len(state.writes)
    found = states(sync(grafana, SOURCE, BOARDS))
    assert found["board haulwatch-trucks"] is SyncState.FOREIGN
    assert found["board haulwatch-recycling"] is SyncState.PROVISIONED
    assert found["data source haulwatch"] is SyncState.FOREIGN
    assert found["folder haulwatch-en"] is SyncState.SAME
    assert len(state.writes) == before


def test_a_change_made_between_read_and_write_is_not_overwritten(state: State, grafana: Grafana) -> None:
    list(sync(grafana, SOURCE, BOARDS))
    language_and_board = next((language, board) for language, board in BOARDS if board["uid"] == "haulwatch-trucks")
    version = state.boards["haulwatch-trucks"]["dashboard"]["version"]
    state.boards["haulwatch-trucks"]["dashboard"]["version"] += 1
    with pytest.raises(GrafanaRefused, match="run the command again"):
        grafana.put_board(language_and_board[1], "haulwatch-en", version)


def test_a_read_only_data_source_of_somebody_else_can_be_kept(state: State, grafana: Grafana) -> None:
    list(sync(grafana, None, BOARDS))
    assert state.sources == {}


@pytest.mark.parametrize("playlist", PLAYLISTS, ids=lambda playlist: playlist["uid"])
def test_a_wall_shows_boards_of_its_language_and_begins_with_the_overview(playlist: dict[str, Any]) -> None:
    shown = [item["value"] for item in playlist["items"]]
    uids = [board["uid"] for language, board in BOARDS if (language is Language.ZH) == playlist["uid"].endswith("-zh")]
    assert set(shown) <= set(uids)
    assert shown[0] == uids[0]
    assert {item["type"] for item in playlist["items"]} == {"dashboard_by_uid"}


def test_map_layers_come_from_the_configured_api() -> None:
    boards = [board for _, board in boards_for("https://api.example/")]
    maps = [panel for board in boards for panel in board["panels"] if panel["type"] == "geomap"]
    sources = {
        layer["config"]["src"] for one in maps for layer in one["options"]["layers"] if layer["type"] == "geojson"
    }
    assert sources == {f"https://api.example/geo/{layer}.geojson" for layer in ("sites", "corridors", "zones")}


def test_refusals_give_a_hint(state: State, url: str) -> None:
    with pytest.raises(GrafanaRefused, match="HAULWATCH_GRAFANA_TOKEN"):
        Grafana(url, "wrong").folder("haulwatch-en")
    state.out_of_order = 499
    with pytest.raises(GrafanaRefused, match="out of order"):
        Grafana(url, state.token).folder("haulwatch-en")
    state.out_of_order = 503
    with pytest.raises(GrafanaUnavailable, match="out of order"):
        Grafana(url, state.token).folder("haulwatch-en")
    with pytest.raises(GrafanaUnavailable, match="no response"):
        Grafana("http://127.0.0.1:9", state.token).folder("haulwatch-en")
