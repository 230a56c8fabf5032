"""The process of a what-if: a real one, over a real raw log and registry."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from haulwatch import migrations
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.desk.what_if_process import COMMAND, MOST_BYTES
from haulwatch.wiring.log import open_raw_log
from ingest.judge.what_if_job import JobFault, JobState, WhatIfJobs, WhatIfRequest
from ingest.log.records import RawMessage
from tests.closing import closed_later
from tests.ingest.judge.test_what_if_job import ended
from tests.rules.town import fills

LEVELS = [50, 92, 92, 92, 92, 50, 50, 50]


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WhatIfJobs:
    """A city, and a point that was full for a while, in the raw log of the environment's data directory."""
    monkeypatch.setenv("HAULWATCH_DATA_DIR", str(tmp_path))
    settings = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})
    migrations.upgrade(settings.database_url.get_secret_value())
    with open_registry(settings) as registry:
        registry.import_city(read_city(JINCHENG))
    log = closed_later(open_raw_log(settings))
    readings = fills(LEVELS, point="point-001", every_s=300)
    log.append([RawMessage(reading_topic(r.device_id, r.kind), encode(r), r.ts + 500) for r in readings])
    return closed_later(WhatIfJobs(COMMAND, now_ms))


def test_an_alert_that_another_rule_set_loses_is_found(jobs: WhatIfJobs) -> None:
    [first, *_] = fills(LEVELS, point="point-001", every_s=300)
    asked = WhatIfRequest(
        content="bin_overflow: {warn_pct: 95, full_pct: 97}\n", start=first.ts, end=first.ts + 36_000_000
    )
    jobs.start(asked, "li.wei")
    job = ended(jobs)
    assert job.state is JobState.DONE, job
    assert job.report is not None
    assert (job.report.messages, job.report.alerts_before, job.report.alerts_after) == (8, 1, 0)
    assert [one.model_dump() for one in job.report.by_rule] == [
        {"rule": "bin_overflow", "gained": 0, "lost": 1, "changed": 0}
    ]
    [lost] = job.report.differ
    assert (lost.effect, lost.subject, lost.after) == ("lost", "point-001", None)
    assert lost.before is not None
    assert lost.before.title.zh


def test_a_time_without_messages_says_so(jobs: WhatIfJobs) -> None:
    jobs.start(WhatIfRequest(content="speeding: off\n", start=0, end=1_000), "li.wei")
    assert ended(jobs).fault is JobFault.NO_MESSAGES


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory on Linux only")
def test_it_gives_way_to_every_other_process_and_takes_no_more_memory_than_its_share() -> None:
    program = (
        "import os, resource\nfrom haulwatch.wiring.desk import what_if_process as job\njob._make_modest()\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0), resource.getrlimit(resource.RLIMIT_DATA)[0])\n"
        "try: bytearray(job.MOST_BYTES)\nexcept MemoryError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(min(os.nice(0) + 19, 19)), str(MOST_BYTES), "refused"]
