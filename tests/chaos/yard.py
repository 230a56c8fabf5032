"""Where the faults happen: a real broker, a real store behind the proxy, and the processes of Haulwatch."""

import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Any, Final
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
from tests.chaos.fleet import Fleet, Message
from tests.chaos.stream import Stream
from tests.e2e.conftest import Installation
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.proxy import StoreProxy

PROCESSES: Final = ("serve", "judge", "record", "collect")
_BEHIND_NOW_MS: Final = 5 * 24 * 3_600_000
"""The stream begins this long ago in device time, so that it never comes near the clock's bound."""


class Complaint(Exception):
    """The designed answer to a fault was not seen."""


@dataclass(frozen=True)
class Servers:
    """What outlives a yard."""

    influx: InfluxServer
    proxy: StoreProxy
    """What the processes are told is the store."""


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """InfluxDB, nginx and the proxy before them. Raises pytest's Skipped if one is not installed."""
    folder.mkdir()
    influx = InfluxServer(folder)
    try:
        influx.start()
        influx.start_nginx()
        with StoreProxy(influx.port) as proxy:
            yield Servers(influx, proxy)
    finally:
        influx.close()


class Yard(Installation):
    """One installation under a stream of its own."""

    def __init__(self, folder: Path, servers: Servers, dice: random.Random) -> None:
        """Starts nothing; `open` does."""
        self.servers, self.dice = servers, dice
        self.kills = 0
        self.unjudged = range(0)
        """Device time of this round in which the fault, by design, keeps readings from being judged when they come."""
        self.broker = Mosquitto(folder / "mosquitto")
        self.broker_memory = folder / "mosquitto" / "mosquitto.db"
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
            },
        )
        imported = self.run("city", "import", "jincheng")
        if imported.returncode != 0:
            raise Complaint(f"the city cannot be imported: {imported.stderr}")
        self.settings = load_settings(self.environment)
        with open_registry(self.settings) as registry:
            self.city: City = registry.load_city()
        self.journal = open_journal(self.settings)
        first_ms = (time.time_ns() // 1_000_000 - _BEHIND_NOW_MS) // 60_000 * 60_000
        self.stream = Stream(Fleet(self.city, dice), self.broker.port, first_ms)

    def open(self) -> None:
        self.broker.start()
        for name in PROCESSES:
            self.start(name)
        self.until_connected()
        self.until(self.ready, "/readyz says ready")
        self.stream.connect()

    def close(self) -> None:
        self.stream.close()
        super().close()
        self.broker.kill()

    # Processes

    def kill_and_start(self, name: str) -> None:
        """SIGKILL."""
        self.kill(name)
        self.kills += 1
        self.start(name)

    def kill_and_start_all(self) -> None:
        """SIGKILL, and return when all are at work again."""
        for name in PROCESSES:
            self.kill_and_start(name)
        self.until_connected()
        self.until(self.ready, "/readyz says ready")

    def until_at_work(self, name: str) -> None:
        """Return when this process, just started, has done something."""
        began_ms = time.time_ns() // 1_000_000
        recorded, told = self.recorder().offset, self.journal.last_no()
        match name:
            case "collect":
                self.until_connected(began_ms)
            case "record":
                self.until(lambda: self.recorder().offset > recorded, "it records")
            case "judge":
                self.until(lambda: self.journal.last_no() > told, "it judges")
            case _:
                self.until(lambda: bool(self.readiness()), "it answers")

    def process(self, name: str) -> "subprocess.Popen[bytes]":
        return self._running[name]

    def mend(self) -> list[str]:
        """Start again what has ended by itself; what that was, with its last words."""
        fallen = [name for name, process in self._running.items() if process.poll() is not None]
        for name in fallen:
            self.start(name)
        return [f"{name} ended by itself: {self.log(name).read_text(errors='replace')[-300:]}" for name in fallen]

    def until_connected(self, since_ms: int | None = None) -> None:
        """The collector says, later than `since_ms`, that it is connected."""
        since_ms = time.time_ns() // 1_000_000 if since_ms is None else since_ms
        self.until(lambda: (said := self.status()).get("connected", False) and said["at"] >= since_ms, "it connects")

    @contextmanager
    def devices_paused(self) -> Iterator[None]:
        """Between two slices. Everything they have said so far is in the raw log."""
        self.stream.pause()
        try:
            sent = {entry.message for entry in self.stream.sent}
            self.expect(lambda: sent <= self.logged(), "the collector drains the broker", 30)
            yield
        finally:
            self.stream.go_on()

    @contextmanager
    def full_disk(self, name: str, room_bytes: int) -> Iterator[None]:
        """No file of this process grows beyond so many bytes: to the process, a full disk."""
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
        """Everything in the raw log."""
        with closing(open_raw_log(self.settings)) as log:
            return {Message(record.message.topic, record.message.payload) for record in every_record(log)}

    def last_offset(self) -> int:
        """Of the raw log."""
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
            answer = httpx.get(f"http://127.0.0.1:{self.api_port}/readyz", timeout=10)
        except httpx.TransportError:
            return {}
        return {check["name"]: (check["ok"], check["detail"]) for check in answer.json().get("checks", ())}

    def ready(self) -> bool:
        checks = self.readiness()
        return bool(checks) and all(ok for ok, _ in checks.values())

    def expect_unready(self, check: str, words: str, within_s: float) -> None:
        """Raises Complaint unless /readyz soon says that this check failed, in these words."""
        until, said = time.monotonic() + within_s, (True, "")
        while time.monotonic() < until:
            said = self.readiness().get(check, (True, "no answer"))
            if not said[0] and words in said[1]:
                return
            time.sleep(0.1)
        raise Complaint(f"/readyz did not say {words!r} of {check}; it said {said}")

    def expect(self, check: Callable[[], bool], what: str, within_s: float) -> None:
        """Raises Complaint unless it holds soon."""
        until = time.monotonic() + within_s
        while not check():
            if time.monotonic() > until:
                raise Complaint(f"not within {within_s:.0f} s: {what}")
            time.sleep(0.1)

    def influxql(self, question: str) -> list[dict[str, Any]]:
        """Asked of influxd itself, past proxy, nginx and the store's own code."""
        params = {"db": self.database, "epoch": "ms", "q": question}
        answer = httpx.post(f"http://127.0.0.1:{self.servers.influx.influxd_port}/query", data=params, timeout=60)
        series: list[dict[str, Any]] = answer.raise_for_status().json()["results"][0].get("series", [])
        return series

    def letters_after(self, letter_id: int) -> Sequence[tuple[int, str, bytes]]:
        """Id, topic and payload of dead letters, read past our own code."""
        path = recorder_state_path(self.settings)
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            asked = "SELECT id, topic, payload FROM dead_letter WHERE id > ? AND redriven_at IS NULL ORDER BY id"
            return [(number, topic, bytes(payload)) for number, topic, payload in db.execute(asked, (letter_id,))]

    def driven_again(self) -> int:
        """Dead letters; the ledger counts each where its copy ended."""
        path = recorder_state_path(self.settings)
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            (count,) = db.execute("SELECT count(*) FROM dead_letter WHERE redriven_at IS NOT NULL").fetchone()
        return int(count)

    @contextmanager
    def locked(self, path: Path) -> Iterator[None]:
        """Somebody else holds this database's write lock."""
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")

    def rest(self, shortest_s: float, longest_s: float) -> None:
        time.sleep(self.dice.uniform(shortest_s, longest_s))
