"""Log lines for machines and for people."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from haulwatch import logs


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
    logs.configure("INFO", "json", stream)
    try:
        raise ValueError("二号秤")
    except ValueError:
        logging.getLogger("ingest.recorder").exception(
            "cannot %s", "write", extra={"device_id": "wb-2", "alert_id": "a1"}
        )
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert {name: line[name] for name in ("level", "logger", "message", "device_id", "alert_id")} == {
        "level": "ERROR", "logger": "ingest.recorder", "message": "cannot write", "device_id": "wb-2", "alert_id": "a1",
    }  # fmt: skip
    assert line["ts"].endswith("Z")
    assert "ValueError: 二号秤" in line["error"]


def test_text_is_one_readable_line() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "text", stream)
    logging.getLogger("ingest.collector").info("connected", extra={"device_id": "truck-07"})
    assert stream.getvalue().endswith("Z INFO ingest.collector connected device_id=truck-07\n")


def test_third_parties_speak_only_of_trouble() -> None:
    stream = io.StringIO()
    logs.configure("DEBUG", "text", stream)
    logging.getLogger("httpx").info("GET /query")
    logging.getLogger("httpx").warning("odd")
    logging.getLogger("rules").debug("ours")
    said = stream.getvalue()
    assert "GET /query" not in said
    assert "odd" in said
    assert "ours" in said
