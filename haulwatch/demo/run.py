"""The whole path on one machine with nothing else installed.

The four processes are those of production; only the broker, the stores and the devices belong to the demo.
"""

import json
import secrets
import shutil
import socket
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import structs

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.model import City
from devices.codecs.codec import Flaw
from devices.codecs.registry import decode
from devices.errors import OperatorError
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError
from haulwatch import migrations
from haulwatch.demo.manifests import DemoManifests
from haulwatch.demo.view import AlertLine, ReadingLine, Snapshot, Totals
from haulwatch.process.supervisor import PATH_PROCESSES, Child, Supervisor
from haulwatch.settings.data_files import collector_status_path, process_log_folder, simulation_report_path
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.databases import open_journal, open_registry
from haulwatch.wiring.desk.manifests import open_manifests
from haulwatch.wiring.log import open_segments
from haulwatch.wiring.rules import configured_rules
from haulwatch.wiring.stores import current_ledger
from ingest.collector.collector import read_status
from ingest.ledger.report import Ledger
from ingest.log.records import holds_readings
from rules.alerts.actions import AlertFilter, AlertView

SCENARIO_S: Final = 2_400
"""Length of the script in device time."""
DEFAULT_SPEED: Final = 24.0
"""Without --for: the script is over after 100 s of watching."""
_START_AND_HOLD_S: Final = 35.0
"""The part of a timed demo that start-up and the hold times of the last alerts take."""
_STARTUP_LIMIT_S: Final = 120.0
_DRAIN_LIMIT_S: Final = 120.0
_LAST_READINGS: Final = 10
_LAST_ALERTS: Final = 8


class DemoFailed(OperatorError):
    """The demo cannot run; the message names the cause and shows the last log lines of each process."""


@dataclass(frozen=True)
class DemoOptions:
    """The options of a demo."""

    seconds: float | None
    """End after this time; None: run until it is stopped."""
    seed: int
    speed: float | None
    """Device seconds per second while the script catches up; None: what fits `seconds`."""
    keep: Path | None
    """Folder for raw log, stores and logs; None: a temporary folder, removed at the end."""


class Demo:
    """One running demo. `demo()` makes it."""

    def __init__(self, options: DemoOptions, folder: Path, environ: Mapping[str, str]) -> None:
        self._options = options
        self._folder = folder
        port = _free_port()
        self.token = secrets.token_urlsafe(24)
        environment = {
            **{name: value for name, value in environ.items() if not name.startswith("HAULWATCH_")},
            "HAULWATCH_DATA_DIR": str(folder),
            "HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{port}",
            "HAULWATCH_API_TOKEN": self.token,
            "HAULWATCH_API_PORT": str(_free_port(prefer=8080)),
            "HAULWATCH_PROGRAMME": str(JINCHENG / "programme.yaml"),
        }
        self.settings: Settings = load_settings(environment)
        self.city: City = read_city(JINCHENG)
        self._report_path = simulation_report_path(self.settings)
        children = [
            Child("broker", ["broker", "--port", str(port)]),
            *(Child(name, [name]) for name in PATH_PROCESSES),
            Child("simulate", self._simulate()),
        ]
        self.supervisor = Supervisor(children, environment, process_log_folder(self.settings))
        migrations.upgrade(self.settings.database_url.get_secret_value())
        self._log = open_segments(self.settings)
        self._journal = open_journal(self.settings)
        self._opened = ExitStack()
        rules = configured_rules(self.settings)
        store = self._opened.enter_context(open_manifests(self.settings, lambda: self.city, lambda: rules))
        self._manifests = DemoManifests(store, self.city)
        self._last: deque[ReadingLine] = deque(maxlen=_LAST_READINGS)
        self._last_offset = 0
        self._started = time.monotonic()
        self._rate: deque[tuple[float, int]] = deque(maxlen=20)

    @property
    def api_url(self) -> str:
        return f"http://{self.settings.api.host}:{self.settings.api.port}/"

    @property
    def zone(self) -> ZoneInfo:
        """The city's."""
        return ZoneInfo(self.city.timezone)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    @property
    def over(self) -> bool:
        return self._options.seconds is not None and self.elapsed_s >= self._options.seconds

    def start(self) -> None:
        """Import the city, start the path, then the devices. Raises DemoFailed."""
        with open_registry(self.settings) as registry:
            registry.import_city(self.city)
        self.supervisor.start("broker", *PATH_PROCESSES)
        deadline = time.monotonic() + _STARTUP_LIMIT_S
        while not self._listening():
            self.supervisor.tend()
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"--- {child.name}\n{self.supervisor.log_tail(child.name)}" for child in self.supervisor.children
                )
                raise DemoFailed(f"the path did not start in {_STARTUP_LIMIT_S:.0f} s; the last log lines:\n{logs}")
            time.sleep(0.1)
        self.supervisor.start("simulate")

    def tend(self) -> None:
        """Start what has ended again, and issue the manifests that are due. To be called twice a second."""
        self.supervisor.tend()
        self._manifests.follow(self._report())

    def snapshot(self) -> Snapshot:
        """The state of the demo now, for the live view."""
        report = self._report()
        ledger = self._ledger()
        totals = _totals(report, ledger)
        self._rate.append((time.monotonic(), totals.published))
        return Snapshot(
            elapsed_s=self.elapsed_s,
            seconds=self._options.seconds,
            device_time=report.get("device_time"),
            caught_up=bool(report.get("caught_up")),
            connected=int(report.get("connected", 0)),
            totals=totals,
            rate_per_s=self._rate_per_s(),
            quarantined_by_reason=dict(ledger.total.quarantined),
            processes=[(child.name, child.state, child.restarts) for child in self.supervisor.children],
            readings=self._last_readings(),
            alerts=[_alert_line(alert) for alert in self._alerts()[:_LAST_ALERTS]],
            api_url=self.api_url,
            token=self.token,
            city=self.city.title,
            timezone=self.zone,
        )

    def finish(self) -> dict[str, Any]:
        """Stop the devices, wait until the path has read everything, stop it, and return the summary."""
        seconds = self.elapsed_s
        self.supervisor.stop("simulate")
        deadline = time.monotonic() + _DRAIN_LIMIT_S
        while not self._drained() and time.monotonic() < deadline:
            self.supervisor.tend()
            time.sleep(0.2)
        self.supervisor.stop()
        report = self._report()
        ledger = self._ledger()
        totals = _totals(report, ledger)
        return {
            "published": totals.published,
            "received": totals.received,
            "stored": totals.stored,
            "duplicate": totals.duplicate,
            "quarantined": totals.quarantined,
            "queued": totals.queued,
            "balanced": totals.balanced,
            "quarantined_by_reason": dict(ledger.total.quarantined),
            "alerts": [_summary(alert) for alert in reversed(self._alerts())],
            "manifests": self._manifests.summary(),
            "labels": report.get("labels", []),
            "script_done": bool(report.get("script_done")),
            "seed": self._options.seed,
            "seconds": round(seconds, 1),
            "simulated": True,
        }

    def close(self) -> None:
        """Stop every process that still runs."""
        self.supervisor.stop()
        self._opened.close()
        self._log.close()

    def _simulate(self) -> list[str]:
        options = self._options
        speed = options.speed
        if speed is None:
            watched_s = options.seconds - _START_AND_HOLD_S if options.seconds is not None else 0.0
            speed = SCENARIO_S / watched_s if watched_s >= 60 else DEFAULT_SPEED
        return [
            "simulate", "--seed", str(options.seed), "--speed", f"{speed:.2f}", "--length", str(SCENARIO_S),
            "--report", str(self._report_path),
        ]  # fmt: skip

    def _listening(self) -> bool:
        status = read_status(collector_status_path(self.settings))
        return status is not None and status.connected and _answers(self.settings.api.host, self.settings.api.port)

    def _drained(self) -> bool:
        """True when every published reading is recorded, and the judge has read the log to its end."""
        totals = _totals(self._report(), self._ledger())
        judged = self._log.committed().get("judge", 0)
        return totals.received >= totals.published and totals.queued == 0 and judged >= self._log.last_offset()

    def _report(self) -> dict[str, Any]:
        try:
            report: dict[str, Any] = json.loads(self._report_path.read_bytes())
        except (OSError, ValueError):
            return {}
        return report

    def _ledger(self) -> Ledger:
        return current_ledger(self.settings)

    def _alerts(self) -> tuple[AlertView, ...]:
        """The newest alerts, newest first."""
        return self._journal.alerts(AlertFilter(), limit=200).items

    def _rate_per_s(self) -> float:
        (then, before), (now, published) = self._rate[0], self._rate[-1]
        return (published - before) / (now - then) if now > then else 0.0

    def _last_readings(self) -> list[ReadingLine]:
        newest = self._log.last_offset()
        for record in self._log.read(max(self._last_offset, newest - _LAST_READINGS), _LAST_READINGS):
            self._last_offset = record.offset
            if not holds_readings(record.message):
                continue
            try:
                readings = decode(record.message.topic, record.message.payload)
            except DecodeError:
                continue
            last = readings[-1]
            if not isinstance(last, Flaw):
                self._last.appendleft(ReadingLine(last.ts, last.device_id, last.kind, _measured(last)))
        return list(self._last)


@contextmanager
def demo(options: DemoOptions, environ: Mapping[str, str]) -> Iterator[Demo]:
    """A demo that is not started yet; at the end of the block none of its processes runs. Raises DemoFailed.

    `environ`: the environment of its processes, except for `HAULWATCH_` variables.
    """
    folder = options.keep or Path(tempfile.mkdtemp(prefix="haulwatch-demo-"))
    if options.keep is not None and folder.exists() and any(folder.iterdir()):
        raise DemoFailed(f"{folder} is not empty: give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with closing(Demo(options, folder, environ)) as running:
            yield running
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _totals(report: Mapping[str, Any], ledger: Ledger) -> Totals:
    total = ledger.total
    return Totals(
        published=int(report.get("published", 0)),
        received=total.received,
        stored=total.stored,
        duplicate=total.duplicate,
        quarantined=sum(total.quarantined.values()),
        queued=total.queued,
    )


def _measured(reading: Reading) -> str:
    """The measured values that differ from their defaults, as one line."""
    values = {
        info.name: value
        for info in structs.fields(reading)
        if info.name not in {"device_id", "ts", "seq"}
        and (value := getattr(reading, info.name)) not in {None, info.default}
    }
    return "  ".join(f"{name} {value}" for name, value in values.items())


def _alert_line(alert: AlertView) -> AlertLine:
    return AlertLine(
        alert.rule, alert.subject, alert.phase, alert.severity, alert.opened_at, alert.title.en, alert.title.zh
    )


def _summary(alert: AlertView) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "rule": alert.rule,
        "subject": alert.subject,
        "phase": alert.phase,
        "severity": alert.severity,
        "opened_at": alert.opened_at,
        "confirmed_at": alert.confirmed_at,
        "closed_at": alert.closed_at,
        "title": alert.title.model_dump(),
    }


def _free_port(prefer: int = 0) -> int:
    for port in (prefer, 0):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = sock.getsockname()[1]
            return found
    raise DemoFailed("no TCP port on loopback is free")


def _answers(host: str, port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(0.5)
        return sock.connect_ex((host, port)) == 0
