"""The settings, in small frozen groups; those of the API and the base map are in `api_group` and `map_group`.

Every field has a variable, a unit and the reason for its default.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, SecretStr, model_validator

from devices.codecs.codec import MAX_PAYLOAD_BYTES
from haulwatch.settings.api_group import ApiSettings
from haulwatch.settings.attachment_group import AttachmentSettings
from haulwatch.settings.case_group import CaseSettings
from haulwatch.settings.evidence_group import EvidenceSettings
from haulwatch.settings.fields import Group, Variable, field, iana_timezone, mqtt_url, readable_file
from haulwatch.settings.gateway_group import GatewaySettings
from haulwatch.settings.kafka_group import KafkaSettings
from haulwatch.settings.map_group import MapSettings
from haulwatch.settings.programme_group import DepositSettings, ProgrammeSettings
from haulwatch.settings.report_group import ReportSettings
from haulwatch.settings.sign_on_group import SignOnSettings
from haulwatch.settings.urls import database_url, http_url
from ingest.mqtt.url import MqttUrl


class MqttSettings(Group):
    """The broker, and the collector's session there."""

    url: Annotated[SecretStr, AfterValidator(mqtt_url)] = field(
        SecretStr("mqtt://127.0.0.1:1883"),
        "MQTT_URL",
        "mqtt[s]://user:password@host:port",
        "The broker; the default is one on this machine. mqtts checks the certificate. Ports default to 1883 and 8883.",
    )
    client_id: str = field(
        "haulwatch-collector",
        "CLIENT_ID",
        "text, 1-23 of A-Z a-z 0-9 _ -",
        "Names the session at the broker. Fixed, so that a restart finds its queue; two collectors need two names.",
        pattern=r"^[A-Za-z0-9_-]{1,23}$",
    )
    session_expiry_s: int = field(
        604_800,
        "SESSION_EXPIRY_S",
        "seconds",
        "How long the broker queues for an absent collector. A week is longer than a long weekend and a repair.",
        ge=60,
        le=0xFFFF_FFFF,
    )
    receive_maximum: int = field(
        2_000,
        "RECEIVE_MAXIMUM",
        "messages",
        "Unacknowledged messages in flight: enough that some are on the way while others are synced to disk.",
        ge=1,
        le=65_535,
    )
    share_group: str = field(
        "",
        "BROKER_SHARE_GROUP",
        "text, up to 64 of A-Z a-z 0-9 _ -",
        "Collectors (`haulwatch collect --instance`) of one group divide the messages. The exported access list keeps "
        "devices out of every group; at a broker that does not, a device that knows the name can take readings away. "
        "Mosquitto 2.0 forgets groups when it restarts, and loses messages that arrive before the first is back. "
        "Absent: one collector receives all.",
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
    )

    @property
    def broker(self) -> MqttUrl:
        return MqttUrl.parse(self.url.get_secret_value())


class StoreSettings(Group):
    """InfluxDB. All four or none; with none readings go to the embedded store in the data directory."""

    url: Annotated[str, AfterValidator(http_url)] | None = field(
        None,
        "INFLUX_URL",
        "http[s]://host:port",
        "InfluxDB, or a server with its /api/v2/write and /query. Absent: the embedded SQLite store, no server needed.",
    )
    token: SecretStr | None = field(
        None,
        "INFLUX_TOKEN",
        "token",
        "Must be allowed to read and write the bucket. For InfluxDB 1.x give user:password.",
        min_length=1,
    )
    org: str | None = field(
        None, "INFLUX_ORG", "name", "Organisation of the bucket; InfluxDB 1.x ignores it, write -.", min_length=1
    )
    bucket: str | None = field(
        None,
        "INFLUX_BUCKET",
        "name",
        "Where points are written; the database name in InfluxDB 1.x and InfluxQL.",
        min_length=1,
    )

    @property
    def embedded(self) -> bool:
        return self.url is None

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        missing = [name for name, value in self if value is None]
        if missing and len(missing) < len(type(self).model_fields):
            names = ", ".join(Variable.of(type(self).model_fields[name]).name for name in missing)
            raise ValueError(f"InfluxDB needs all of its four variables or none: {names} missing")
        return self


class DatabaseSettings(Group):
    """The registry of devices and the journal of alerts."""

    url: Annotated[SecretStr, AfterValidator(database_url)] | None = field(
        None,
        "DATABASE_URL",
        "sqlite:///path or postgresql://user:password@host/name",
        "Registry and alert journal. Absent: SQLite in the data directory, enough for one machine.",
    )


class PathSettings(Group):
    """The data directory."""

    data_dir: Path = field(
        Path("var"),
        "DATA_DIR",
        "directory",
        "Raw log, embedded store, ledger. Use a disk that keeps synced data; ./var is enough for a laptop.",
    )
    min_free_mib: int = field(
        1_024,
        "MIN_FREE_MIB",
        "MiB",
        "Below it `haulwatch doctor` fails: 1 GiB is an hour of raw log at 1,000 messages/s, time to act.",
        ge=0,
    )


class LimitSettings(Group):
    """Limits of what is accepted and kept."""

    max_payload_bytes: int = field(
        MAX_PAYLOAD_BYTES,
        "MAX_PAYLOAD_BYTES",
        "bytes",
        "A larger message is quarantined. 64 KiB is about 300 buffered positions; devices split longer uploads.",
        ge=1_024,
        le=1_048_576,
    )
    device_messages_per_s: float = field(
        100.0,
        "DEVICE_MESSAGES_PER_S",
        "messages per second",
        "Rate limit of one device; messages beyond it are counted in quarantine, other devices are not affected. Ten "
        "times the busiest sensor. 0: no limit.",
        ge=0,
        le=1_000_000,
    )
    device_burst_messages: int = field(
        10_000,
        "DEVICE_BURST_MESSAGES",
        "messages",
        "Messages that one device may send at once: nearly three hours of buffer at one message a second.",
        ge=1,
        le=10_000_000,
    )
    device_kib_per_s: float = field(
        32.0,
        "DEVICE_KIB_PER_S",
        "KiB per second",
        "Rate limit of one device by size, beside that by messages: as much as 100 messages/s. 0: no limit.",
        ge=0,
        le=1_048_576,
    )
    device_burst_mib: int = field(
        32,
        "DEVICE_BURST_MIB",
        "MiB",
        "Sent by one device at once: two days of positions once a second, in arrays.",
        ge=1,
        le=65_536,
    )
    device_readings_per_s: float = field(
        500.0,
        "DEVICE_READINGS_PER_S",
        "readings per second",
        "Share of one device in the raw log; the rest of a large upload waits on disk, so that others pass it. A day "
        "of positions once a second takes three minutes. 0: nothing waits.",
        ge=0,
        le=1_000_000,
    )
    device_dead_letters_mib: int = field(
        64,
        "DEVICE_DEAD_LETTERS_MIB",
        "MiB",
        "Dead letters kept of one device: a day of positions once a second. Beyond it they are one letter an hour and "
        "reason, which says how many and keeps the first.",
        ge=1,
        le=65_536,
    )
    dead_letters_mib: int = field(
        1_024,
        "DEAD_LETTERS_MIB",
        "MiB",
        "Dead letters kept of all devices, likewise. While the disk reserve is not free, no letter is kept.",
        ge=1,
        le=1_048_576,
    )
    dead_letter_keep_days: float = field(
        30.0,
        "DEAD_LETTER_KEEP_DAYS",
        "days",
        "Older dead letters are purged, as the raw log is; their readings stay counted. 0: no limit of age.",
        ge=0,
        le=3_650,
    )
    raw_log_segment_mib: int = field(
        64,
        "RAW_LOG_SEGMENT_MIB",
        "MiB",
        "Size at which the raw log begins a new file: small enough to drop one at a time, some 200,000 messages.",
        ge=1,
        le=4_096,
    )
    raw_log_keep_mib: int = field(
        4_096,
        "RAW_LOG_KEEP_MIB",
        "MiB",
        "Raw log kept for replay and evidence after all consumers have read it: 3 to 4 hours at 1,000 messages/s.",
        ge=1,
    )
    raw_log_keep_days: float = field(
        30.0,
        "RAW_LOG_KEEP_DAYS",
        "days",
        "Read records older than this are removed: evidence is asked for within a month. 0: no limit of age.",
        ge=0,
        le=3_650,
    )
    disk_reserve_mib: int | None = field(
        None,
        "DISK_RESERVE_MIB",
        "MiB",
        "Kept free on the raw log's disk, so that all else can go on. Absent: 2 % of the disk, at most 1 GiB.",
        ge=0,
    )
    disk_guard: Literal["stop", "drop_oldest"] = field(
        "stop",
        "DISK_GUARD",
        "stop or drop_oldest",
        "When only unread messages could free the reserve: stop acknowledging, so that the broker keeps them and none "
        "is lost, or remove the oldest, counted and alarmed.",
    )
    broker_counters: Literal["on", "off"] = field(
        "on",
        "BROKER_COUNTERS",
        "on or off",
        "Read the broker's own counters ($SYS), above all dropped messages. off: for brokers that publish none.",
    )


class GrafanaSettings(Group):
    """A running Grafana, for `haulwatch grafana sync` and `diff`."""

    url: Annotated[str, AfterValidator(http_url)] | None = field(
        None, "GRAFANA_URL", "http[s]://host:port[/path]", "The Grafana that `haulwatch grafana` updates."
    )
    token: SecretStr | None = field(
        None,
        "GRAFANA_TOKEN",
        "token",
        "Token of a service account with the role Admin, needed for the data source; Editor with --keep-source.",
        min_length=1,
    )
    influx_url: Annotated[str, AfterValidator(http_url)] | None = field(
        None,
        "GRAFANA_INFLUX_URL",
        "http[s]://host:port",
        "InfluxDB as Grafana's machine reaches it. Absent: HAULWATCH_INFLUX_URL.",
    )
    influx_token: SecretStr | None = field(
        None,
        "GRAFANA_INFLUX_TOKEN",
        "token",
        "Grafana's token: it should only read the bucket. Absent: HAULWATCH_INFLUX_TOKEN, which may write.",
        min_length=1,
    )
    api_url: Annotated[str, AfterValidator(http_url)] = field(
        "http://127.0.0.1:8080",
        "GRAFANA_API_URL",
        "http[s]://host:port",
        "The API as the viewers' browsers reach it: map layers come from there.",
    )


class RuleSettings(Group):
    """The rules."""

    file: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None,
        "RULES_FILE",
        "YAML file",
        "The rule set that holds until one is applied (`haulwatch rules apply`). Absent: the shipped one.",
    )


class AlertSettings(Group):
    """Alerts and those whom they call."""

    operators: int = field(
        1,
        "ALERT_OPERATORS",
        "people",
        "Who answer alerts at one time: the alarm rate is measured for each (ISA-18.2). One, as in a small centre at "
        "night; with more people set the shift that has the fewest.",
        ge=1,
        le=1_000,
    )
    call_within_h: float = field(
        4.0,
        "ALERT_CALL_WITHIN_H",
        "hours",
        "An alert of readings that were uploaded late calls people only if it was over for less than this when it was "
        "learned of; otherwise it is listed. Longer than blind zones on haul roads (3 h), and half a shift: later the "
        "truck is gone and nobody can act. 24: all that is judged.",
        ge=0,
        le=24,
    )

    notice_keep_days: int = field(
        1_096,
        "NOTICE_KEEP_DAYS",
        "days",
        "Notices about alerts that are over are removed so long after they were sent or given up. Three years, as "
        "the audit trail: so long people ask who was notified. 0: no limit of age.",
        ge=0,
        le=36_500,
    )

    @property
    def call_within_ms(self) -> int:
        return round(self.call_within_h * 3_600_000)


class CitySettings(Group):
    """The city."""

    timezone: Annotated[str, AfterValidator(iana_timezone)] | None = field(
        None,
        "TIMEZONE",
        "IANA name",
        "Zone of the times that commands print. Absent: the city's, which permits go by in any case.",
    )


class LogSettings(Group):
    """The log lines of the processes, on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = field(
        "INFO", "LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO logs connections and troubles, not messages."
    )
    format: Literal["json", "text"] = field(
        "text", "LOG_FORMAT", "json or text", "json for machines that gather logs, text for people at a terminal."
    )


class Settings(Group):
    """All settings, in groups. `haulwatch.settings.load.load_settings` builds it."""

    mqtt: MqttSettings = MqttSettings()
    store: StoreSettings = StoreSettings()
    database: DatabaseSettings = DatabaseSettings()
    kafka: KafkaSettings = KafkaSettings()
    gateways: GatewaySettings = GatewaySettings()
    paths: PathSettings = PathSettings()
    api: ApiSettings = ApiSettings()
    map: MapSettings = MapSettings()
    sign_on: SignOnSettings = SignOnSettings()
    limits: LimitSettings = LimitSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    rules: RuleSettings = RuleSettings()
    alerts: AlertSettings = AlertSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    attachments: AttachmentSettings = AttachmentSettings()
    cases: CaseSettings = CaseSettings()
    reports: ReportSettings = ReportSettings()
    programme: ProgrammeSettings = ProgrammeSettings()
    deposits: DepositSettings = DepositSettings()
    city: CitySettings = CitySettings()
    log: LogSettings = LogSettings()

    @property
    def database_url(self) -> SecretStr:
        """The URL that was set, else SQLite in the data directory."""
        return self.database.url or SecretStr(f"sqlite:///{self.paths.data_dir / 'haulwatch.db'}")
