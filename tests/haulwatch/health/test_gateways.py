"""Gateways as /readyz and /metrics show them: from the files that they write."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.operations.metrics import MetricsSnapshot, render
from api.ports import ReadinessResult, ReadinessState
from haulwatch.health.readiness import readiness_checks
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import gateway_status_path
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.api_parts import path_status
from ingest.gateways.status import GatewayFigures, GatewayStatus
from ingest.store.sqlite import SqliteStore

FIGURES = GatewayFigures(True, 9_998, 10_001, 500, 490, 10, {"wrong_code": 3})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})


def write(settings: Settings, name: str, figures: GatewayFigures, ago_ms: int = 0) -> None:
    path = gateway_status_path(settings, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(asdict(GatewayStatus(now_ms() - ago_ms, figures))))


async def check(settings: Settings) -> ReadinessResult:
    store = SqliteStore(settings.paths.data_dir / "readings.db")
    checks = readiness_checks(settings, path_status(settings), store, lambda: None, ())
    return await next(one for one in checks if one.name == "gateways").run()


async def test_without_gateways_nothing_is_wrong(settings: Settings) -> None:
    assert (await check(settings)).state is ReadinessState.OK
    assert path_status(settings).gateways() == {}


async def test_gateways_that_run_are_named_with_their_devices(settings: Settings) -> None:
    write(settings, "jt808", FIGURES)
    write(settings, "sparkplug", GatewayFigures(True, 2, 1, 0, 0, 0))
    found = await check(settings)
    assert (found.state, found.detail) == (ReadinessState.OK, "jt808: 9,998 devices, sparkplug: 2 devices")


async def test_one_that_died_and_one_without_a_broker_are_degraded(settings: Settings) -> None:
    write(settings, "jt808", FIGURES, ago_ms=60_000)
    write(settings, "scale", GatewayFigures(False, 0, 0, 0, 0, 0))
    gateway_status_path(settings, "torn").write_text("{")
    found = await check(settings)
    assert found.state is ReadinessState.DEGRADED
    assert "jt808 does not run; torn does not run; scale is not connected to the broker" in found.detail


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("port_closed", "scale-b9: its port is closed"),
        ("port_silent", "scale-b9: nothing comes from its port"),
        ("not_on_disk", "scale-b9: the disk takes no tickets"),
        ("of_a_newer_version", "scale-b9: of_a_newer_version"),
    ],
)
async def test_one_that_is_in_trouble_is_degraded_and_says_why(settings: Settings, trouble: str, words: str) -> None:
    write(settings, "scale-b9", replace(FIGURES, troubles=(trouble,)))
    found = await check(settings)
    assert found.state is ReadinessState.DEGRADED
    assert words in found.detail


async def test_status_of_an_older_gateway_has_no_troubles(settings: Settings) -> None:
    write(settings, "jt808", FIGURES)
    path = gateway_status_path(settings, "jt808")
    status = json.loads(path.read_text())
    del status["figures"]["troubles"]
    path.write_text(json.dumps(status))
    assert (await check(settings)).state is ReadinessState.OK


def test_metrics_have_the_figures_by_gateway_and_say_which_died() -> None:
    snapshot = MetricsSnapshot(
        "1",
        None,
        {},
        None,
        None,
        None,
        {},
        None,
        None,
        gateways={"jt808": replace(FIGURES, troubles=("port_closed",)), "scale": None},
    )
    families = text_string_to_metric_families(render(snapshot).decode())
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("haulwatch_gateway")
    }
    assert samples == {
        ("haulwatch_gateway_up", "jt808"): 1,
        ("haulwatch_gateway_up", "scale"): 0,
        ("haulwatch_gateway_broker_connected", "jt808"): 1,
        ("haulwatch_gateway_devices", "jt808"): 9_998,
        ("haulwatch_gateway_connections", "jt808"): 10_001,
        ("haulwatch_gateway_messages_total", "jt808", "received"): 500,
        ("haulwatch_gateway_messages_total", "jt808", "published"): 490,
        ("haulwatch_gateway_messages_total", "jt808", "not_published"): 10,
        ("haulwatch_gateway_refused_total", "jt808", "wrong_code"): 3,
        ("haulwatch_gateway_trouble", "jt808", "port_closed"): 1,
    }
    assert b"haulwatch_gateway" not in render(MetricsSnapshot("1", None, {}, None, None, None, {}, None, None))
