"""TLS, logins and rights on a real Kafka: what each process needs and no more, and what each refusal says."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from haulwatch.settings.load import load_settings
from haulwatch.wiring.log import kafka_connection
from ingest.collector.shared_topic import PartitionTurn
from ingest.judge.workers.worker import Worker
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection, KafkaRefused
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import TopicRefused, check_judge_topics, create_topic, found_settings
from ingest.log.raw_log import RawLog
from ingest.migration.migration import Migration, Places
from ingest.migration.plan import LogKind
from ingest.migration.states import JudgeFile
from tests import ROOT
from tests.closing import closed_later
from tests.ingest.log.kafka.parts import fleet
from tests.integration.migration.file_state import RecorderFile
from tests.judge_workers.honest_day import honest_day
from tests.judge_workers.process import worker_of
from tests.judge_workers.shared_journal import SharedJournal
from tests.servers.kafka_secured import PASSWORDS, SecuredKafka, running_secured
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.real

PREFIX: Final = "city"
TOPIC: Final = f"{PREFIX}.raw"
RIGHTS: Final[Mapping[str, Sequence[tuple[str, str, Sequence[str]]]]] = {
    "admin": [
        ("TOPIC", f"{PREFIX}.{name}", ("CREATE", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"))
        for name in ("raw", "state", "verdicts", "fleet-state")
    ],
    "collector": [
        ("TOPIC", TOPIC, ("DESCRIBE", "WRITE")),
        ("GROUP", f"{PREFIX}.collector", ("DESCRIBE", "READ")),
    ],
    "recorder": [
        ("TOPIC", TOPIC, ("DESCRIBE", "READ", "WRITE")),
        ("GROUP", f"{PREFIX}.recorder", ("DESCRIBE", "READ")),
        ("GROUP", f"{PREFIX}.finder", ("DESCRIBE",)),
    ],
    "judge": [("TOPIC", TOPIC, ("DESCRIBE", "READ", "WRITE")), ("GROUP", f"{PREFIX}.judge", ("DESCRIBE", "READ"))],
    "shared": [
        ("TOPIC", TOPIC, ("DESCRIBE", "READ", "WRITE")),
        *(
            ("TOPIC", f"{PREFIX}.{name}", ("DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE"))
            for name in ("state", "verdicts", "fleet-state")
        ),
        ("GROUP", f"{PREFIX}.judge", ("DESCRIBE", "READ")),
        ("GROUP", f"{PREFIX}.fleet", ("DESCRIBE", "READ")),
        ("GROUP", f"{PREFIX}.state", ("DESCRIBE",)),
        ("TRANSACTIONAL_ID", f"{PREFIX}.judge.", ("DESCRIBE", "WRITE")),
        ("TRANSACTIONAL_ID", f"{PREFIX}.fleet.", ("DESCRIBE", "WRITE")),
    ],
    "api": [
        ("TOPIC", f"{PREFIX}.verdicts", ("DESCRIBE",)),
        ("GROUP", f"{PREFIX}.fleet", ("DESCRIBE",)),
        ("TOPIC", TOPIC, ("DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE")),
        ("GROUP", f"{PREFIX}.recorder", ("DESCRIBE",)),
        ("GROUP", f"{PREFIX}.judge", ("DESCRIBE",)),
        ("GROUP", f"{PREFIX}.reader", ("DESCRIBE",)),
    ],
    "migrator": [
        ("TOPIC", f"{PREFIX}2.raw", ("DESCRIBE", "READ", "WRITE", "ALTER_CONFIGS")),
        ("GROUP", f"{PREFIX}2.recorder", ("DESCRIBE", "READ")),
        ("GROUP", f"{PREFIX}2.judge", ("DESCRIBE", "READ")),
        ("GROUP", f"{PREFIX}2.migration", ("DESCRIBE",)),
    ],
}
"""What docs/kafka.md lists: recorder and judge write revisions of city and rules, the API redrives dead letters."""


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with running_secured(tmp_path_factory.mktemp("secured")) as found:
        for user, rights in RIGHTS.items():
            for kind, name, operations in rights:
                found.grant(user, kind, name, operations, prefixed=kind == "TRANSACTIONAL_ID")
        yield found


Connect = Callable[..., KafkaConnection]


@pytest.fixture
def connect(secured: SecuredKafka, tmp_path: Path) -> Connect:
    """A connection as the settings make it; the password comes from a file."""

    def connected(
        user: str, *, at: str = "", password: str = "", ca: Path | None = None, **more: str
    ) -> KafkaConnection:
        file = tmp_path / f"password-{user}-{len(list(tmp_path.iterdir()))}"
        file.write_text(password or PASSWORDS[user])
        settings = load_settings(
            {
                "HAULWATCH_KAFKA_URL": f"kafkas://{at or secured.secure}",
                "HAULWATCH_KAFKA_PREFIX": PREFIX,
                "HAULWATCH_KAFKA_PARTITIONS": "4",
                "HAULWATCH_KAFKA_USER": user,
                "HAULWATCH_KAFKA_PASSWORD_FILE": str(file),
                "HAULWATCH_KAFKA_CA_FILE": str(ca or secured.authority.file),
                **more,
            }
        )
        found = kafka_connection(settings)
        assert (password or PASSWORDS[user]) not in repr(settings) + repr(found)
        return replace(found, figures_s=PATIENCE_S)

    return connected


@pytest.fixture
def topic(connect: Connect) -> None:
    """The topic, created by who may only do that. Its messages are of 2023, and are kept."""
    create_topic(connect("admin"), keep_ms=0, replicas=1)


@pytest.mark.usefixtures("topic")
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_every_process_does_its_work_with_its_rights_alone(connect: Connect, mechanism: str) -> None:
    by = {"HAULWATCH_KAFKA_MECHANISM": mechanism}
    written = closed_later(KafkaLog(connect("collector", **by), "collector")).append(fleet(20))
    for reader in ("recorder", "judge"):
        log = closed_later(KafkaLog(connect(reader, **by), reader))
        read = 0
        while records := log.read(read, 50):
            read, records_place = records[-1].offset, records[-1].place
        assert read == written
        log.commit(reader, read)
        if reader == "recorder":
            assert log.find(records_place) is not None  # of a reading that the store rejects
        assert log.append(fleet(1)) > written  # a revision
        written += 1
    figures = KafkaFigures(connect("api", **by))
    assert closed_later(KafkaLog(connect("api", **by))).read(0, 5), "for the ledger"
    assert figures.committed().keys() == {"recorder", "judge"}
    assert sum(one.end for one in figures.partitions()) == written
    assert found_settings(connect("api", **by))["min.insync.replicas"] == "1"
    assert closed_later(KafkaLog(connect("api", **by))).append(fleet(1)) > written  # a redriven dead letter


@pytest.mark.usefixtures("topic")
def test_collectors_take_turns_with_their_rights_alone(connect: Connect) -> None:
    turn = closed_later(PartitionTurn(connect("collector")))
    until(turn.is_ours, "Kafka gives the turn")


@pytest.mark.usefixtures("topic")
def test_shared_judges_do_their_work_with_their_rights_alone(
    connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rights on each topic and group are used: state and verdicts are written, and restored by the next owner."""
    messages = list(honest_day())[:60]
    closed_later(KafkaLog(connect("collector"), "collector")).append(messages)
    journal = closed_later(SharedJournal(tmp_path / "journal.db"))
    end = KafkaFigures(connect("api")).last_offset()

    def judged(worker: Worker) -> bool:
        worker.step(0.05)
        return bool(worker.fleet.work) and sum(one.offset for one in worker.devices.work.values()) == end

    def state(worker: Worker) -> str:
        judged = {partition: one.offset for partition, one in worker.devices.work.items()}
        owned = f"{worker.devices.partitions} and {worker.fleet.partitions}"
        return f"owned {owned}, judged to {judged} of {end} records, verdicts {worker.fleet.work}; {caplog.text}"

    for _ in range(2):
        connection = connect("shared")
        check_judge_topics(connection)
        worker = worker_of(connection, journal)
        until(partial(judged, worker), partial(state, worker))
        worker.close()
    figures = KafkaFigures(connect("api"))
    assert sum(figures.read_to("judge").values()) == end
    assert figures.fleet().members == 0
    assert "cannot go on" not in caplog.text
    assert "not checked" not in caplog.text


def test_the_documentation_lists_each_right() -> None:
    rows = [line for line in (ROOT / "docs" / "kafka.md").read_text().splitlines() if line.startswith("| ")]
    of_process = {
        "admin": "`haulwatch kafka init`",
        "shared": "shared judges",
        "api": "API",
        "migrator": "`haulwatch log",
    }
    for user, rights in RIGHTS.items():
        [row] = [row for row in rows if row.startswith(f"| {of_process.get(user, user)}") and "Describe" in row]
        for kind, name, operations in rights:
            own = name.split(".", 1)[1]
            assert own == "raw" or user == "admin" or f".{own}" in row, (user, kind, name)
            words = {operation.title().replace("_", "") for operation in operations}
            assert all(word in row for word in words), (user, name, words)


def test_each_refusal_says_what_to_do(secured: SecuredKafka, connect: Connect) -> None:
    """All at once: the client tries for some seconds before it gives up."""
    cases = {
        "HAULWATCH_KAFKA_PASSWORD": connect("collector", password="wrong-0"),
        "HAULWATCH_KAFKA_MECHANISM": connect("collector", password="wrong-1", HAULWATCH_KAFKA_MECHANISM="PLAIN"),
        "has expired: renew": connect("collector", at=secured.expired),
        "HAULWATCH_KAFKA_CA_FILE": connect("collector", ca=secured.foreign.file),
        "has another name": connect("collector", at=secured.misnamed),
        "TLS fails": connect("collector", at=secured.server.servers),
    }

    def asked(connection: KafkaConnection) -> RawLogUnavailable:
        """Again, as a process does, if the client had not heard within its time why it cannot connect."""
        figures, deadline = KafkaFigures(replace(connection, figures_s=3)), time.monotonic() + PATIENCE_S
        while True:
            try:
                pytest.fail(f"{connection} gave {figures.last_offset()}")
            except RawLogUnavailable as exc:
                if isinstance(exc, KafkaRefused) or time.monotonic() > deadline:
                    return exc

    with ThreadPoolExecutor(len(cases)) as asking:
        answers = dict(zip(cases, asking.map(asked, cases.values()), strict=True))
    for expected, answer in answers.items():
        assert isinstance(answer, KafkaRefused), (expected, answer)
        assert expected in answer.hint
        assert answer.hint in str(answer)
        assert "wrong-" not in str(answer)


@pytest.mark.usefixtures("topic")
def test_a_missing_right_is_named(connect: Connect) -> None:
    writer = closed_later(KafkaLog(connect("admin")))
    for _ in range(2):
        with pytest.raises(KafkaRefused, match="grant it Write on the topic"):
            writer.append(fleet(1))
    recorder = closed_later(KafkaLog(connect("recorder"), "judge"))
    with pytest.raises(KafkaRefused, match="no right on the group"):
        until(lambda: bool(recorder.read(0, 10)), "Kafka answers")  # it gives nothing until then
    with pytest.raises(KafkaRefused, match="no right on the group"):
        recorder.commit("judge", 0)
    with pytest.raises(TopicRefused, match="no right on the topic"):
        create_topic(connect("collector", HAULWATCH_KAFKA_PREFIX="another"), keep_ms=0, replicas=1)


def test_a_migration_does_its_work_with_its_rights_alone(
    secured: SecuredKafka, connect: Connect, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    everything = secured.server.connection(4, prefix=f"{PREFIX}2")
    create_topic(everything, keep_ms=0, replicas=1)
    with closing(RawLog(folder / "raw")) as log:
        log.append(fleet(30))
    places = Places(
        data_dir=folder,
        raw_folder=folder / "raw",
        connection=connect("migrator", HAULWATCH_KAFKA_PREFIX=f"{PREFIX}2"),
        states=(RecorderFile(folder / "recorder.db"), JudgeFile(folder / "judge.db")),
        open_disk_log=RawLog,
        keep_ms=0,
        replicas=1,
        now=lambda: 0,
    )
    assert Migration(places, LogKind.KAFKA).run().records == 30
    assert Migration(places, LogKind.DISK).run().records == 30
