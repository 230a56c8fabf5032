"""A client that does not return holds up no worker."""

from threading import Event
from types import SimpleNamespace
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, KafkaException

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka import transactions
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.transactions import Keyed, Transactions


class Producer:
    """Waits until the test ends, as where the coordinator's broker was killed."""

    refuses = False
    """Offsets are refused, and it waits in `abort_transaction`; else in `send_offsets_to_transaction`."""

    def __init__(self, _settings: object) -> None:
        self.called: list[str] = []
        self.ends = Event()

    def init_transactions(self, _limit_s: float) -> None: ...
    def begin_transaction(self) -> None: ...
    def produce(self, *_record: object, **_more: object) -> None: ...

    def send_offsets_to_transaction(self, *_asked: object) -> None:
        self.called.append("offsets")
        if self.refuses:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        self.ends.wait()

    def abort_transaction(self, _limit_s: float) -> None:
        self.called.append("abort")
        self.ends.wait()


class Refusing(Producer):
    refuses = True


@pytest.mark.parametrize(
    ("client", "called", "says"),
    [(Producer, ["offsets"], "no answer to a transaction"), (Refusing, ["offsets", "abort"], "_TIMED_OUT")],
    ids=["in the transaction", "while it is undone"],
)
def test_a_client_that_does_not_return_is_given_up(
    client: type[Producer], called: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library: Any = SimpleNamespace(**vars(confluent_kafka))
    library.Producer = client
    monkeypatch.setattr(transactions, "library", lambda: library)
    monkeypatch.setattr(transactions, "_GIVEN_UP_AFTER_S", 0.05)
    writer = Transactions(KafkaConnection("nowhere:1"), "judge.0")
    with pytest.raises(RawLogUnavailable, match=says):
        writer.write([Keyed("state", 0, "a", b"1")], ["offset"], None)
    producer = writer._producer
    assert producer.called == called, "what hangs is asked nothing more"
    producer.ends.set()
