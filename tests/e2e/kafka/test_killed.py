"""Haulwatch with its raw log on a real Kafka, which is killed; so are the processes that write and read it."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_kill import READINGS, TRUCKS, write_part
from tests.installation import Installation
from tests.servers import HTTP
from tests.servers.kafka import KafkaServer, running_kafka
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S, until

PUBLISHED = READINGS * len(TRUCKS)
PARTITIONS = 12


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaServer]:
    with running_kafka(tmp_path / "kafka") as server:
        yield server


def readiness(haulwatch: Installation) -> tuple[str, str]:
    """State and detail of the check of Kafka."""
    answer = HTTP.get(f"http://127.0.0.1:{haulwatch.api_port}/readyz").json()
    [check] = [check for check in answer["checks"] if check["name"] == "kafka"]
    return check["state"], check["detail"]


@pytest.mark.real
@pytest.mark.long
def test_kafka_and_processes_killed_lose_nothing_and_store_nothing_twice(
    install: Callable[..., Installation],
    mosquitto: Mosquitto,
    own_kafka: KafkaServer,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    haulwatch = install(
        "kafka",
        HAULWATCH_DATABASE_URL=postgres_url,
        HAULWATCH_MQTT_URL=mosquitto.url,
        HAULWATCH_KAFKA_URL=own_kafka.url,
        HAULWATCH_KAFKA_PARTITIONS=str(PARTITIONS),
        HAULWATCH_KAFKA_REPLICAS="1",
        HAULWATCH_KAFKA_JUDGE="shared",
    )
    missing = haulwatch.run("doctor", "kafka")
    assert missing.returncode == 1
    assert "haulwatch kafka init" in " ".join(missing.stdout.split())
    assert haulwatch.json("kafka", "init") == {"topic": "haulwatch.raw", "created": True, "partitions": PARTITIONS}
    assert haulwatch.json("kafka", "init")["created"] is False
    assert haulwatch.run("city", "import", "jincheng").returncode == 0
    haulwatch.start_collector()
    haulwatch.start("record")
    haulwatch.start("judge")
    haulwatch.start_api()
    haulwatch.until(lambda: readiness(haulwatch)[0] == "ok", "Kafka is ready")

    stream = tmp_path / "stream.ndjson"
    # Of now: two trucks of a partition whose clocks were a year behind would not be believed by anybody.
    write_part(stream, 0, start_ms=int((time.time() - READINGS) * 1000))
    playing = haulwatch.start("simulate", "--from", str(stream), "--speed", "10", "--json")
    haulwatch.until(lambda: status(haulwatch)["messages"] > PUBLISHED // 5, "some of the stream is on Kafka")
    own_kafka.kill()
    for process in ("collect", "record", "judge"):
        haulwatch.kill(process)
        haulwatch.start(process)
    haulwatch.until(lambda: says_that_nothing_is_acknowledged(haulwatch), "/readyz says that Kafka is away")
    own_kafka.start()
    haulwatch.until_connected()
    assert playing.wait(PATIENCE_S) == 0, haulwatch.log("simulate").read_text()
    assert json.loads(haulwatch.log("simulate").read_text().splitlines()[-1])["published"] == PUBLISHED

    def all_stored() -> bool:
        total = haulwatch.json("ledger")["total"]
        return bool(total["stored"] + total["duplicate"] >= PUBLISHED and total["queued"] == 0)

    haulwatch.until(all_stored, "every reading is stored")
    ledger = haulwatch.json("ledger")
    assert ledger["balanced"]
    assert ledger["total"]["quarantined"] == {}
    assert ledger["total"]["stored"] == PUBLISHED
    assert {line["stored"] for line in ledger["devices"]} == {READINGS}
    haulwatch.until(lambda: readiness(haulwatch)[0] == "ok", "Kafka is ready again")
    assert haulwatch.json("doctor", "kafka")["ok"]

    # What was judged is handed on; the alerts of it follow, once the fleet stage of the killed judge has another owner.
    replays: list[str] = []

    def is_what_a_replay_gives() -> bool:
        done = haulwatch.run("replay", "--json")
        replays.append(f"{done.stdout[-3000:]}\n{done.stderr[-1000:]}\n{haulwatch.log('judge').read_text()[-3000:]}")
        return done.returncode == 0

    until(is_what_a_replay_gives, lambda: f"the journal is what a replay gives: {replays[-1]}")
    haulwatch.stop("collect")
    haulwatch.until(lambda: status(haulwatch)["unread"] == {"recorder": 0, "judge": 0}, "all is read and committed")
    haulwatch.stop("record")
    haulwatch.stop("judge")
    assert haulwatch.json("replay")["identical"]
    refused = haulwatch.run("log", "verify")
    assert refused.returncode != 0
    assert "reads the segments of a raw log in the data directory" in refused.stderr


def says_that_nothing_is_acknowledged(haulwatch: Installation) -> bool:
    state, detail = readiness(haulwatch)
    return state == "failed" and "nothing is acknowledged" in detail  # first, a check may have had no time to answer


def status(haulwatch: Installation) -> Any:
    """What `kafka status` answers; on a loaded machine it may have to be asked again."""
    answers: list[str] = []

    def answered() -> bool:
        asked = haulwatch.run("kafka", "status", "--json")
        answers.append(asked.stdout)
        return asked.returncode == 0

    haulwatch.until(answered, "kafka status answers")
    return json.loads(answers[-1])
