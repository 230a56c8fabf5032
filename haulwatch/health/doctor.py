"""The checks of `haulwatch doctor`: everything that Haulwatch needs, with a hint for each fault.

Each check is a small function of the part that it looks at. `run_checks` runs them at once on the real parts, each with
a time limit of its own, so that one dead server does not hide the others.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from devices.db.database import DatabaseError, DatabaseMisconfigured
from devices.db.registry import CityMissing
from devices.sign_on.discovery import Provider
from haulwatch import RELEASED, migrations
from haulwatch.health.attachments import check_attachments
from haulwatch.health.broker_probe import BrokerAnswer, BrokerRefused, BrokerUnreachable, probe_broker
from haulwatch.health.certificates import check_certificates
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.health.kafka import check_kafka
from haulwatch.health.path_status import SILENT_MS
from haulwatch.health.people import Areas, check_map_layers, check_sign_on
from haulwatch.process import system_clock
from haulwatch.settings.data_files import NoData, collector_role, heartbeat_path, require_data_dir
from haulwatch.settings.load import Settings
from ingest.collector.collector import CollectorStatus, read_status
from ingest.log.kafka.figures import FleetFigures
from ingest.log.records import JUDGE
from ingest.process.heartbeat import last_beat
from ingest.store import StoreError, StoreMisconfigured, StoreRejected
from ingest.store.probe import StoreForgets
from rules.attachments.upkeep import Examined
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet

CHECKS: Final = (
    "broker", "collector", "store", "database", "city", "data", "clock", "api", "rules", "certificates",
    "sign-on", "map layers", "attachments", "kafka",
)  # fmt: skip

TIME_LIMIT_S: Final = 15.0
"""For one check: twice the time limit of a CONNECT (once per protocol version), and some."""

_MIB: Final = 1 << 20
_DATABASE_HINT: Final = (
    "start the database, or correct HAULWATCH_DATABASE_URL (by default a file in HAULWATCH_DATA_DIR)"
)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision of the database's tables."""

    current: str | None
    """None: no tables yet."""
    head: str


class DoctorClock(Protocol):
    """The three clocks that are compared."""

    def wall(self) -> float: ...

    def monotonic(self) -> float: ...

    def synchronised(self) -> bool | None: ...


async def check_broker(probe: Callable[[], Awaitable[BrokerAnswer]]) -> CheckResult:
    try:
        answer = await probe()
    except BrokerRefused as exc:
        return CheckResult("broker", CheckStatus.FAIL, str(exc), "set user and password in HAULWATCH_MQTT_URL[_FILE]")
    except BrokerUnreachable as exc:
        return CheckResult("broker", CheckStatus.FAIL, str(exc), "start the broker, or correct HAULWATCH_MQTT_URL")
    detail = f"MQTT {answer.protocol}, answered in {answer.latency_ms:.0f} ms"
    if answer.protocol == "5":
        return CheckResult("broker", CheckStatus.OK, detail)
    hint = "use a broker that speaks MQTT 5 (Mosquitto 2): 3.1.1 has no session expiry and no receive maximum"
    return CheckResult("broker", CheckStatus.WARN, detail, hint)


def check_collector(status: CollectorStatus | None, client_id: str) -> CheckResult:
    """`status`: of the collector that runs; None if none does."""
    if status is None:
        return CheckResult("collector", CheckStatus.OK, "does not run now")
    if status.contested:
        detail = f"the broker ends its connection again and again: another process uses the client id {client_id!r}"
        hint = "set another HAULWATCH_CLIENT_ID in one of the two installations: each receives a part of the readings"
        return CheckResult("collector", CheckStatus.FAIL, detail, hint)
    if status.disk_full or not status.connected:
        hint = "free disk space" if status.disk_full else "see the check of the broker"
        return CheckResult("collector", CheckStatus.FAIL, status.last_error or "is not connected", hint)
    return CheckResult("collector", CheckStatus.OK, f"connected as {client_id}, MQTT {status.protocol}")


async def check_store(prove: Callable[[], Awaitable[str]], *, embedded: bool) -> CheckResult:
    """`prove` writes a point and reads it back: many stores answer a ping without looking at token and bucket."""
    try:
        name = await prove()
    except NoData as exc:
        return CheckResult("store", CheckStatus.FAIL, str(exc), "the embedded store is a file in the data directory")
    except StoreForgets as exc:
        return CheckResult("store", CheckStatus.FAIL, str(exc), "set HAULWATCH_INFLUX_URL to an InfluxDB")
    except StoreRejected as exc:
        hint = "look at retention and limits of the bucket: it must take points of now"
        return CheckResult("store", CheckStatus.FAIL, f"rejected a point: {exc}", hint)
    except StoreMisconfigured as exc:
        hint = "check HAULWATCH_INFLUX_TOKEN, _ORG and _BUCKET: the token must read and write that bucket"
        return CheckResult("store", CheckStatus.FAIL, str(exc), hint)
    except StoreError as exc:
        hint = "check the data directory" if embedded else "start InfluxDB, or correct HAULWATCH_INFLUX_URL"
        return CheckResult("store", CheckStatus.FAIL, str(exc), f"{hint}; readings wait in the raw log meanwhile")
    detail = "embedded; " if embedded else ""
    return CheckResult("store", CheckStatus.OK, f"{name} ({detail}a point was written and read back)")


def check_database(schema: Callable[[], SchemaState]) -> CheckResult:
    try:
        state = schema()
    except NoData as exc:
        return CheckResult("database", CheckStatus.FAIL, str(exc), "run `haulwatch city import DIR`")
    except DatabaseError as exc:
        return CheckResult("database", CheckStatus.FAIL, _first_line(exc), _DATABASE_HINT)
    if state.current == state.head:
        return CheckResult("database", CheckStatus.OK, f"tables are at revision {state.head}")
    found = "has no tables yet" if state.current is None else f"is at revision {state.current}, not {state.head}"
    return CheckResult("database", CheckStatus.FAIL, found, "run `haulwatch db upgrade`")


def check_city(devices: Callable[[], int]) -> CheckResult:
    try:
        count = devices()
    except (CityMissing, NoData):
        hint = "run `haulwatch city import DIR`: without a city, only the collector starts"
        return CheckResult("city", CheckStatus.FAIL, "no city was imported yet", hint)
    except DatabaseMisconfigured as exc:
        hint = "run `haulwatch city import DIR`, which creates the tables too, or correct HAULWATCH_DATABASE_URL"
        return CheckResult("city", CheckStatus.FAIL, _first_line(exc), hint)
    except DatabaseError as exc:
        return CheckResult("city", CheckStatus.FAIL, _first_line(exc), _DATABASE_HINT)
    if count:
        return CheckResult("city", CheckStatus.OK, f"{count} {'device' if count == 1 else 'devices'} registered")
    hint = "list the devices in the city's devices.yaml and import it: until then every reading is quarantined"
    return CheckResult("city", CheckStatus.WARN, "no devices registered", hint)


def check_data_dir(directory: Path, min_free_mib: int) -> CheckResult:
    hint = "make it writable for this user, or set HAULWATCH_DATA_DIR"
    try:
        require_data_dir(directory)
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(b"haulwatch")
        free_mib = shutil.disk_usage(directory).free // _MIB
    except NoData as exc:
        return CheckResult("data", CheckStatus.FAIL, str(exc), "set HAULWATCH_DATA_DIR, or import a city")
    except OSError as exc:
        return CheckResult("data", CheckStatus.FAIL, f"{directory}: {exc.strerror}", hint)
    detail = f"{directory} is writable, {free_mib:,} MiB free"
    if free_mib < min_free_mib:
        return CheckResult(
            "data",
            CheckStatus.FAIL,
            detail,
            f"free disk space: {min_free_mib:,} MiB are required (HAULWATCH_MIN_FREE_MIB)",
        )
    return CheckResult("data", CheckStatus.OK, detail)


def check_rules(
    rules: Callable[[], RuleSetChoice], file: Path | None, failures: Mapping[str, int], failed_at: int | None
) -> CheckResult:
    """`rules` reads the rule set that holds, and raises BadRuleSet.

    `failures`: rules that raised at a reading since the judge's file began; `failed_at`: the last one of the judge's
    process.
    """
    try:
        version = rules().version
    except BadRuleSet as exc:
        hint = "correct the file that HAULWATCH_RULES_FILE names, or apply another rule set (`haulwatch rules apply`)"
        return CheckResult("rules", CheckStatus.FAIL, " ".join(str(exc).split()), hint)
    named = ", ".join(f"{rule} at {count:,} readings" for rule, count in sorted(failures.items()) if count)
    holds = f"rule set {version} holds" if version else "the rules file holds" if file else "the shipped rule set holds"
    if not named and version and file is not None:
        detail = f"{holds}, {file} is not read: a rule set was applied since"
        return CheckResult("rules", CheckStatus.WARN, detail, "remove HAULWATCH_RULES_FILE, or apply that file")
    if not named:
        return CheckResult("rules", CheckStatus.OK, f"{holds}, none has failed")
    last = "" if failed_at is None else f", last {datetime.fromtimestamp(failed_at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    hint = "report the traceback in the judge's log; the rule's state of those devices was reset, other rules went on"
    return CheckResult("rules", CheckStatus.WARN, f"failed: {named}{last}", hint)


async def check_clock(clock: DoctorClock, watch_s: float = 0.25) -> CheckResult:
    """Receive times are as good as this clock. A clock that steps while watched is set by two programs at once."""
    wall, monotonic = clock.wall(), clock.monotonic()
    if wall < RELEASED.timestamp():
        shown = datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds")
        detail = f"shows {shown}, before the date of this release ({RELEASED:%Y-%m-%d})"
        return CheckResult("clock", CheckStatus.FAIL, detail, "set the clock, and run an NTP client")
    await asyncio.sleep(watch_s)
    step_ms = abs((clock.wall() - wall) - (clock.monotonic() - monotonic)) * 1000
    if step_ms > 50:
        return CheckResult(
            "clock",
            CheckStatus.WARN,
            f"stepped {step_ms:.0f} ms while watched",
            "find the program that sets it; run one NTP client only",
        )
    match clock.synchronised():
        case True:
            return CheckResult("clock", CheckStatus.OK, "steady and synchronised")
        case False:
            return CheckResult(
                "clock", CheckStatus.WARN, "steady, but not synchronised according to the kernel", "run an NTP client"
            )
        case None:
            return CheckResult(
                "clock", CheckStatus.OK, "steady; this system does not report whether it is synchronised"
            )


async def check_api_port(host: str, port: int) -> CheckResult:
    """The port is free, or our API answers; another program there is a failure."""
    where = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host  # noqa: S104
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(where, port), 3)
    except (OSError, TimeoutError):
        return CheckResult("api", CheckStatus.OK, f"port is free: nothing answers on {host}:{port}")
    try:
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {where}\r\nConnection: close\r\n\r\n".encode())
        first = await asyncio.wait_for(reader.readline(), 3)
    except (OSError, TimeoutError):
        first = b""
    finally:
        writer.close()
    if first.startswith(b"HTTP/1.1 200"):
        return CheckResult("api", CheckStatus.OK, f"answers on {host}:{port}")
    hint = "stop that program, or set HAULWATCH_API_PORT"
    return CheckResult("api", CheckStatus.FAIL, f"another program answers on {host}:{port}", hint)


class DoctorParts(NamedTuple):
    """The parts that the settings name. All but the first are called in a thread."""

    prove_store: Callable[[], Awaitable[str]]
    """Writes a point, reads it back, and returns the store's name. Raises StoreError, NoData."""
    database_url: Callable[[], str]
    """Raises NoData."""
    count_devices: Callable[[], int]
    """The number of registered devices. Raises CityMissing, DatabaseError, NoData."""
    rules: Callable[[], RuleSetChoice]
    """Reads the rule set that holds. Raises BadRuleSet."""
    find_provider: Callable[[], Provider]
    """Reads the identity provider's discovery document and keys. Raises OperatorError."""
    areas: Callable[[], Areas]
    """Districts and hauliers of the registered city. Raises CityMissing, DatabaseError, NoData."""
    accounts_exist: Callable[[], bool]
    """Raises DatabaseError, NoData."""
    attachments: Callable[[], Examined] = Examined
    """Looks at their files for some seconds. Raises DatabaseError, NoData."""
    topic: Callable[[], Mapping[str, str]] | None = None
    """The settings of the raw log's topic, where it is on Kafka. Raises RawLogError, OperatorError."""
    wanted_of_topic: Callable[[int], Mapping[str, str]] = lambda replicas: {}
    """What they should be, with so many replicas."""
    unread: Callable[[], Mapping[str, int]] = dict
    """Messages of that topic that each reader has not committed. Raises RawLogError, OperatorError."""
    fleet: Callable[[], FleetFigures] | None = None
    """Who judges verdicts, where judges share partitions. Raises RawLogError."""


async def run_checks(settings: Settings, parts: DoctorParts, only: Collection[str] = ()) -> list[CheckResult]:
    """Run the named checks (all, if none is named) at once, and return their results in the order of `CHECKS`.

    Raises ValueError for a name that is not a check.
    """
    checks: dict[str, Callable[[], Awaitable[CheckResult]]] = {
        "broker": lambda: check_broker(lambda: probe_broker(settings.mqtt.broker)),
        "collector": lambda: asyncio.to_thread(_collector, settings),
        "store": lambda: check_store(parts.prove_store, embedded=settings.store.embedded),
        "database": lambda: asyncio.to_thread(check_database, lambda: _schema_state(parts.database_url())),
        "city": lambda: asyncio.to_thread(check_city, parts.count_devices),
        "data": lambda: asyncio.to_thread(check_data_dir, settings.paths.data_dir, settings.paths.min_free_mib),
        "clock": lambda: check_clock(system_clock),
        "api": lambda: check_api_port(settings.api.host, settings.api.port),
        "rules": lambda: asyncio.to_thread(_rules, settings, parts.rules),
        "certificates": lambda: check_certificates(settings, datetime.now(UTC)),
        "sign-on": lambda: asyncio.to_thread(check_sign_on, settings, parts.find_provider, parts.areas),
        "attachments": lambda: asyncio.to_thread(check_attachments, parts.attachments),
        "map layers": lambda: asyncio.to_thread(check_map_layers, settings, parts.accounts_exist),
        "kafka": lambda: asyncio.to_thread(check_kafka, parts.topic, parts.wanted_of_topic, parts.unread, parts.fleet),
    }
    if unknown := set(only) - set(CHECKS):
        raise ValueError(f"no such check: {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    chosen = [name for name in CHECKS if not only or name in only]
    return list(await asyncio.gather(*(_guarded(name, checks[name]) for name in chosen)))


def _collector(settings: Settings) -> CheckResult:
    files = settings.paths.data_dir.glob(f"{collector_role()}*_status.json")
    statuses = [status for status in map(read_status, files) if status is not None]
    running = [status for status in statuses if abs(system_clock.now_ms() - status.at) < SILENT_MS]
    # Of several, the one with the worst trouble.
    running.sort(key=lambda status: (not status.contested, not status.disk_full, status.connected))
    return check_collector(running[0] if running else None, settings.mqtt.client_id)


def _rules(settings: Settings, rules: Callable[[], RuleSetChoice]) -> CheckResult:
    beat = last_beat(heartbeat_path(settings, JUDGE))
    failures, failed_at = ({}, None) if beat is None else (beat.failures, beat.failed_at)
    return check_rules(rules, settings.rules.file, failures, failed_at)


def _schema_state(database_url: str) -> SchemaState:
    return SchemaState(migrations.current(database_url), migrations.head())


async def _guarded(name: str, check: Callable[[], Awaitable[CheckResult]]) -> CheckResult:
    """A check that raises is a failed check; the others go on."""
    try:
        return await asyncio.wait_for(check(), TIME_LIMIT_S)
    except TimeoutError:
        return CheckResult(name, CheckStatus.FAIL, f"no answer within {TIME_LIMIT_S:.0f} s", "check whether it hangs")
    except Exception as exc:  # noqa: BLE001
        return CheckResult(name, CheckStatus.FAIL, f"{type(exc).__name__}: {_first_line(exc)}", "")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def passed(results: Sequence[CheckResult]) -> bool:
    """True if no check failed; warnings pass."""
    return all(result.status is not CheckStatus.FAIL for result in results)
