"""A client that does not return holds up no worker."""

from threading import Event
from types import SimpleNamespace
from typing import Any

import confluent_kafka
import pytest

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka import transactions
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.transactions import Keyed, Transactions


class Producer:
    """Waits in `send_offsets_to_transaction` until the test ends, as where the coordinator's broker was killed."""

    def __init__(self, _settings: object) -> None:
        self.called: list[str] = []
        self.ends = Event()

    def init_transactions(self, _limit_s: float) -> None: ...
    def begin_transaction(self) -> None: ...
    def produce(self, *_record: object, **_more: object) -> None: ...

    def send_offsets_to_transaction(self, *_asked: object) -> None:
        self.called.append("offsets")
        self.ends.wait()

    def abort_transaction(self, _limit_s: float) -> None:
        self.called.append("abort")


def test_a_client_that_does_not_return_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    library: Any = SimpleNamespace(**vars(confluent_kafka))
    library.Producer = Producer
    monkeypatch.setattr(transactions, "library", lambda: library)
    monkeypatch.setattr(transactions, "_GIVEN_UP_AFTER_S", 0.05)
    writer = Transactions(KafkaConnection("nowhere:1"), "judge.0")
    with pytest.raises(RawLogUnavailable, match="no answer to a transaction"):
        writer.write([Keyed("state", 0, "a", b"1")], ["offset"], None)
    producer = writer._producer
    assert producer.called == ["offsets"], "what hangs is asked nothing more"
    producer.ends.set()
