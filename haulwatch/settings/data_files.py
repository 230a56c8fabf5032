"""The files and folders in the data directory, by the process that writes them."""

from pathlib import Path
from typing import Final

from devices.errors import OperatorError
from haulwatch.settings.load import Settings, load_settings

_SIGNS: Final = ("haulwatch.db", "raw", "recorder.db", "collector_status.json")
"""The first files of an installation: of an import, of a collector, of a recorder."""
GATEWAY_ROLES: Final = "gateway_"
"""Begins the roles of gateways."""
_GATEWAY_STATUS: Final = "_status.json"
_BEGIN: Final = "correct HAULWATCH_DATA_DIR, or begin with `haulwatch city import DIR`"


class NoData(OperatorError):
    """The data directory is not there, or holds nothing of Haulwatch: most often a mistyped name."""


def require_data_dir(folder: Path) -> None:
    """Raise NoData unless the folder exists: what only reads, or needs a city, must not create an empty one."""
    if not folder.exists():
        raise NoData(f"{folder}: no such data directory: {_BEGIN}, which creates it")
    if not folder.is_dir():
        raise NoData(f"{folder}: Not a directory: correct HAULWATCH_DATA_DIR")


def settings_with_data() -> Settings:
    """The settings, for a command that reads files of the data directory. Raises SettingsError, NoData."""
    settings = load_settings()
    folder = settings.paths.data_dir
    require_data_dir(folder)
    if not any((folder / name).exists() for name in _SIGNS):
        raise NoData(f"{folder} holds no data of Haulwatch: {_BEGIN}")
    return settings


def raw_log_folder(settings: Settings) -> Path:
    return settings.paths.data_dir / "raw"


def collector_role(instance: str = "") -> str:
    """The role of a collector; its lock and its status file have this name. `instance`: one of several collectors."""
    return f"collector-{instance}" if instance else "collector"


def collector_status_path(settings: Settings, instance: str = "") -> Path:
    return settings.paths.data_dir / f"{collector_role(instance)}_status.json"


def waiting_file_path(settings: Settings, instance: str = "") -> Path:
    """Messages that wait for their device's share of the raw log."""
    return settings.paths.data_dir / f"{collector_role(instance)}_waiting.db"


def waiting_file_paths(settings: Settings) -> list[Path]:
    """The files of all collectors."""
    return sorted(settings.paths.data_dir.glob("collector*_waiting.db"))


def over_limit_path(settings: Settings, role: str) -> Path:
    """Devices beyond a limit, as the process with that role names them (`ingest.process.over_limit`)."""
    return settings.paths.data_dir / f"{role}_limits.json"


def over_limit_paths(settings: Settings) -> list[Path]:
    return sorted(settings.paths.data_dir.glob("*_limits.json"))


def heartbeat_path(settings: Settings, role: str) -> Path:
    """The heartbeat of the process with that role (`ingest.process.heartbeat`)."""
    return settings.paths.data_dir / f"{role}_status.json"


def gateway_role(name: str) -> str:
    """The role of a gateway; its lock has this name."""
    return f"{GATEWAY_ROLES}{name}"


def gateway_folder(settings: Settings) -> Path:
    """What gateways keep: the one folder that they need, where each process has its own data directory."""
    return settings.paths.data_dir / "gateways"


def gateway_status_path(settings: Settings, name: str) -> Path:
    """The status of a gateway (`ingest.gateways.status`); it goes when the gateway is stopped."""
    return gateway_folder(settings) / f"{name}{_GATEWAY_STATUS}"


def gateway_status_paths(settings: Settings) -> dict[str, Path]:
    """By name of the gateway: of those that run, and of those that died."""
    found = sorted(gateway_folder(settings).glob(f"*{_GATEWAY_STATUS}"))
    return {path.name.removesuffix(_GATEWAY_STATUS): path for path in found}


def jt808_secret_path(settings: Settings) -> Path:
    """The secret behind the codes of JT/T 808 terminals, where no setting has it."""
    return gateway_folder(settings) / "jt808_secret"


def ticket_book_path(settings: Settings, device_id: str) -> Path:
    """Numbers and waiting weighings of a scale (`ingest.gateways.scale.ticket_book`)."""
    return settings.paths.data_dir / "gateways" / f"scale-{device_id}.sqlite"


def recorder_state_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "recorder.db"


def judge_state_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "judge.db"


def publisher_cursors_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "announcer.db"


def notice_cursors_path(settings: Settings) -> Path:
    """How far notices have followed the journal, and what shelves hold back from them."""
    return settings.paths.data_dir / "notices.db"


def alert_outbox_path(settings: Settings) -> Path:
    """Alert changes that wait for the database (`ingest.alerts.outbox`)."""
    return settings.paths.data_dir / "outbox.db"


def kept_city_path(settings: Settings) -> Path:
    """The city as the registry had it last, for starts while the registry does not answer."""
    return settings.paths.data_dir / "city.kept"


def retention_clock_path(settings: Settings) -> Path:
    """The time by which retention removes segments (`haulwatch.process.retention`)."""
    return settings.paths.data_dir / "retention.clock"


def embedded_store_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "readings.db"


def share_groups_path(settings: Settings) -> Path:
    """The share groups that this collector has subscribed to, so that it can leave former ones."""
    return settings.paths.data_dir / "share_groups.txt"


def simulation_report_path(settings: Settings) -> Path:
    return settings.paths.data_dir / "simulators" / "report.json"


def process_log_folder(settings: Settings) -> Path:
    """The log lines of supervised processes."""
    return settings.paths.data_dir / "logs"


def authority_folder(settings: Settings) -> Path:
    """The certificate authority, and by default the broker's certificate."""
    return settings.paths.data_dir / "authority"


def evidence_folder(settings: Settings) -> Path:
    """The key that signs evidence packs."""
    return settings.paths.data_dir / "evidence"


def attachments_folder(settings: Settings) -> Path:
    """Photos and documents, by their SHA-256 (`rules.attachments.files`)."""
    return settings.paths.data_dir / "attachments"


def informant_keys_path(settings: Settings) -> Path:
    """The keys that seal names of informants."""
    return settings.paths.data_dir / "reports" / "informant_keys"


def informant_clock_path(settings: Settings) -> Path:
    """The time by which names of informants are erased."""
    return settings.paths.data_dir / "informants.clock"


def deposit_key_path(settings: Settings) -> Path:
    """The key that makes pseudonyms of cards and codes at recycling points."""
    return settings.paths.data_dir / "deposits" / "pseudonym_key"


def device_certificate_folder(settings: Settings) -> Path:
    return settings.paths.data_dir / "certificates"


def broker_file_folder(settings: Settings) -> Path:
    """Passwords and access rules for the broker."""
    return settings.paths.data_dir / "broker"


def revisions_path(settings: Settings) -> Path:
    """The last revisions of city and rules that were appended to the raw log (`ingest.log.revision_writer`)."""
    return raw_log_folder(settings) / "revisions.json"


def tick_lock_path(settings: Settings) -> Path:
    """Of several collectors, one holds this lock and writes the ticks."""
    return settings.paths.data_dir / "ticks.lock"
