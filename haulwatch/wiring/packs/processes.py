"""Makes evidence packs for the API, each in a process of its own, bounded in time and memory.

Judging messages again takes a core for a minute: in the process of the API it would hold up everybody's requests.
"""

import logging
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.access.signatures import NoSigningKey
from devices.city.columns import pack_city
from devices.city.model import City
from devices.db.database import DatabaseUnavailable
from ingest.evidence.errors import NoSuchAlert, NotExported
from ingest.log.raw_log import RawLogError

COMMAND: Final = (sys.executable, "-m", "haulwatch.wiring.packs.pack_process")
LONGEST_S: Final = 600.0
"""A pack that takes longer is given up: reading takes two minutes at most, judging as long, on a busy machine more."""
_TAIL: Final = 2_000
"""Characters of what a failed process wrote to standard error, for the log."""
_BY_COMMAND: Final = "`haulwatch evidence export` on the server takes the time and the memory it needs"

_log = logging.getLogger(__name__)


class PackFault(StrEnum):
    """Why a process made no pack."""

    NO_SUCH_ALERT = "no_such_alert"
    NO_KEY = "no_key"
    DATABASE = "database"
    RAW_LOG = "raw_log"
    NOT_MADE = "not_made"
    TOO_MUCH_MEMORY = "too_much_memory"


class PackRequest(BaseModel):
    """Which pack is wanted, and by whom."""

    model_config = ConfigDict(frozen=True)

    alert_id: str
    by: str
    at: int
    """Wall clock, ms."""
    part: str | None
    """What whoever asks may see of the city, packed, in base64; None: all of it."""


class PackAnswer(BaseModel):
    """How it ended. Without a fault the pack is in the file."""

    model_config = ConfigDict(frozen=True)

    fault: PackFault | None = None
    detail: str = ""


class PackProcesses:
    """The processes of one server. Any thread; whoever calls sees to it that there are few at once."""

    def __init__(self, folder: Path, command: Sequence[str] = COMMAND, longest_s: float = LONGEST_S) -> None:
        """`folder`: where packs lie while they are made and sent, without a name."""
        self._folder, self._command, self._longest_s = folder, command, longest_s
        self._lock = Lock()
        self._running = set[subprocess.Popen[str]]()

    def __call__(self, alert_id: str, by: str, at: int, part: City | None) -> BinaryIO:
        """As `api.ports.EvidencePacks`."""
        packed = None if part is None else b64encode(pack_city(part)).decode()
        request = PackRequest(alert_id=alert_id, by=by, at=at, part=packed)
        file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - the caller closes it
        try:
            answer = self._asked(request, file)
            _raise_for(answer, alert_id)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def close(self) -> None:
        """End those that run."""
        with self._lock:
            for process in self._running:
                process.kill()

    def _asked(self, request: PackRequest, file: BinaryIO) -> PackAnswer:
        handle = file.fileno()
        process = subprocess.Popen(  # noqa: S603 - our own module
            [*self._command, str(handle)], pass_fds=(handle,), encoding="utf-8", errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with self._lock:
            self._running.add(process)
        try:
            with process:
                try:
                    output, errors = process.communicate(request.model_dump_json(), timeout=self._longest_s)
                finally:
                    process.kill()  # the end of the block waits for it
            return PackAnswer.model_validate_json(output.strip().rpartition("\n")[2])
        except subprocess.TimeoutExpired as exc:
            raise NotExported(f"it took longer than {self._longest_s / 60:.0f} minutes: {_BY_COMMAND}") from exc
        except ValidationError as exc:
            _log.error(
                "api: the process of an evidence pack ended with code %s and no answer: %s",
                process.returncode,
                errors[-_TAIL:],
            )
            raise NotExported(f"its process ended before it was done, the log says more: {_BY_COMMAND}") from exc
        finally:
            with self._lock:
                self._running.discard(process)


def _raise_for(answer: PackAnswer, alert_id: str) -> None:
    match answer.fault:
        case None:
            return
        case PackFault.NO_SUCH_ALERT:
            raise NoSuchAlert(answer.detail)
        case PackFault.NO_KEY:
            raise NoSigningKey(answer.detail)
        case PackFault.DATABASE:
            raise DatabaseUnavailable(answer.detail)
        case PackFault.RAW_LOG:
            raise RawLogError(answer.detail)
        case PackFault.TOO_MUCH_MEMORY:
            raise NotExported(f"the evidence of alert {alert_id} takes more memory than is left to it: {_BY_COMMAND}")
        case PackFault.NOT_MADE:
            raise NotExported(answer.detail)
