"""The process of a what-if job: `python -m haulwatch.wiring.desk.what_if_process`.

In: a WhatIfRequest, as JSON on standard input; settings from the environment. Out: a JobLine a line, as JSON.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Final

from haulwatch.process.modest import be_modest
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.rules import SHIPPED, known_rules
from ingest.judge.what_if import WARM_UP_MS, WhatIf, records_of
from ingest.judge.what_if_job import JobFault, JobLine, WhatIfProgress, WhatIfRequest
from ingest.judge.what_if_report import report_of
from ingest.log.records import REVISION_TOPICS, LogRecord, RawMessage
from ingest.log.revisions import first_revisions
from rules.rule_sets.shipped import checked

COMMAND: Final = (sys.executable, "-m", "haulwatch.wiring.desk.what_if_process")
MOST_BYTES: Final = 1 << 30
"""Two engines of 60 trucks over four hours took 95 MB, the interpreter included; states grow with the fleet."""
_LOWEST_PRIORITY: Final = 19
_EVERY: Final = 500
"""Records between two looks at the clock."""
_PROGRESS_S: Final = 0.5
_make_modest: Final = partial(be_modest, _LOWEST_PRIORITY, MOST_BYTES)


def main() -> None:
    _make_modest()
    request = WhatIfRequest.model_validate_json(sys.stdin.read())
    try:
        line = _judged(settings_with_data(), request)
    except MemoryError:
        line = JobLine(fault=JobFault.TOO_MUCH_MEMORY)
    _write(line)


def _judged(settings: Settings, request: WhatIfRequest) -> JobLine:
    other = checked(request.content.encode(), "content", SHIPPED)
    with open_registry(settings) as registry:
        city = registry.load_city()
    comparing = WhatIf(city, known_rules(settings), other, request.start, request.end)
    with closing(open_raw_log(settings)) as log:
        for topic, payload in first_revisions(log, REVISION_TOPICS).items():
            comparing.begin(RawMessage(topic, payload, 0))
        for record in _with_progress(records_of(log, request.start, request.end), request):
            comparing.take(record)
    if not comparing.messages:
        return JobLine(fault=JobFault.NO_MESSAGES)
    return JobLine(report=report_of(comparing))


def _with_progress(records: Iterator[LogRecord], request: WhatIfRequest) -> Iterator[LogRecord]:
    end, first, shown_at = min(request.end, now_ms()), None, time.monotonic()
    for number, record in enumerate(records, 1):
        yield record
        at = record.message.received_at
        if first is None and at >= request.start - WARM_UP_MS:
            first = at
        if first is not None and number % _EVERY == 0 and time.monotonic() - shown_at > _PROGRESS_S:
            shown_at = time.monotonic()
            share = (at - first) / max(1, end - first)
            _write(JobLine(progress=WhatIfProgress(messages=number, share=min(1.0, max(0.0, share)))))


def _write(line: JobLine) -> None:
    sys.stdout.write(line.model_dump_json(exclude_unset=True) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
