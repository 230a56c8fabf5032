"""Health, readiness and metrics."""

from httpx import AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from api.operations.health import CHECK_TIMEOUT_S
from api.ports import ApiOptions, ApiParts, Check, ReadinessResult, ReadinessState
from ingest.ledger.report import DeviceLedgerLine
from ingest.mqtt.broker_statistics import BrokerCounters
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Phase, Severity
from tests.api.conftest import client_of
from tests.api.fakes import NOW, FakeLedger, change


async def good() -> ReadinessResult:
    return ReadinessResult(ReadinessState.OK, "answers")


async def bad() -> ReadinessResult:
    return ReadinessResult(ReadinessState.FAILED, "disk is full")


async def degraded() -> ReadinessResult:
    return ReadinessResult(ReadinessState.DEGRADED, "does not answer", since=NOW - 60_000)


async def broken() -> ReadinessResult:
    raise OSError("/srv/secret/file")


async def slow() -> ReadinessResult:
    raise TimeoutError


def with_checks(parts: ApiParts, *checks: Check) -> ApiParts:
    return ApiParts(**{**vars(parts), "checks": checks})


async def test_the_process_is_up(client: AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "up", "version": "1.2.3"})


async def test_ready_when_every_check_is_good(parts: ApiParts) -> None:
    checked = with_checks(parts, Check("store", good), Check("journal", good))
    async with client_of(checked, ApiOptions(version="1")) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert [check["name"] for check in answer.json()["checks"]] == ["store", "journal"]


async def test_a_degraded_part_is_reported_and_does_not_stop_traffic(parts: ApiParts) -> None:
    async with client_of(
        with_checks(parts, Check("store", degraded), Check("journal", good)), ApiOptions(version="1")
    ) as c:
        answer = await c.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"][0] == {
        "name": "store",
        "ok": False,
        "state": "degraded",
        "since": NOW - 60_000,
        "detail": "does not answer",
    }


async def test_each_check_reports_since_when_it_is_in_its_state(parts: ApiParts) -> None:
    """One request every 10 s; the disk is full from 20 s to 40 s."""
    second, states = 0, {20: ReadinessState.FAILED, 30: ReadinessState.FAILED}

    async def disk() -> ReadinessResult:
        return ReadinessResult(states.get(second, ReadinessState.OK), "")

    checked = ApiParts(**{**vars(parts), "checks": (Check("disk", disk),), "now": lambda: NOW + second * 1000})
    since = []
    async with client_of(checked, ApiOptions(version="1")) as client:
        for second in range(0, 60, 10):  # noqa: B007 - the clock of both lambdas
            answer = await client.get("/readyz")
            since.append((answer.status_code, (answer.json()["checks"][0]["since"] - NOW) // 1000))
    assert since == [(200, 0), (200, 0), (503, 20), (503, 20), (200, 40), (200, 40)]


async def test_one_bad_check_is_a_503_that_names_it_and_still_lists_the_others(parts: ApiParts) -> None:
    checks = (Check("store", good), Check("disk", bad), Check("journal", broken), Check("log", slow))
    async with client_of(with_checks(parts, *checks), ApiOptions(version="1")) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    problem = answer.json()
    assert problem["detail"] == "Not ready: disk, journal, log."
    assert [(check["name"], check["ok"]) for check in problem["checks"]] == [
        ("store", True),
        ("disk", False),
        ("journal", False),
        ("log", False),
    ]
    assert problem["checks"][1]["detail"] == "disk is full"
    assert problem["checks"][3]["detail"] == f"did not respond within {CHECK_TIMEOUT_S:.0f} s"
    assert "secret" not in answer.text


async def test_metrics_come_from_ledger_lag_and_journal_without_a_label_per_device(
    client: AsyncClient, ledger: FakeLedger, journal: AlertJournal
) -> None:
    ledger.lines = [
        DeviceLedgerLine(
            device="truck-1", received=110, stored=100, duplicate=4, quarantined={"conflict": 5}, queued=1, gaps=7
        )
    ]
    journal.record(
        [
            change(0),
            change(1, subject="truck-2"),
            change(2, severity=Severity.P2),
            change(3, phase=Phase.CLOSED, closed=9),
        ],
        recorded_at=NOW,
    )
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "truck-" not in answer.text
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["haulwatch_build_info", (("version", "1.2.3"),)] == 1
    assert samples["haulwatch_readings_received", ()] == 110
    assert samples["haulwatch_readings", (("verdict", "stored"),)] == 100
    assert samples["haulwatch_readings", (("verdict", "quarantined"),)] == 5
    assert samples["haulwatch_quarantined_readings", (("reason", "conflict"),)] == 5
    assert samples["haulwatch_quarantined_readings", (("reason", "future_time"),)] == 0
    assert samples["haulwatch_sequence_gaps", ()] == 7
    assert samples["haulwatch_consumer_lag_messages", (("consumer", "judge"),)] == 3
    assert samples["haulwatch_consumer_lag_seconds", (("consumer", "recorder"),)] == 4.5
    assert ("haulwatch_consumer_lag_seconds", (("consumer", "judge"),)) not in samples, "its age is unknown"
    assert samples["haulwatch_collector_connected", ()] == 1
    assert samples["haulwatch_collector_disk_full", ()] == 0
    assert samples["haulwatch_collector_messages_total", ()] == 115
    assert samples["haulwatch_collector_reconnects_total", ()] == 2
    assert samples["haulwatch_store_write_seconds", (("which", "last"),)] == 0.008
    assert samples["haulwatch_store_write_seconds", (("which", "slowest"),)] == 0.25
    assert samples["haulwatch_recorder_waits", ()] == 0
    assert samples["haulwatch_recorder_outbox", ()] == 0
    assert samples["haulwatch_collector_flooded_total", ()] == 11
    assert samples["haulwatch_process_up", (("process", "recorder"),)] == 1
    assert samples["haulwatch_process_up", (("process", "judge"),)] == 0
    assert samples["haulwatch_raw_log_bytes", ()] == 700
    assert samples["haulwatch_disk_free_bytes", ()] == 5_000
    assert samples["haulwatch_removed_unread_total", (("consumer", "judge"),)] == 7
    assert samples["haulwatch_broker_watched", ()] == 1
    assert samples["haulwatch_broker_dropped_total", ()] == 3
    assert samples["haulwatch_broker_clients_connected", ()] == 40
    assert ("haulwatch_broker_heap_bytes", ()) not in samples, "the broker never published it"
    alerts = {key: value for key, value in samples.items() if key[0] == "haulwatch_open_alerts"}
    assert alerts == {
        ("haulwatch_open_alerts", (("rule", "illegal_dumping"), ("severity", "P1"))): 2,
        ("haulwatch_open_alerts", (("rule", "illegal_dumping"), ("severity", "P2"))): 1,
    }


async def test_a_broker_without_counters_has_no_metrics(parts: ApiParts) -> None:
    for broker in (None, BrokerCounters()):
        silent = ApiParts(**{**vars(parts), "broker": lambda broker=broker: broker})
        async with client_of(silent, ApiOptions(version="1")) as client:
            text = (await client.get("/metrics")).text
        assert "haulwatch_broker_dropped" not in text
        assert ("haulwatch_broker_watched 0.0" in text) == (broker is not None)
