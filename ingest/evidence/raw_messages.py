"""Messages of the raw log as lines of JSON, each chained to the one before.

    {"offset", "received_at", "topic", "dialect", "retained", "waited", "payload" (base64), "sha256", "chain"}
    {"offset", "received_at", "revision": "judging/city-7.json", "topic", "logged_sha256", "chain"}
    {"offset", "received_at", "passed": true, "chain"}

Of a raw log on Kafka the first two also have "partition" and "partition_offset", as Kafka names the record; "offset"
counts in the order in which it was read.

The second form is a revision of city or rules, whose content is a file of its own; `logged_sha256` is that of the
record in the log, which holds the whole city. The third stands for records of devices that the pack does not hold: it
says only that time went on.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.codecs.registry import codec_of
from ingest.evidence.errors import PackRefused
from ingest.log.records import REVISION_TOPICS, TICK_TOPIC, LogRecord, RawMessage, parts_of_place, place_in

MESSAGES_FILE: Final = "raw/messages.jsonl"
START: Final = sha256(b"haulwatch evidence chain 1").digest()
"""What the first message is chained to."""
MAX_MESSAGES: Final = 100_000
"""Of one pack: a truck that reports each second has 86,400 a day."""
_PASSED: Final = b"0"
"""Payload of the tick that stands for records left out: no silence."""


class RevisionFile(NamedTuple):
    """Where the pack holds a revision."""

    name: str
    logged_sha256: str
    """Of the record's payload in the raw log, hex; empty: the log has no such record."""


class Chained(NamedTuple):
    """Messages as a file, and both ends of their chain, as hex digits."""

    content: bytes
    head: str


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    offset: int
    received_at: int
    topic: str = TICK_TOPIC
    dialect: str = ""
    retained: bool = False
    waited: bool = False
    payload: str = ""
    revision: str = ""
    logged_sha256: str = ""
    passed: bool = False
    sha256: str = ""
    partition: int | None = Field(None, ge=0, lt=1_024)
    partition_offset: int | None = Field(None, ge=0)
    chain: str

    @property
    def place(self) -> int:
        if self.partition is None or self.partition_offset is None:
            return 0
        return place_in(self.partition, self.partition_offset + 1)


def passed(offset: int, received_at: int) -> LogRecord:
    """Stands for a record that is left out."""
    return LogRecord(offset, RawMessage(TICK_TOPIC, _PASSED, received_at))


def is_passed(record: LogRecord) -> bool:
    return record.message.topic == TICK_TOPIC and record.message.payload == _PASSED


def as_lines(records: Sequence[LogRecord], revisions: Mapping[int, RevisionFile]) -> Chained:
    """The file of messages. `revisions`: by offset."""
    before, lines = START, []
    for record in records:
        line = _line_of(record, revisions)
        before = _chained(before, line, record.message.payload if "payload" in line else b"")
        lines.append(json.dumps({**line, "chain": before.hex()}, ensure_ascii=False) + "\n")
    return Chained("".join(lines).encode(), before.hex())


def read_lines(content: bytes, revisions: Mapping[str, bytes]) -> tuple[list[LogRecord], str]:
    """The messages and the head of their chain. `revisions`: by file, what the revision's record holds.

    Raises PackRefused: a line cannot be read, or is not the one that was chained.
    """
    before, records = START, list[LogRecord]()
    for number, text in enumerate(content.split(b"\n")[:-1], start=1):
        where = f"{MESSAGES_FILE} line {number}"
        if number > MAX_MESSAGES:
            raise PackRefused(where, f"more than {MAX_MESSAGES:,} messages")
        try:
            line = _Line.model_validate_json(text)
            payload = b64decode(line.payload, validate=True)
        except (ValidationError, ValueError) as exc:
            raise PackRefused(where, "is no message of the raw log") from exc
        fields: dict[str, Any] = {"offset": line.offset, "received_at": line.received_at, **_place_fields(line.place)}
        if line.revision:
            fields |= {"revision": line.revision, "topic": line.topic, "logged_sha256": line.logged_sha256}
            if line.revision not in revisions or line.topic not in REVISION_TOPICS:
                raise PackRefused(where, f"names {line.revision}, which is not among the files")
            message = RawMessage(line.topic, revisions[line.revision], line.received_at)
        elif line.passed:
            fields |= {"passed": True}
            message = RawMessage(TICK_TOPIC, _PASSED, line.received_at)
        else:
            message = RawMessage(line.topic, payload, line.received_at, line.dialect, line.retained, line.waited)
            fields = _line_of(LogRecord(line.offset, message, line.place), {})
        before = _chained(before, fields, payload)
        if before.hex() != line.chain or (payload and sha256(payload).hexdigest() != line.sha256):
            raise PackRefused(where, f"is not the message with offset {line.offset} that was chained")
        if records and line.offset <= records[-1].offset:
            raise PackRefused(where, f"offset {line.offset} does not come after {records[-1].offset}")
        records.append(LogRecord(line.offset, message, line.place))
    return records, before.hex()


def devices_of(records: Sequence[LogRecord]) -> Iterator[str]:
    """Ids of the devices whose messages are among the records, each once."""
    own = (codec_of(record.message.dialect).device_of(record.message.topic) for record in records)
    yield from dict.fromkeys(device_id for device_id in own if device_id)


def _line_of(record: LogRecord, revisions: Mapping[int, RevisionFile]) -> dict[str, Any]:
    message = record.message
    line: dict[str, Any] = {
        "offset": record.offset, "received_at": message.received_at, **_place_fields(record.place),
    }  # fmt: skip
    if message.topic in REVISION_TOPICS:
        held = revisions[record.offset]
        return line | {"revision": held.name, "topic": message.topic, "logged_sha256": held.logged_sha256}
    if is_passed(record):
        return line | {"passed": True}
    return line | {
        "topic": message.topic,
        "dialect": message.dialect,
        "retained": message.retained,
        "waited": message.waited,
        "payload": b64encode(message.payload).decode(),
        "sha256": sha256(message.payload).hexdigest(),
    }


def _place_fields(place: int) -> dict[str, int]:
    if not place:
        return {}
    partition, offset = parts_of_place(place)
    return {"partition": partition, "partition_offset": offset - 1}


def _chained(before: bytes, line: Mapping[str, Any], payload: bytes) -> bytes:
    """SHA-256 of the hash before, of the line without payload and chain, and of the payload."""
    head = {name: value for name, value in line.items() if name != "payload"}
    return sha256(before + json.dumps(head, ensure_ascii=False, sort_keys=True).encode() + b"\n" + payload).digest()
