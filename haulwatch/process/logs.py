"""Log lines on standard error: JSON lines for machines, plain lines for people."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

QUIET: Final = ("amqtt", "transitions", "httpx", "httpcore", "aiohttp", "influxdb_client", "alembic", "sqlalchemy",
                 "uvicorn", "mqtt", "paho", "asyncio")  # fmt: skip
"""Third parties that log every message, statement or request; only their warnings pass."""

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def configure(level: str, style: Literal["json", "text"], stream: TextIO | None = None, process: str = "") -> None:
    """Send every logger's records of `level` and above to `stream` (standard error). Call once, at start.

    `process` is the role of this process, for machines that gather the lines of all processes.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(process) if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logger = logging.getLogger(name)
        logger.setLevel(max(logging.WARNING, root.level))
        logger.handlers.clear()
        logger.propagate = True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ts (UTC, ISO 8601, ms), level, process, logger, message, the fields of `extra` (device_id
    or alert_id where a line concerns one), and error with the traceback.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": _instant(record),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in _extras(record) if name not in line)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """`2026-11-01T08:00:00.000Z INFO ingest.collector.collector connected device_id=truck-07`."""

    def format(self, record: logging.LogRecord) -> str:
        extras = "".join(f" {name}={value}" for name, value in _extras(record))
        line = f"{_instant(record)} {record.levelname} {record.name} {record.getMessage()}{extras}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extras(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    """The fields that the caller gave as `extra`: device_id, alert_id and the like."""
    return ((name, value) for name, value in vars(record).items() if name not in _STANDARD and value is not None)
