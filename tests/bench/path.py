"""Collector, recorder and judge as real processes, watched from outside."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from devices.city.model import City
from haulwatch.process.supervisor import Child, Supervisor
from haulwatch.settings.data_files import collector_status_path, judge_state_path
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.log import open_raw_log
from ingest.collector.collector import read_status
from ingest.judge import judge
from ingest.recorder import recorder
from tests.bench import BenchFailed
from tests.bench.measures import cpu_s, memory_mb
from tests.bench.servers import Broker
from tests.bench.terrain import BenchEnvironment, Installation

NAMES: Final = {"collector": "collect", "recorder": "record", "judge": "judge"}
"""Our processes, and the commands that start them."""
_START_LIMIT_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.02


class Path:
    """The running path of one installation. Make it with `path()`."""

    def __init__(self, installation: Installation, broker: Broker, store_pids: tuple[int, ...]) -> None:
        self.installation = installation
        self._servers = {"broker": (broker.pid,), "store": store_pids}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HAULWATCH_")}
        children = [Child(name, [command]) for name, command in NAMES.items()]
        self.supervisor = Supervisor(
            children, clean | installation.variables, installation.settings.paths.data_dir / "logs"
        )
        self._log = open_raw_log(installation.settings)

    def start(self) -> None:
        """Return when the collector is connected and the others have their city. Raises BenchFailed."""
        self.supervisor.start()
        settings = self.installation.settings

        def ready() -> bool:
            status = read_status(collector_status_path(settings))
            listens = status is not None and status.connected
            return listens and recorder.CONSUMER in self._log.committed() and judge_state_path(settings).exists()

        self.until(ready, "the path to come up", _START_LIMIT_S)

    def until(self, reached: Callable[[], bool], what: str, limit_s: float) -> float:
        """The monotonic time at which it was reached. Raises BenchFailed if that takes too long or a process dies."""
        give_up_at = time.monotonic() + limit_s
        while not reached():
            dead = [child.name for child in self.supervisor.children if child.state == "dead"]
            if dead or time.monotonic() > give_up_at:
                said = "\n".join(f"--- {name}\n{self.supervisor.log_tail(name)}" for name in NAMES)
                raise BenchFailed(f"waited {limit_s:.0f} s for {what}; dead: {', '.join(dead) or 'nobody'}\n{said}")
            time.sleep(_LOOK_EVERY_S)
        return time.monotonic()

    def last_offset(self) -> int:
        return self._log.last_offset()

    def recorded(self) -> int:
        """The last offset of which every reading is settled and written."""
        return self._log.committed().get(recorder.CONSUMER, 0)

    def judged(self) -> int:
        """The last offset of the judge's newest checkpoint: up to a second behind the truth at rest."""
        return self._log.committed().get(judge.CONSUMER, 0)

    def cpu_s(self) -> dict[str, float]:
        """CPU time so far, the servers' too."""
        ours = {name: cpu_s(pid) for name, pid in self._pids().items()}
        return ours | {name: cpu_s(*pids) for name, pids in self._servers.items() if pids}

    def memory_mb(self, line: str = "VmRSS") -> dict[str, float]:
        return {name: round(memory_mb(pid, line), 1) for name, pid in self._pids().items()}

    def store_memory_mb(self) -> float:
        return round(sum(map(memory_mb, self._servers["store"])), 1)

    def close(self) -> None:
        self.supervisor.stop()
        self._log.close()

    def _pids(self) -> dict[str, int]:
        return {child.name: child.process.pid for child in self.supervisor.children if child.process is not None}


@contextmanager
def path(ground: BenchEnvironment, city: City, broker: Broker) -> Iterator[Path]:
    """Started with an empty store and this city; nothing of it runs after the block. Raises BenchFailed."""
    installation = ground.installation(broker)
    with open_registry(installation.settings) as registry:
        registry.import_city(city)
    with closing(Path(installation, broker, ground.influx.pids if ground.influx else ())) as running:
        running.start()
        yield running
