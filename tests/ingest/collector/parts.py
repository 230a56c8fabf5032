"""A scripted source for tests of the collector."""

from collections.abc import Callable, Sequence
from threading import Event

from ingest.log.records import RawMessage
from ingest.mqtt.source import ReceivedBatch


class ScriptedSource:
    """Returns a script of batches, one for each `take`, while its clock goes on; stops the collector at the end."""

    protocol, reconnects, last_error, contested = "5.0", 0, None, False

    def __init__(self, script: Sequence[Sequence[RawMessage]], stop: Event, step_ms: int = 1000) -> None:
        self.script, self.stop, self.step_ms = [list(part) for part in script], stop, step_ms
        self.connected, self.now_ms, self.waits, self.closed = True, 0, 0, False
        self.acknowledged: list[RawMessage] = []
        self.on_wait: Callable[[], None] = lambda: None

    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> ReceivedBatch:
        self.now_ms += self.step_ms
        part = self.script.pop(0) if self.script else []
        if not self.script:
            self.stop.set()
        return ReceivedBatch(tuple(part), tuple(range(1, len(part) + 1)), 1)

    def acknowledge(self, batch: ReceivedBatch) -> None:
        self.acknowledged += batch.messages

    def wait(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)
        self.waits += 1
        self.on_wait()

    def close(self) -> None:
        self.closed, self.connected = True, False
