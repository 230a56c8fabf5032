"""Collector, recorder and judge as real processes, measured from outside."""

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
from tests.bench.environment import BenchEnvironment, BenchInstallation
from tests.bench.measures import cpu_s, memory_mb
from tests.servers.mosquitto import Mosquitto

NAMES: Final = {"collector": "collect", "recorder": "record", "judge": "judge"}
"""Our processes, and the commands that start them."""
_START_LIMIT_S: Final = 180.0
_POLL_S: Final = 0.02


class RunningPath:
    """The processes of one installation. Made by `running_path`."""

    def __init__(self, installation: BenchInstallation, broker: Mosquitto, store_pids: tuple[int, ...]) -> None:
        self.installation = installation
        self._servers = {"broker": (broker.pid,), "store": store_pids}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HAULWATCH_")}
        children = [Child(name, [command]) for name, command in NAMES.items()]
        self.supervisor = Supervisor(
            children, inherited | installation.variables, installation.settings.paths.data_dir / "logs"
        )
        self._log = open_raw_log(installation.settings)

    def start(self) -> None:
        """Return when the collector is connected, and recorder and judge have loaded their city. Raises BenchFailed."""
        self.supervisor.start()
        settings = self.installation.settings

        def ready() -> bool:
            status = read_status(collector_status_path(settings))
            connected = status is not None and status.connected
            return connected and recorder.CONSUMER in self._log.committed() and judge_state_path(settings).exists()

        self.until(ready, "the path to start", _START_LIMIT_S)

    def until(self, reached: Callable[[], bool], what: str, limit_s: float) -> float:
        """Wait for `reached`; return the monotonic time. Raises BenchFailed if it takes too long or a process dies."""
        give_up_at = time.monotonic() + limit_s
        while not reached():
            dead = [child.name for child in self.supervisor.children if child.state == "dead"]
            if dead or time.monotonic() > give_up_at:
                logs = "\n".join(f"--- {name}\n{self.supervisor.log_tail(name)}" for name in NAMES)
                raise BenchFailed(f"waited {limit_s:.0f} s for {what}; dead: {', '.join(dead) or 'none'}\n{logs}")
            time.sleep(_POLL_S)
        return time.monotonic()

    def last_offset(self) -> int:
        return self._log.last_offset()

    def recorded(self) -> int:
        """The last offset of which every reading is committed and written."""
        return self._log.committed().get(recorder.CONSUMER, 0)

    def judged(self) -> int:
        """The offset of the judge's last checkpoint: up to a second old while nothing arrives."""
        return self._log.committed().get(judge.CONSUMER, 0)

    def cpu_s(self) -> dict[str, float]:
        """CPU time so far, by process; with broker and store."""
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
def running_path(
    environment: BenchEnvironment, city: City, broker: Mosquitto, *, limited: bool = False
) -> Iterator[RunningPath]:
    """The path, started with an empty store and this city; ended after the block. Raises BenchFailed."""
    installation = environment.installation(broker, limited=limited)
    with open_registry(installation.settings) as registry:
        registry.import_city(city)
    with closing(RunningPath(installation, broker, environment.influx.pids if environment.influx else ())) as running:
        running.start()
        yield running
