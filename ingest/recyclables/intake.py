"""Takes the deposits that points publish into the database, and acknowledges them afterwards.

While the database is away nothing is acknowledged, and the broker keeps the messages. They never reach the raw log:
they name cards, of which only pseudonyms are kept (decision 119). No payload is logged, whatever is wrong with it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from devices.codecs.topics import device_of_deposit_topic
from devices.db.database import DatabaseError
from ingest.log.records import RawMessage
from ingest.mqtt.source import ReceivedBatch
from ingest.process.trouble_log import TroubleLog
from rules.recyclables.model import DepositsRefused, Taken
from rules.recyclables.pseudonyms import BadPseudonymKey
from rules.recyclables.reading import Read, read_message

BATCH: Final = 100
_LISTEN_S: Final = 0.25
_LINGER_S: Final = 0.02
_PAUSE_S: Final = 1.0
"""Between two attempts while the database is away, or the key cannot be read."""

_log = logging.getLogger(__name__)


class Source(Protocol):
    """`ingest.mqtt.source.MqttSource`."""

    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> ReceivedBatch: ...
    def acknowledge(self, batch: ReceivedBatch) -> None: ...
    def wait(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class Deposits(Protocol):
    """`rules.recyclables.store.DepositStore`. Raises DatabaseError, BadPseudonymKey, OSError."""

    def take(self, device_id: str, read: Sequence[Read], now: int, *, keep_refusals: bool = False) -> Taken: ...
    def note_refused(self, device_id: str, field: str, hint: str, now: int) -> None: ...


class DepositIntake:
    """One session at the broker. `run` owns it."""

    def __init__(self, source: Source, deposits: Deposits, now: Callable[[], int]) -> None:
        """`now`: wall clock, ms."""
        self._source, self._deposits, self._now = source, deposits, now
        self._batch: ReceivedBatch | None = None
        """Taken from the broker, and not acknowledged yet."""
        self._kept = 0
        """Messages of it that are in the database."""
        self._trouble = TroubleLog(_log, "deposits: ")

    async def run(self, stop: asyncio.Event) -> None:
        """Receive until `stop` is set."""
        try:
            while not stop.is_set():
                await asyncio.to_thread(self.step)
        finally:
            self._source.close()

    def step(self) -> None:
        """Wait for messages, take them and acknowledge them; those that the database did not take are tried again."""
        if self._batch is None:
            self._batch, self._kept = self._source.take(BATCH, _LISTEN_S, _LINGER_S), 0
        batch = self._batch
        try:
            for message in batch.messages[self._kept :]:
                self._keep(message)
                self._kept += 1
        except (DatabaseError, BadPseudonymKey, OSError) as exc:
            self._trouble.warn("away", f"cannot be kept, they wait at the broker: {exc}")
            self._source.wait(_PAUSE_S)
            return
        self._trouble.ended("away")
        if batch.packet_ids:
            self._source.acknowledge(batch)
        self._batch = None

    def _keep(self, message: RawMessage) -> None:
        device_id, now = device_of_deposit_topic(message.topic), self._now()
        if not device_id:
            self._deposits.note_refused("", "topic", "names no device: write its id as its third level", now)
            return
        try:
            read = read_message(message.payload)
        except DepositsRefused as exc:
            self._deposits.note_refused(device_id, "deposit", str(exc), now)
            return
        taken = self._deposits.take(device_id, read, now, keep_refusals=True)
        if taken.refused:
            self._trouble.warn(
                f"refused {device_id}",
                f"{device_id}: some are refused: `haulwatch deposits refused` says why",
            )
        if taken.ids_dropped:
            self._trouble.warn(
                "key",
                "cards and codes are dropped, as there is no key: make it with `haulwatch deposits key`",
            )
