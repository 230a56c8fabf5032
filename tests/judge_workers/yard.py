"""Workers that come, go, die and stand still, while messages are appended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest.log.kafka.connection import KafkaConnection
from tests import ROOT
from tests.judge_workers.shared_journal import SharedJournal
from tests.servers import end


@dataclass
class Yard:
    """The workers of one topic, and what they wrote."""

    connection: KafkaConnection
    folder: Path
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    ended: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    losses: list[tuple[float, int, frozenset[tuple[str, int]]]] = field(default_factory=list)
    """When, which worker lost its partitions, and which these were."""

    def __post_init__(self) -> None:
        self.journal = SharedJournal(self.folder / "journal.db")

    def add(self) -> None:
        of = self.connection
        command = [sys.executable, "-m", "tests.judge_workers.process", of.servers, of.prefix, str(of.partitions)]
        with (self.folder / "workers.log").open("ab") as log:
            self.workers.append(
                subprocess.Popen(
                    [*command, str(self.folder / "journal.db")],
                    cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=log, stderr=log,
                )
            )  # fmt: skip

    def owned(self) -> dict[tuple[str, int], int]:
        """Who went on with each partition last."""
        return {(topic, partition): worker for _, topic, partition, worker in self.journal.owners()}

    def kill(self, worker: "subprocess.Popen[bytes]") -> None:
        """As the power goes: `kill -9`."""
        self._note_loss(worker)
        worker.kill()
        worker.wait()
        self._forget(worker)

    def remove(self, worker: "subprocess.Popen[bytes]") -> None:
        """Let it hand over and leave."""
        self._note_loss(worker)
        end(worker)
        self._forget(worker)

    def pause(self, worker: "subprocess.Popen[bytes]") -> None:
        """Let it stand still, as a machine that swaps; `go_on` ends that."""
        self._note_loss(worker)
        worker.send_signal(signal.SIGSTOP)

    def go_on(self, worker: "subprocess.Popen[bytes]") -> None:
        worker.send_signal(signal.SIGCONT)

    def handed_over(self) -> bool:
        """Whether others have restored all that was lost."""
        return all(seconds is not None for seconds in self.handovers())

    def handovers(self) -> list[float | None]:
        """Of each partition that a worker lost: seconds until another one went on with it; None: not yet."""
        owners = self.journal.owners()
        return [
            next((at - lost_at for at, topic, part, other in owners if at > lost_at and (topic, part) == one), None)
            for lost_at, _, lost in self.losses
            for one in sorted(lost)
        ]

    def log(self) -> str:
        path = self.folder / "workers.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)
            end(worker)
        self.workers.clear()
        self.journal.close()

    def _note_loss(self, worker: "subprocess.Popen[bytes]") -> None:
        lost = frozenset(one for one, owner in self.owned().items() if owner == worker.pid)
        self.losses.append((time.monotonic(), worker.pid, lost))

    def _forget(self, worker: "subprocess.Popen[bytes]") -> None:
        self.workers.remove(worker)
        self.ended.append(worker)


@contextmanager
def yard(connection: KafkaConnection, folder: Path, workers: int) -> Iterator[Yard]:
    """So many workers, ended with the block."""
    found = Yard(connection, folder)
    try:
        for _ in range(workers):
            found.add()
        yield found
    finally:
        found.close()
