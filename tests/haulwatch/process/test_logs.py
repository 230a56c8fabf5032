"""Log lines for machines and for people."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.codecs.native import encode
from devices.db.database import open_database
from haulwatch.process import logs
from ingest.collector.collector import Fairness, run_collector
from ingest.collector.rate_limit import DeviceRateLimit
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import Judge
from ingest.log.records import RawMessage
from ingest.process.over_limit import OverLimit
from rules.alerts.journal import AlertJournal
from rules.alerts.tables import metadata
from rules.catalogue import build_rules
from tests.closing import closed_later
from tests.ingest.collector.parts import ScriptedSource
from tests.ingest.recorder.parts import NOW, Bench, position, topic_of


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    third_parties = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, its_level in third_parties.items():
        logging.getLogger(name).setLevel(its_level)


def test_json_carries_ids_and_the_error() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "json", stream, process="recorder")
    try:
        raise ValueError("二号秤")
    except ValueError:
        logging.getLogger("ingest.recorder.recorder").exception(
            "cannot %s", "write", extra={"device_id": "wb-2", "alert_id": "a1"}
        )
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert {name: line[name] for name in ("level", "process", "logger", "message", "device_id", "alert_id")} == {
        "level": "ERROR", "process": "recorder", "logger": "ingest.recorder.recorder", "message": "cannot write",
        "device_id": "wb-2", "alert_id": "a1",
    }  # fmt: skip
    assert line["ts"].endswith("Z")
    assert "ValueError: 二号秤" in line["error"]


async def test_ten_thousand_good_and_a_thousand_bad_messages_are_no_lines(tmp_path: Path) -> None:
    """Collector, recorder and judge at INFO: each bad message is in quarantine, not in the log."""
    stream = io.StringIO()
    logs.configure("INFO", "json", stream)
    good = [RawMessage(topic_of(position(n)), encode(position(n)), NOW) for n in range(10_000)]
    payloads = (b"{", b'{"ts":1}', b"\xff", b'{"ts":9999999999999,"lat":35.5,"lon":112.8}', b"[]")
    topics = ("truck-1/position", "stranger/position", "truck-1/nonsense", "truck-2/fill")
    bad = [RawMessage(f"haulwatch/v1/{topics[n % 4]}", payloads[n % 5], NOW) for n in range(1_000)]
    mixed = [message for n in range(1_000) for message in [*good[n * 10 : n * 10 + 10], bad[n]]]

    bench = Bench(tmp_path)
    source = ScriptedSource([mixed[n : n + 500] for n in range(0, len(mixed), 500)], threading.Event())
    rates = DeviceRateLimit(messages_per_s=10, burst=8_000)
    fairness = Fairness(over_limit=OverLimit(tmp_path / "limits.json", lambda: source.now_ms))
    run_collector(source, bench.log, source.stop, tmp_path / "status.json", lambda: source.now_ms, rates, fairness)
    ledger = await bench.drain()
    assert ledger.total.received == 11_000
    assert sum(ledger.total.quarantined.values()) > 1_000

    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    metadata.create_all(engine)
    judge = Judge(
        bench.log,
        AlertJournal(engine),
        closed_later(JudgeState(tmp_path / "judge.db")),
        build_rules(),
        lambda: bench.city,
    )
    while judge.step():
        pass
    engine.dispose()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert 1 <= len(lines) <= 5, lines
    assert lines[0]["device_id"] == "truck-1", "the flood, logged once a minute"


def test_text_is_one_readable_line() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "text", stream)
    logging.getLogger("ingest.collector.collector").info("connected", extra={"device_id": "truck-07"})
    assert stream.getvalue().endswith("Z INFO ingest.collector.collector connected device_id=truck-07\n")


def test_third_parties_speak_only_of_trouble() -> None:
    stream = io.StringIO()
    logs.configure("DEBUG", "text", stream)
    logging.getLogger("httpx").info("GET /query")
    logging.getLogger("httpx").warning("odd")
    logging.getLogger("rules").debug("ours")
    text = stream.getvalue()
    assert "GET /query" not in text
    assert "odd" in text
    assert "ours" in text
