"""The judge alone, in a process of its own: `python -m tests.bench.judge_alone DEVICES MESSAGES`.

Judges the raw log of the installation in its environment; the last line of its output is `Throughput` as JSON. See
`tests.bench.recorder_alone`.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from itertools import cycle, islice

from devices.city.model import City
from haulwatch.process.garbage import YOUNG_OBJECTS, keep_objects
from haulwatch.settings.data_files import judge_state_path
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.databases import open_journal
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.rules import configured_rules
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import Judge
from tests.bench.fleet import city_of
from tests.bench.measures import Throughput, throughput


def new_judge(
    settings: Settings,
    state: JudgeState,
    city: City,
    count: int | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Judge:
    """A judge of `city` with all rules, or with `count` rules: more than there are repeat them."""
    rules = configured_rules(settings)
    return Judge(
        open_raw_log(settings),
        open_journal(settings),
        state,
        rules if count is None else list(islice(cycle(rules.rules), count)),
        lambda: city,
        monotonic=monotonic,
        on_checkpoint=keep_objects,
    )


def judge_all(settings: Settings, city: City, messages: int) -> Throughput:
    """Judge all there is, its last checkpoint included; `messages` is its number."""
    with closing(JudgeState(judge_state_path(settings))) as state:
        judge = new_judge(settings, state, city)
        began, cpu_s = time.monotonic(), time.process_time()
        while judge.step():
            pass
        judge.checkpoint()
        return throughput(messages, began, cpu_s)


if __name__ == "__main__":
    gc.set_threshold(YOUNG_OBJECTS)
    devices, messages = map(int, sys.argv[1:])
    measured = judge_all(load_settings(), city_of(devices), messages)
    sys.stdout.write(json.dumps(asdict(measured)) + "\n")
