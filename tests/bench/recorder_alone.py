"""The recorder alone, in a process of its own: `python -m tests.bench.recorder_alone DEVICES MESSAGES`.

Records the raw log of the installation in its environment; the last line of its output is `Throughput` as JSON. It has
the modules and the garbage collector of `haulwatch record`. The process of the bench has half as many modules again,
and no frozen objects: the same work takes some per cent longer there.
"""

import asyncio
import gc
import json
import sys
import time
from contextlib import closing
from dataclasses import asdict

from devices.city.model import City
from haulwatch.process.garbage import YOUNG_OBJECTS, keep_objects
from haulwatch.settings.data_files import recorder_state_path
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.stores import open_store
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from tests.bench.fleet import city_of
from tests.bench.measures import Throughput, throughput


async def record(settings: Settings, city: City, messages: int) -> Throughput:
    """Record all there is; `messages` is its number."""
    store = open_store(settings)
    try:
        with closing(RecorderState(recorder_state_path(settings))) as state:
            recorder = Recorder(open_raw_log(settings), store, state, lambda: city)
            keep_objects()
            began, cpu_s = time.monotonic(), time.process_time()
            while await recorder.step():
                pass
            return throughput(messages, began, cpu_s)
    finally:
        await store.close()


if __name__ == "__main__":
    gc.set_threshold(YOUNG_OBJECTS)
    devices, messages = map(int, sys.argv[1:])
    measured = asyncio.run(record(load_settings(), city_of(devices), messages))
    sys.stdout.write(json.dumps(asdict(measured)) + "\n")
