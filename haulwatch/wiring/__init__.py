"""How the parts are put together: the only place that knows settings and parts at once.

A part is imported where it is built: each process holds in memory what it uses, and no more.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from haulwatch.settings.load import Settings
from ingest.log.raw_log import RawLog
from ingest.log.records import CONSUMERS

if TYPE_CHECKING:
    from devices.access.logins import Logins
    from devices.commands.store import CommandStore
    from devices.db.registry import Registry
    from ingest.collector.rate_limit import DeviceRateLimit
    from ingest.collector.shared_log import SharedLog
    from ingest.commands.dispatcher import CommandDispatcher
    from ingest.ledger.report import Ledger
    from ingest.log.disk_guard import GuardedLog
    from ingest.mqtt.source import MqttSource
    from ingest.store.influx import InfluxStore
    from ingest.store.sqlite import SqliteStore
    from rules.alerts.journal import AlertJournal
    from rules.contract.rule import Rule


_RESERVE_BYTES: Final = 1 << 30
_RESERVED_PART: Final = 50
"""Two per cent, so that a small disk is not all reserve."""


def raw_log(settings: Settings) -> RawLog:
    """A hand on the raw log; for one thread at a time."""
    return RawLog(settings.paths.data_dir / "raw", settings.limits.raw_log_segment_mib << 20)


def collector_role(instance: str) -> str:
    """The role of one of several collectors ("": the only one): its lock and its status file bear that name."""
    return f"collector-{instance}" if instance else "collector"


def mqtt_source(settings: Settings, instance: str = "") -> "MqttSource":
    """The collector's session at the broker. Raises OSError."""
    from ingest.collector.shared_log import remember_group
    from ingest.mqtt.source import MqttSource

    mqtt = settings.mqtt
    return MqttSource(
        mqtt.broker,
        f"{mqtt.client_id}-{instance}" if instance else mqtt.client_id,
        session_expiry_s=mqtt.session_expiry_s,
        receive_maximum=mqtt.receive_maximum,
        share_group=mqtt.share_group,
        former_groups=remember_group(settings.paths.data_dir / "share_groups.txt", mqtt.share_group),
    )


def collectors_log(settings: Settings) -> "GuardedLog | SharedLog":
    """The raw log as a collector writes it, alone or as one of several. Raises OSError."""
    from ingest.collector.shared_log import SharedLog

    guarded = guarded_log(settings)
    if not settings.mqtt.share_group:
        return guarded
    return SharedLog(guarded, raw_log(settings).last_offset, settings.paths.data_dir / "ticks.lock")


def disk_reserve_bytes(settings: Settings) -> int:
    """What is to stay free on the raw log's disk. Raises OSError."""
    given_mib = settings.limits.disk_reserve_mib
    if given_mib is not None:
        return given_mib << 20
    return min(_RESERVE_BYTES, shutil.disk_usage(settings.paths.data_dir).total // _RESERVED_PART)


def guarded_log(settings: Settings) -> "GuardedLog":
    """The raw log as the collector writes it: with a reserve left on the disk. Raises OSError."""
    from ingest.log.disk_guard import DiskPolicy, GuardedLog

    return GuardedLog(
        raw_log(settings),
        lambda: shutil.disk_usage(settings.paths.data_dir).free,
        disk_reserve_bytes(settings),
        DiskPolicy(settings.limits.disk_guard),
        CONSUMERS,
        now_ms,
    )


def device_rates(settings: Settings) -> "DeviceRateLimit | None":
    """None: no limit is set."""
    from ingest.collector.rate_limit import DeviceRateLimit

    limits = settings.limits
    if limits.device_messages_per_s == 0:
        return None
    return DeviceRateLimit(limits.device_messages_per_s, limits.device_burst_messages)


def collector_status_path(settings: Settings, instance: str = "") -> Path:
    return settings.paths.data_dir / f"{collector_role(instance)}_status.json"


def heartbeat_path(settings: Settings, role: str) -> Path:
    """Where the process of that role says that it is alive; see `ingest.process.heartbeat`."""
    return settings.paths.data_dir / f"{role}_status.json"


def recorder_state_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "recorder.db"


def judge_state_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "judge.db"


def store(settings: Settings) -> "InfluxStore | SqliteStore":
    """InfluxDB if its variables are set, the embedded store in the data directory otherwise."""
    influx = settings.store
    if influx.url is None or influx.token is None or influx.org is None or influx.bucket is None:
        from ingest.store.sqlite import SqliteStore

        return SqliteStore(settings.paths.data_dir / "readings.db")
    from ingest.store.influx import InfluxStore

    return InfluxStore(influx.url, influx.token.get_secret_value(), influx.org, influx.bucket)


def read_ledger(settings: Settings) -> "Ledger":
    """What became of every reading, as of now."""
    from ingest.ledger import report as ledger

    with closing(raw_log(settings)) as log:
        state = recorder_state_path(settings)
        return ledger.read_ledger(state, log, max_payload_bytes=settings.limits.max_payload_bytes)


def journal(settings: Settings) -> "AlertJournal":
    from devices.db.database import open_database
    from rules.alerts.journal import AlertJournal

    return AlertJournal(open_database(settings.database_url.get_secret_value()))


def rules(settings: Settings) -> "list[Rule[Any]]":
    """Every rule, with the parameters of the rules file. Raises BadRuleParameters."""
    import yaml

    from rules.catalogue import BadRuleParameters, build_rules

    path = settings.rules.file
    if path is None:
        return build_rules()
    try:
        return build_rules(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise BadRuleParameters(f"{path}: {exc}") from exc


@contextmanager
def registry(settings: Settings) -> "Iterator[Registry]":
    from devices.db.registry import Registry

    opened = Registry(settings.database_url.get_secret_value())
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def logins(settings: Settings) -> "Iterator[Logins]":
    from devices.access.logins import Logins

    opened = Logins(settings.database_url.get_secret_value())
    try:
        yield opened
    finally:
        opened.close()


def command_book(settings: Settings) -> "CommandStore":
    from devices.commands.store import CommandStore

    return CommandStore(settings.database_url.get_secret_value())


def commander(settings: Settings) -> "CommandDispatcher":
    """Sends commands and takes their acknowledgements; for one process at a time."""
    from ingest.commands.dispatcher import CommandDispatcher

    mqtt = settings.mqtt
    return CommandDispatcher(mqtt.broker, f"{mqtt.client_id}-commands", command_book(settings), now_ms)


def now_ms() -> int:
    """The wall clock, ms since 1970 UTC."""
    return time.time_ns() // 1_000_000
