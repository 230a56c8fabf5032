"""What-if jobs: one at a time in a process of its own, which is small here and says what the test wants."""

import logging
import sys
from collections.abc import Callable

import pytest

from ingest.judge.what_if_job import JobFault, JobLine, JobRuns, JobState, WhatIfJob, WhatIfJobs, WhatIfProgress
from ingest.judge.what_if_job import WhatIfRequest as Request
from ingest.judge.what_if_report import WhatIfReport
from tests.closing import closed_later
from tests.waiting import until

NOW = 1_772_352_000_000
ASKED = Request(content="speeding: {limit_kmh: 90}\n", start=NOW - 3_600_000, end=NOW)
REPORT = WhatIfReport(messages=7, alerts_before=1, alerts_after=0, by_rule=(), differ=())
UNTIL_ENDED = "import time\nwhile True: time.sleep(3600)"


def line(line: JobLine) -> str:
    return f"print({line.model_dump_json(exclude_unset=True)!r}, flush=True)"


def jobs(*lines: str, longest_s: float = 3_600.0) -> WhatIfJobs:
    command = [sys.executable, "-I", "-S", "-c", "\n".join(("import sys", "asked = sys.stdin.read()", *lines))]
    return closed_later(WhatIfJobs(command, lambda: NOW, longest_s=longest_s))


def when(made: WhatIfJobs, check: Callable[[WhatIfJob], bool]) -> WhatIfJob:
    def holds() -> bool:
        job = made.current()
        return job is not None and check(job)

    until(holds, lambda: f"the job becomes so: {made.current()}")
    job = made.current()
    assert job is not None
    return job


def ended(made: WhatIfJobs) -> WhatIfJob:
    return when(made, lambda job: job.state is not JobState.RUNNING)


def test_a_job_is_given_what_was_asked_and_ends_with_its_report() -> None:
    checks = f"assert asked == {ASKED.model_dump_json()!r}, asked"
    made = jobs(checks, "print('a library says something')", line(JobLine(report=REPORT)))
    assert made.current() is None
    begun = made.start(ASKED, "li.wei")
    assert (begun.state, begun.started_by, begun.started_at, begun.start) == (
        JobState.RUNNING, "li.wei", NOW, NOW - 3_600_000,
    )  # fmt: skip
    done = ended(made)
    assert (done.state, done.report, done.ended_at, done.fault) == (JobState.DONE, REPORT, NOW, None)


def test_progress_is_seen_and_a_cancelled_job_is_over_at_once() -> None:
    made = jobs(line(JobLine(progress=WhatIfProgress(messages=500, share=0.25))), UNTIL_ENDED)
    made.start(ASKED, "li.wei")
    when(made, lambda job: job.progress == WhatIfProgress(messages=500, share=0.25))
    with pytest.raises(JobRuns):
        made.start(ASKED, "wang.fang")
    cancelled = made.cancel()
    assert cancelled is not None
    assert (cancelled.state, cancelled.ended_at) == (JobState.CANCELLED, NOW)
    until(lambda: _starts(made), lambda: "its process has ended, and another may begin")
    assert made.cancel() is not None


def _starts(made: WhatIfJobs) -> bool:
    try:
        return made.start(ASKED, "wang.fang").no == 2
    except JobRuns:
        return False


def test_a_job_that_takes_too_long_is_ended() -> None:
    made = jobs(UNTIL_ENDED, longest_s=0.01)
    made.start(ASKED, "li.wei")
    job = ended(made)
    assert (job.state, job.fault) == (JobState.FAILED, JobFault.TOO_LONG)


@pytest.mark.parametrize("fault", [JobFault.NO_MESSAGES, JobFault.TOO_MUCH_MEMORY])
def test_a_job_says_why_it_has_no_report(fault: JobFault) -> None:
    made = jobs(line(JobLine(fault=fault)))
    made.start(ASKED, "li.wei")
    job = ended(made)
    assert (job.state, job.fault) == (JobState.FAILED, fault)


def test_of_a_process_that_breaks_the_log_has_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    made = jobs("raise SystemExit('the disk is on fire')")
    with caplog.at_level(logging.ERROR):
        made.start(ASKED, "li.wei")
        job = ended(made)
        until(lambda: "the disk is on fire" in caplog.text, lambda: caplog.text)
    assert (job.state, job.fault) == (JobState.FAILED, JobFault.BROKEN)
