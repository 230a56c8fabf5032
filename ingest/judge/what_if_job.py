"""What-if jobs: one at a time, each in a process of its own with the lowest priority, bounded in time.

    start → the process judges, and writes a line of JSON for its progress → its report, or why there is none

The process ends by itself once nobody reads its lines any more. It bounds its memory itself.
"""

import logging
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from threading import Lock, Thread, Timer
from typing import IO, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.errors import OperatorError
from ingest.judge.what_if_report import WhatIfReport

LONGEST_S: Final = 900.0
"""A job that takes longer is ended: its time was chosen too long for this machine."""
_TAIL: Final = 2_000
"""Characters of what a failed process wrote to standard error, for the log."""

_log = logging.getLogger(__name__)


class JobState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobFault(StrEnum):
    """Why a job failed."""

    NO_MESSAGES = "no_messages"
    """None was received in that time."""
    TOO_LONG = "too_long"
    """It was not done in `LONGEST_S`."""
    TOO_MUCH_MEMORY = "too_much_memory"
    BROKEN = "broken"
    """Its process ended; the log says why."""


class WhatIfRequest(BaseModel):
    """What is judged: a rule set that is correct, over messages with start <= receive time < end, ms."""

    model_config = ConfigDict(frozen=True)

    content: str
    start: int
    end: int


class WhatIfProgress(BaseModel):
    """How far a job is."""

    model_config = ConfigDict(frozen=True)

    messages: int = 0
    """Judged twice, those before the time among them."""
    share: float = 0.0
    """Part of the time that is judged, 0 to 1."""


class JobLine(BaseModel):
    """One line of the process: one of the three."""

    model_config = ConfigDict(frozen=True)

    progress: WhatIfProgress | None = None
    report: WhatIfReport | None = None
    fault: JobFault | None = None


class WhatIfJob(BaseModel):
    """A job as it stands."""

    model_config = ConfigDict(frozen=True)

    no: int
    """Counts from 1 since the start of this server."""
    state: JobState
    start: int
    end: int
    started_by: str
    started_at: int
    """Wall clock, ms."""
    ended_at: int | None = None
    progress: WhatIfProgress = WhatIfProgress()
    fault: JobFault | None = None
    report: WhatIfReport | None = None


class JobRuns(OperatorError):
    """Another job runs."""


class WhatIfJobs:
    """The jobs of one server. Keeps the last one. Safe to use from several threads."""

    def __init__(self, command: Sequence[str], now: Callable[[], int], *, longest_s: float = LONGEST_S) -> None:
        """`command` reads a WhatIfRequest from its input and writes a JobLine a line. `now`: wall clock, ms."""
        self._command, self._now, self._longest_s = command, now, longest_s
        self._lock = Lock()
        self._job: WhatIfJob | None = None
        self._process: subprocess.Popen[str] | None = None

    def start(self, request: WhatIfRequest, started_by: str) -> WhatIfJob:
        """Raises JobRuns."""
        with self._lock:
            if self._process is not None:
                raise JobRuns("another what-if is judged: wait for it, or cancel it")
            number = 1 if self._job is None else self._job.no + 1
            written = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - `_follow` closes it
            process = self._process = subprocess.Popen(  # noqa: S603 - our own module
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written, encoding="utf-8"
            )
            self._job = job = WhatIfJob(
                no=number,
                state=JobState.RUNNING,
                start=request.start,
                end=request.end,
                started_by=started_by,
                started_at=self._now(),
            )
        follow = Thread(target=self._follow, args=(process, request, written), name=f"what-if {number}", daemon=True)
        follow.start()
        return job

    def current(self) -> WhatIfJob | None:
        """The job that runs, or the last one."""
        return self._job

    def cancel(self) -> WhatIfJob | None:
        """End the job that runs, if one does; returns it, or the last one."""
        self._kill(JobState.CANCELLED)
        return self._job

    def close(self) -> None:
        self.cancel()

    def _follow(self, process: "subprocess.Popen[str]", request: WhatIfRequest, written: IO[str]) -> None:
        """Read what the process says until it ends."""
        limit = Timer(self._longest_s, self._kill, (JobState.FAILED, JobFault.TOO_LONG, process))
        limit.daemon = True
        limit.start()
        with written, process:
            if process.stdin is not None:
                with suppress(OSError):  # it ended before it read: then there is no report
                    process.stdin.write(request.model_dump_json())
                    process.stdin.close()
            for text in process.stdout or ():
                self._take(text)
            process.wait()
            limit.cancel()
            with self._lock:
                self._process = None
                if self._become(JobState.FAILED, fault=JobFault.BROKEN):
                    written.seek(0)
                    code, why = process.returncode, written.read()[-_TAIL:]
                    _log.error("api: the what-if process ended with code %s and no report: %s", code, why)

    def _take(self, text: str) -> None:
        try:
            line = JobLine.model_validate_json(text)
        except ValidationError:
            return  # a library wrote to its output
        with self._lock:
            if line.progress is not None:
                self._become(JobState.RUNNING, progress=line.progress)
            elif line.report is not None:
                self._become(JobState.DONE, report=line.report)
            else:
                self._become(JobState.FAILED, fault=line.fault)

    def _kill(
        self, state: JobState, fault: JobFault | None = None, process: "subprocess.Popen[str] | None" = None
    ) -> None:
        """`process`: only this one, and no job that was started since."""
        with self._lock:
            if self._process is not None and process in {None, self._process}:
                self._process.kill()  # `_follow` notices
                self._become(state, fault=fault)

    def _become(self, state: JobState, **values: object) -> bool:
        """Change the job if it still runs; False if it does not. Under the lock."""
        job = self._job
        if job is None or job.state is not JobState.RUNNING:
            return False
        ended_at = None if state is JobState.RUNNING else self._now()
        self._job = job.model_copy(update={"state": state, "ended_at": ended_at, **values})
        return True
