"""Deposits over MQTT: in the database before they are acknowledged, whatever fails meanwhile, and never logged."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.codecs.topics import deposit_topic, device_of_deposit_topic
from devices.db.database import DatabaseUnavailable, open_database
from ingest.log.records import RawMessage
from ingest.mqtt.source import ReceivedBatch
from ingest.recyclables.intake import DepositIntake
from rules.recyclables import tables
from rules.recyclables.model import DepositFilter, Taken
from rules.recyclables.pseudonyms import BadPseudonymKey, PseudonymKey
from rules.recyclables.store import DepositStore
from rules.recyclables.tariff import NO_TARIFFS
from tests.rules.town import town

NOW = 1_772_352_000_000
CARD = "3501020304"


class Broker:
    """Delivers one batch until it is acknowledged."""

    def __init__(self, *messages: tuple[str, bytes]) -> None:
        found = tuple(RawMessage(topic, payload, NOW) for topic, payload in messages)
        self._batch = ReceivedBatch(found, tuple(range(1, len(found) + 1)), 1)
        self.acknowledged: list[ReceivedBatch] = []
        self.waits = 0

    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> ReceivedBatch:
        return ReceivedBatch((), (), 1) if self.acknowledged else self._batch

    def acknowledge(self, batch: ReceivedBatch) -> None:
        self.acknowledged.append(batch)

    def wait(self, seconds: float) -> None:
        self.waits += 1

    def close(self) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DepositStore]:
    engine = open_database(f"sqlite:///{tmp_path / 'db'}")
    tables.metadata.create_all(engine)
    key = PseudonymKey.new()
    yield DepositStore(engine, town, NO_TARIFFS, lambda: key)
    engine.dispose()


def deposit(number: str, **fields: object) -> bytes:
    said = {"number": number, "ts": NOW, "material": "paper", "weight_kg": 1.0, "card": CARD} | fields
    return json.dumps(said).encode()


def test_the_topic_names_the_point_and_is_none_of_readings() -> None:
    assert device_of_deposit_topic(deposit_topic("P01")) == "P01"
    for topic in ("haulwatch/v1/P01/fill", "haulwatch/v1/a/b/deposit/made", "P01/deposit/made", "", deposit_topic("#")):
        assert not device_of_deposit_topic(topic)


@pytest.mark.parametrize("said", ["\ud800", f"{CARD}\ud800", " ", "-"])
def test_a_card_that_names_nobody_stops_neither_the_message_nor_those_after_it(store: DepositStore, said: str) -> None:
    broker = Broker(
        (deposit_topic("P01"), b"[%s, %s]" % (deposit("1", card=said), deposit("2"))),
        (deposit_topic("P01"), deposit("3")),
    )
    DepositIntake(broker, store, lambda: NOW).step()
    assert len(broker.acknowledged) == 1
    assert [one.deposits for one in store.sums(DepositFilter(), ())] == [2]
    assert [one.deposits for one in store.accounts().items] == [2]
    assert [(field, hint) for _, _, field, hint, _ in store.refusals()] == [
        ("card", "give the card as text of 1 to 128 characters, or leave it out")
    ]


def test_all_of_a_batch_is_kept_or_noted_and_then_acknowledged(
    store: DepositStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = Broker(
        (deposit_topic("P01"), deposit("1")),
        (deposit_topic("P01"), deposit("2") + b"\0"),
        (deposit_topic("P01"), f'{{"card": "{CARD}'.encode()),
        (deposit_topic("P02"), deposit("1", weight_kg=-1)),
        ("haulwatch/v1/ /deposit/made", deposit("1")),
    )
    intake = DepositIntake(broker, store, lambda: NOW)
    intake.step()
    intake.step()
    assert len(broker.acknowledged) == 1
    assert store.sums(DepositFilter(), ())[0].deposits == 2
    assert sorted((one[0], one[2]) for one in store.refusals()) == [
        ("", "topic"),
        ("P01", "deposit"),
        ("P02", "weight_kg"),
    ]
    assert CARD not in caplog.text + str(store.refusals())
    assert "haulwatch deposits refused" in caplog.text


@pytest.mark.parametrize("trouble", [DatabaseUnavailable("away"), BadPseudonymKey("spoiled"), PermissionError("key")])
def test_what_cannot_be_kept_waits_and_nothing_is_taken_twice(
    store: DepositStore, trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker((deposit_topic("P01"), deposit("1")), (deposit_topic("P01"), deposit("2")))
    intake, taken, whole = DepositIntake(broker, store, lambda: NOW), list[Taken](), store.take

    def failing(*args: object, **kwargs: object) -> Taken:
        if len(taken) == 1 and broker.waits < 2:
            raise trouble
        taken.append(whole(*args, **kwargs))  # type: ignore[arg-type]
        return taken[-1]

    monkeypatch.setattr(store, "take", failing)
    for _ in range(2):
        intake.step()
        assert not broker.acknowledged
    intake.step()
    assert len(broker.acknowledged) == 1
    assert [one.taken for one in taken] == [1, 1]
