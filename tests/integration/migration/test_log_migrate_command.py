"""`haulwatch log migrate`: moves the log while nothing runs, and processes start on the log where it is."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haulwatch import migrations
from haulwatch.cli import command_line
from haulwatch.process.lifetime import role
from haulwatch.process.process_lock import acquire
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.topic import create_topic
from ingest.log.raw_log import RawLog
from ingest.migration.home import LogElsewhere
from tests.ingest.log.kafka.parts import of_device
from tests.ingest.recorder.parts import NOW
from tests.servers.kafka import KafkaServer
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.real

PARTITIONS = 5


@pytest.fixture
def connection(kafka_server: KafkaServer) -> KafkaConnection:
    found = kafka_server.connection(PARTITIONS)
    create_topic(found, keep_ms=0, replicas=1)
    return found


@pytest.fixture
def data_dir(
    tmp_path: Path, connection: KafkaConnection, postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> Path:
    url = postgres_server.new_database()
    migrations.upgrade(url)
    monkeypatch.setenv("HAULWATCH_DATABASE_URL", url)
    monkeypatch.setenv("HAULWATCH_DATA_DIR", str(tmp_path))
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append([of_device("truck-1", n, received_at=NOW + n) for n in range(12)])
    monkeypatch.setenv("HAULWATCH_KAFKA_URL", f"kafka://{connection.servers}")
    monkeypatch.setenv("HAULWATCH_KAFKA_PREFIX", connection.prefix)
    monkeypatch.setenv("HAULWATCH_KAFKA_PARTITIONS", str(PARTITIONS))
    monkeypatch.setenv("HAULWATCH_KAFKA_REPLICAS", "1")
    monkeypatch.setenv("HAULWATCH_RAW_LOG_KEEP_DAYS", "0")
    return tmp_path


def test_the_command_moves_the_log_and_processes_follow_it(
    data_dir: Path, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*arguments: str) -> dict[str, object]:
        done = CliRunner().invoke(command_line(["log"]), ["log", "migrate", *arguments, "--json"])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    with acquire(data_dir, "recorder"):
        refused = CliRunner().invoke(command_line(["log"]), ["log", "migrate", "--to", "kafka"])
    assert refused.exit_code == 2
    assert "another recorder" in refused.stderr
    assert command("--to", "kafka", "--dry-run") | {"kept": 0} == {
        "to": "kafka", "dry_run": True, "records": 12, "damaged": 0, "kept": 0,
    }  # fmt: skip
    assert sum(KafkaFigures(connection).ends().values()) == 0
    moved = command("--to", "kafka")
    assert (moved["records"], Path(str(moved["kept"])).name) == (12, "raw-former-1")
    with role("recorder"):
        pass
    monkeypatch.delenv("HAULWATCH_KAFKA_URL")
    with pytest.raises(LogElsewhere, match="HAULWATCH_KAFKA_URL"), role("collector"):
        pass
    monkeypatch.setenv("HAULWATCH_KAFKA_URL", f"kafka://{connection.servers}")
    assert command("--to", "disk")["records"] == 12
    with pytest.raises(LogElsewhere, match="unset HAULWATCH_KAFKA_URL"), role("collector"):
        pass
    monkeypatch.delenv("HAULWATCH_KAFKA_URL")
    with role("collector"):
        pass
