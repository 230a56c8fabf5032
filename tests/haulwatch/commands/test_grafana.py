"""`haulwatch grafana` against the documented HTTP API of Grafana."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haulwatch.cli import command_line
from tests.grafana.http_api import State, grafana_http_api


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> State:
    for name, value in {
        "HAULWATCH_GRAFANA_TOKEN": "glsa_test",
        "HAULWATCH_INFLUX_URL": "http://influxdb:8086",
        "HAULWATCH_INFLUX_TOKEN": "writes-too",
        "HAULWATCH_INFLUX_ORG": "haulwatch",
        "HAULWATCH_INFLUX_BUCKET": "readings",
        "HAULWATCH_GRAFANA_INFLUX_TOKEN": "reads-only",
        "HAULWATCH_GRAFANA_API_URL": "https://haulwatch.example",
    }.items():
        monkeypatch.setenv(name, value)
    return State()


def test_sync_twice_then_diff(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner()
    with grafana_http_api(state) as url:
        monkeypatch.setenv("HAULWATCH_GRAFANA_URL", url)
        before = run.invoke(command_line(["grafana"]), ["grafana", "diff", "--json"])
        assert before.exit_code == 1
        assert {found["state"] for found in json.loads(before.stdout)} == {"missing"}
        assert state.writes == []
        assert run.invoke(command_line(["grafana"]), ["grafana", "sync"]).exit_code == 0
        written = len(state.writes)
        again = run.invoke(command_line(["grafana"]), ["grafana", "sync", "--json"])
        assert {found["state"] for found in json.loads(again.stdout)} == {"same"}
        assert len(state.writes) == written
        assert run.invoke(command_line(["grafana"]), ["grafana", "diff"]).exit_code == 0
    assert state.sources["haulwatch"]["jsonData"]["dbName"] == "readings"
    assert "reads-only" in state.sources["haulwatch"]["secureJsonData"]["httpHeaderValue1"]


def test_an_object_that_is_not_ours_ends_with_a_hint(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    with grafana_http_api(state) as url:
        monkeypatch.setenv("HAULWATCH_GRAFANA_URL", url)
        CliRunner().invoke(command_line(["grafana"]), ["grafana", "sync"])
        state.boards["haulwatch-trucks"]["dashboard"]["tags"] = []
        done = CliRunner().invoke(command_line(["grafana"]), ["grafana", "sync", "--json"])
    assert done.exit_code == 1
    (foreign,) = [found for found in json.loads(done.stdout) if found["state"] == "foreign"]
    assert (foreign["uid"], "rename it" in foreign["hint"]) == ("haulwatch-trucks", True)


def test_without_a_grafana_the_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(command_line(["grafana"]), ["grafana", "diff"])
    assert done.exit_code == 2
    assert "HAULWATCH_GRAFANA_URL" in done.stderr


def test_boards_are_written_for_a_grafana_that_reads_files(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = CliRunner().invoke(command_line(["grafana"]), ["grafana", "render", "--to", str(tmp_path / "boards")])
    assert done.exit_code == 0
    trucks = json.loads((tmp_path / "boards" / "zh" / "trucks.json").read_text(encoding="utf-8"))
    assert "https://haulwatch.example" in json.dumps(trucks)
    assert len(list((tmp_path / "boards").rglob("*.json"))) == 16
