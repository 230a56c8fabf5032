"""`haulwatch log`: size, verification and export of a complete log and of a damaged one."""

import base64
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haulwatch.cli import command_line
from ingest.log.raw_log import RawLog
from ingest.log.records import RawMessage

BYTES = b"\xff\x00"
MESSAGES = [RawMessage(f"haulwatch/v1/t-{n % 2}/position", b'{"ts":%d}' % n, 1_700_000_000_000 + n) for n in range(9)]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HAULWATCH_DATA_DIR", str(tmp_path))
    log = RawLog(tmp_path / "raw")
    log.append([*MESSAGES, RawMessage("haulwatch/v1/t-1/fill", BYTES, 1_700_000_000_100)])
    log.commit("judge", 4)
    log.close()
    return tmp_path


def spoil(data_dir: Path, offset: int) -> None:
    (segment,) = (data_dir / "raw").glob("*.segment")
    db = sqlite3.connect(segment)
    db.execute("UPDATE message SET payload = 'forged' WHERE offset = ?", (offset,))
    db.commit()
    db.close()


def test_stat_counts_messages_and_what_is_unread(data_dir: Path) -> None:
    report = json.loads(CliRunner().invoke(command_line(), ["log", "stat", "--json"]).stdout)
    assert (report["first_offset"], report["last_offset"], report["segments"]) == (1, 10, 1)
    assert (report["oldest_received_at"], report["newest_received_at"]) == (1_700_000_000_000, 1_700_000_000_100)
    assert (report["unread"], report["removed_unread"]) == ({"judge": 6}, {})


def test_stat_shows_what_the_disk_guard_removed_unread(data_dir: Path) -> None:
    log = RawLog(data_dir / "raw", segment_bytes=1)
    log.append(MESSAGES)
    assert log.remove_oldest(["judge"], 1_700_000_000_000)
    log.close()
    report = json.loads(CliRunner().invoke(command_line(), ["log", "stat", "--json"]).stdout)
    assert report["removed_unread"] == {"judge": 6}
    shown = CliRunner().invoke(command_line(), ["log", "stat"]).stdout
    assert "removed before judge read it" in shown


def test_verify_tells_a_whole_log_from_a_forged_one(data_dir: Path) -> None:
    whole = CliRunner().invoke(command_line(), ["log", "verify", "--json"])
    assert (whole.exit_code, json.loads(whole.stdout)["sound"]) == (0, 10)
    spoil(data_dir, 4)
    forged = CliRunner().invoke(command_line(), ["log", "verify", "--json"])
    report = json.loads(forged.stdout)
    assert forged.exit_code == 1
    assert (report["sound"], len(report["damaged"]), report["missing"]) == (9, 1, 0)
    assert "offset 4" in report["damaged"][0]


def test_export_contains_every_byte(data_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.ndjson"
    done = CliRunner().invoke(command_line(), ["log", "export", "--to", str(target)])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line["offset"] for line in lines] == list(range(1, 11))
    assert [line["payload"].encode() for line in lines[:9]] == [message.payload for message in MESSAGES]
    assert base64.b64decode(lines[9]["payload_base64"]) == BYTES
    again = CliRunner().invoke(command_line(), ["log", "export", "--to", str(target)])
    assert again.exit_code == 2


def test_export_of_one_device_and_a_stretch(data_dir: Path) -> None:
    done = CliRunner().invoke(command_line(), ["log", "export", "--topic", "/t-1/", "--first", "3", "--last", "8"])
    assert [json.loads(line)["offset"] for line in done.stdout.splitlines()] == [4, 6, 8]


def test_export_names_the_dialect_of_messages_that_are_not_native(data_dir: Path) -> None:
    log = RawLog(data_dir / "raw")
    log.append([RawMessage("gateway/7", b"\x01", 1_700_000_000_200, dialect="gateway")])
    log.close()
    lines = [json.loads(line) for line in CliRunner().invoke(command_line(), ["log", "export"]).stdout.splitlines()]
    assert lines[-1]["dialect"] == "gateway"
    assert all("dialect" not in line for line in lines[:-1])
