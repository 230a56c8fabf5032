"""The yard, in which faults happen: a real broker, a real store behind the proxy, and the processes of Haulwatch."""

import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Any, ClassVar, Final, Protocol
from uuid import uuid4

import httpx

from devices.city.model import City
from haulwatch.settings.data_files import recorder_state_path
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_journal, open_registry
from haulwatch.wiring.log import open_raw_log
from ingest.judge.replay import every_record
from ingest.ledger import report as ledger
from ingest.ledger.report import RecorderStatus
from ingest.log.raw_log import RawLog
from tests.chaos.bystanders import Listener
from tests.chaos.fleet import Fleet, Message
from tests.chaos.stream import RATE, Stream
from tests.installation import Installation, Running
from tests.servers import HTTP
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.proxy import StoreProxy
from tests.waiting import PATIENCE_S

PROCESSES: Final = ("serve", "judge", "record", "collect")
_BEHIND_NOW_MS: Final = 5 * 24 * 3_600_000
"""The stream begins this long ago in device time, so that it never reaches the wall clock."""


class Complaint(Exception):
    """The designed answer to a fault was not seen."""


@dataclass(frozen=True)
class Servers:
    """Servers that all yards share."""

    influx: InfluxServer
    proxy: StoreProxy
    """The processes connect to it as to the store."""


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """InfluxDB, nginx and the proxy before them. Raises pytest's Skipped if a server is not installed."""
    folder.mkdir()
    influx = InfluxServer(folder)
    try:
        influx.start()
        influx.start_nginx()
        with StoreProxy(influx.port) as proxy:
            yield Servers(influx, proxy)
    finally:
        influx.close()


class Broker(Protocol):
    """A broker with a listener for devices on loopback."""

    @property
    def port(self) -> int: ...
    @property
    def url(self) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Yard(Installation):
    """One installation with a broker and a stream of its own."""

    starts_loaded: ClassVar = False
    """Its processes begin with the modules loaded (`tests.servers.loaded`)."""
    rate: ClassVar = RATE
    """Messages/s of the devices."""

    def __init__(self, folder: Path, servers: Servers, dice: random.Random) -> None:
        """Starts nothing; `open` does."""
        self.servers, self.dice = servers, dice
        self.kills = 0
        self.by_hand = 0
        """Commands that a person has to give after a fault, in this round."""
        self.apart: set[str] = set()
        """Devices whose own fault is the matter: no bystanders. An undisturbed run has no alerts of theirs."""
        self.given_up: frozenset[Message] = frozenset()
        """Messages of this round that a spoiled disk has taken, each named by its offset."""
        self.journal_restored = self.ledger_spoiled = False
        """The journal gives its numbers again; only the ledger's own sums can be right."""
        self.unjudged = range(0)
        """Device time of this round in which, by design of the fault, readings are not judged when they arrive."""
        folder.mkdir(parents=True)
        self.broker = self.make_broker(folder)
        self.broker_database = folder / "mosquitto" / "mosquitto.db"
        self.database = f"chaos-{uuid4().hex[:12]}"
        servers.influx.create_database(self.database)
        super().__init__(
            folder / "haulwatch",
            {
                "HAULWATCH_MQTT_URL": self.broker.url,
                "HAULWATCH_INFLUX_URL": servers.proxy.url,
                "HAULWATCH_INFLUX_TOKEN": "unused",
                "HAULWATCH_INFLUX_ORG": "haulwatch",
                "HAULWATCH_INFLUX_BUCKET": self.database,
                "HAULWATCH_RAW_LOG_SEGMENT_MIB": "1",
            }
            | self.variables(),
            loaded=self.starts_loaded,
        )
        imported = self.run("city", "import", "jincheng")
        if imported.returncode != 0:
            raise Complaint(f"the city cannot be imported: {imported.stderr}")
        self.settings = load_settings(self.environment)
        with open_registry(self.settings) as registry:
            self.city: City = registry.load_city()
        self.journal = open_journal(self.settings)
        first_ms = (time.time_ns() // 1_000_000 - _BEHIND_NOW_MS) // 60_000 * 60_000
        self.stream = Stream(Fleet(self.city, dice), self.broker.port, first_ms, self.login(), rate=self.rate)
        self.listener = Listener(self.broker.port, self.login())

    def make_broker(self, folder: Path) -> Broker:
        return Mosquitto(folder / "mosquitto")

    def variables(self) -> dict[str, str]:
        """Settings beside those that all yards have."""
        return {}

    def login(self) -> tuple[str, str] | None:
        """User and password of devices and listener, which share one."""
        return None

    def open(self) -> None:
        self.broker.start()
        for name in PROCESSES:
            self.start(name)
        self.until_connected()
        self.until(self.ready, "/readyz says ready")
        self.listener.connect()
        self.stream.connect()

    def begin(self) -> None:
        """Begin a new round."""
        self.by_hand, self.unjudged, self.given_up = 0, range(0), frozenset()
        self.stream.begin()

    def close(self) -> None:
        self.stream.close()
        self.listener.close()
        super().close()
        self.broker.kill()

    # Processes

    def hand(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command that a person has to give after a fault."""
        self.by_hand += 1
        return self.run(*arguments)

    def kill_all(self) -> None:
        """Kill all processes, so that none holds a file open."""
        for name in PROCESSES:
            self.kill(name)
            self.kills += 1

    def start_all(self) -> None:
        """Start all processes. Returns when the collector is connected."""
        for name in PROCESSES:
            self.start(name)
        self.until_connected()

    def kill_and_start(self, name: str) -> None:
        """Kill the process with SIGKILL and start it again."""
        self.kill(name)
        self.kills += 1
        self.start(name)

    def kill_and_start_all(self) -> None:
        """Kill all processes and start them again. Returns when all of them work."""
        for name in PROCESSES:
            self.kill_and_start(name)
        self.until_connected()
        self.until(self.ready, "/readyz says ready")

    def until_at_work(self, name: str) -> None:
        """Return when this process, just started, has done some work."""
        began_ms = time.time_ns() // 1_000_000
        recorded, journaled = self.recorder().offset, self.journal.last_sequence()
        match name:
            case "collect":
                self.until_connected(began_ms)
            case "record":
                self.until(lambda: self.recorder().offset > recorded, "it records")
            case "judge":
                self.until(lambda: self.journal.last_sequence() > journaled, "it judges")
            case _:
                self.until(lambda: bool(self.readiness()), "it answers")

    def process(self, name: str) -> Running:
        return self._running[name]

    def restart_ended(self) -> list[str]:
        """Restart the processes that ended by themselves. Returns a line for each, with the end of its log."""
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        for name in ended:
            self.start(name)
        return [f"{name} ended by itself: {self.log(name).read_text(errors='replace')[-300:]}" for name in ended]

    def until_connected(self, since_ms: int | None = None) -> None:
        """Wait until the collector's status is connected, and later than `since_ms`."""
        since_ms = time.time_ns() // 1_000_000 if since_ms is None else since_ms
        self.until(
            lambda: (status := self.status()).get("connected", False) and status["at"] >= since_ms, "it connects"
        )

    @contextmanager
    def devices_paused(self) -> Iterator[None]:
        """Devices pause between two slices during the block. All their messages so far are in the raw log."""
        self.stream.pause()
        try:
            sent = {entry.message for entry in self.stream.sent}
            self.expect(lambda: sent <= self.logged(), "the collector drains the broker", 30)
            yield
        finally:
            self.stream.resume()

    @contextmanager
    def full_disk(self, name: str, room_bytes: int) -> Iterator[None]:
        """No file of this process can grow beyond so many bytes: for the process, the disk is full."""
        pid = self.process(name).pid
        prlimit(pid, RLIMIT_FSIZE, (room_bytes, RLIM_INFINITY))
        try:
            yield
        finally:
            prlimit(pid, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))

    # Questions

    def log_files(self) -> list[Path]:
        """Segments of the raw log, oldest first."""
        return sorted((self.folder / "raw").glob("*.segment"))

    def logged(self) -> set[Message]:
        """All messages in the raw log."""
        with closing(open_raw_log(self.settings)) as log:
            return {Message(record.message.topic, record.message.payload) for record in every_record(log)}

    def last_offset(self) -> int:
        """The last offset of the raw log."""
        with closing(open_raw_log(self.settings)) as log:
            return log.last_offset()

    def recorder(self) -> RecorderStatus:
        with closing(open_raw_log(self.settings)) as log:
            return ledger.read_status(recorder_state_path(self.settings), log)

    def judged_to(self) -> int:
        return RawLog(self.folder / "raw").committed().get("judge", 0)

    def readiness(self) -> dict[str, tuple[bool, str]]:
        """Every check of /readyz; empty while the API does not answer."""
        try:
            answer = HTTP.get(f"http://127.0.0.1:{self.api_port}/readyz")
        except httpx.TransportError:
            return {}
        return {check["name"]: (check["ok"], check["detail"]) for check in answer.json().get("checks", ())}

    def ready(self) -> bool:
        checks = self.readiness()
        return bool(checks) and all(ok for ok, _ in checks.values())

    def expect_unready(self, check: str, words: str, within_s: float) -> None:
        """Raises Complaint unless /readyz reports in time that this check failed, with these words.

        `within_s`: as for `expect`.
        """
        deadline, (ok, detail) = time.monotonic() + max(within_s, PATIENCE_S), (True, "")
        while time.monotonic() < deadline:
            ok, detail = self.readiness().get(check, (True, "no answer"))
            if not ok and words in detail:
                return
            time.sleep(0.1)
        raise Complaint(f"/readyz did not report {words!r} for {check}, but ok={ok}: {detail}")

    def expect(self, check: Callable[[], bool], what: str, within_s: float) -> None:
        """Raises Complaint unless `check` is true in time.

        `within_s`: what it takes at most on an idle machine. A busy one gets `PATIENCE_S`: slowness is no fault.
        """
        within_s = max(within_s, PATIENCE_S)
        deadline = time.monotonic() + within_s
        while not check():
            if time.monotonic() > deadline:
                raise Complaint(f"not within {within_s:.0f} s: {what}")
            time.sleep(0.1)

    def influxql(self, query: str) -> list[dict[str, Any]]:
        """Query influxd itself, without proxy, nginx and our own store code."""
        params = {"db": self.database, "epoch": "ms", "q": query}
        answer = HTTP.post(f"http://127.0.0.1:{self.servers.influx.influxd_port}/query", data=params)
        series: list[dict[str, Any]] = answer.raise_for_status().json()["results"][0].get("series", [])
        return series

    def letters_after(self, letter_id: int) -> Sequence[tuple[int, str, bytes]]:
        """Id, topic and payload of dead letters, read without our own code."""
        path = recorder_state_path(self.settings)
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE_S)) as db:
            query = "SELECT id, topic, payload FROM dead_letter WHERE id > ? AND redriven_at IS NULL ORDER BY id"
            return [(number, topic, bytes(payload)) for number, topic, payload in db.execute(query, (letter_id,))]

    def redriven_letters(self) -> int:
        """Number of redriven dead letters; the ledger counts each only by the outcome of its copy."""
        path = recorder_state_path(self.settings)
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE_S)) as db:
            (count,) = db.execute("SELECT count(*) FROM dead_letter WHERE redriven_at IS NOT NULL").fetchone()
        return int(count)

    @contextmanager
    def locked(self, path: Path) -> Iterator[None]:
        """Another connection holds this database's write lock during the block."""
        with closing(sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")

    def rest(self, shortest_s: float, longest_s: float) -> None:
        time.sleep(self.dice.uniform(shortest_s, longest_s))
