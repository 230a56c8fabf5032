"""What can be set: small frozen groups. Every field states its variable, its unit and the reason for its default."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from devices.codec import MAX_PAYLOAD_BYTES
from haulwatch.urls import database_url, http_url
from ingest.mqtt_url import MqttUrl

PREFIX: Final = "HAULWATCH_"


class Variable(NamedTuple):
    """What a setting is to the person who sets it."""

    name: str
    unit: str
    why: str
    default: str
    """As it would be written; empty: absent."""
    secret: bool

    @classmethod
    def of(cls, field: FieldInfo) -> "Variable":
        extra = field.json_schema_extra
        unit = extra["unit"] if isinstance(extra, dict) else ""
        default = field.default
        shown = default.get_secret_value() if isinstance(default, SecretStr) else default
        return cls(
            name=str(field.validation_alias),
            unit=str(unit),
            why=field.description or "",
            default="" if shown is None else str(shown),
            secret="SecretStr" in str(field.annotation),
        )


def _mqtt_url(url: SecretStr) -> SecretStr:
    MqttUrl.parse(url.get_secret_value())
    return url


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("is not a time zone of the IANA database") from None
    return name


def _readable_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("no such file")
    return path


def _long_enough(token: SecretStr) -> SecretStr:
    if len(token) < 16:
        raise ValueError("has fewer than 16 characters")
    return token


Token = Annotated[SecretStr, AfterValidator(_long_enough)]


def _field(default: Any, env: str, unit: str, why: str, **bounds: Any) -> Any:
    """A setting: `unit` says what the value is, `why` what it does and why the default is what it is."""
    return Field(default, validation_alias=PREFIX + env, description=why, json_schema_extra={"unit": unit}, **bounds)


class _Group(BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, validate_default=False, hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` hands over: the environment is read in one place, once."""
        return (init_settings,)


class MqttSettings(_Group):
    """The broker, and how the collector holds its session there."""

    url: Annotated[SecretStr, AfterValidator(_mqtt_url)] = _field(
        SecretStr("mqtt://127.0.0.1:1883"),
        "MQTT_URL",
        "mqtt[s]://user:password@host:port",
        "The broker; the default is one on this machine. mqtts checks the certificate. Ports default to 1883 and 8883.",
    )
    client_id: str = _field(
        "haulwatch-collector",
        "CLIENT_ID",
        "text, 1-23 of A-Z a-z 0-9 _ -",
        "Names the session the broker keeps: fixed, so that a restart finds its queue; two collectors need two names.",
        pattern=r"^[A-Za-z0-9_-]{1,23}$",
    )
    session_expiry_s: int = _field(
        604_800,
        "SESSION_EXPIRY_S",
        "seconds",
        "How long the broker queues for an absent collector. A week outlives a long weekend and a repair.",
        ge=60,
        le=0xFFFF_FFFF,
    )
    receive_maximum: int = _field(
        2_000,
        "RECEIVE_MAXIMUM",
        "messages",
        "Unacknowledged messages in flight: enough that some are on the way while others are synced to disk.",
        ge=1,
        le=65_535,
    )

    @property
    def broker(self) -> MqttUrl:
        return MqttUrl.parse(self.url.get_secret_value())


class StoreSettings(_Group):
    """InfluxDB. All four or none; with none readings go to the embedded store in the data directory."""

    url: Annotated[str, AfterValidator(http_url)] | None = _field(
        None,
        "INFLUX_URL",
        "http[s]://host:port",
        "InfluxDB or what speaks its /api/v2/write and /query. Absent: the embedded SQLite store, no server needed.",
    )
    token: SecretStr | None = _field(
        None,
        "INFLUX_TOKEN",
        "token",
        "Must read and write the bucket. InfluxDB 1.x takes user:password here.",
        min_length=1,
    )
    org: str | None = _field(
        None, "INFLUX_ORG", "name", "Organisation of the bucket; InfluxDB 1.x ignores it, write -.", min_length=1
    )
    bucket: str | None = _field(
        None,
        "INFLUX_BUCKET",
        "name",
        "Where points go; the database name of InfluxDB 1.x and of InfluxQL.",
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


class DatabaseSettings(_Group):
    """The registry of devices and the journal of alerts."""

    url: Annotated[SecretStr, AfterValidator(database_url)] | None = _field(
        None,
        "DATABASE_URL",
        "sqlite:///path or postgresql://user:password@host/name",
        "Registry and alert journal. Absent: SQLite in the data directory, enough for one machine.",
    )


class PathSettings(_Group):
    """Where Haulwatch writes."""

    data_dir: Path = _field(
        Path("var"),
        "DATA_DIR",
        "directory",
        "Raw log, embedded store, ledger. Put it on a disk that keeps what it syncs; ./var suits a laptop.",
    )
    min_free_mib: int = _field(
        1_024,
        "MIN_FREE_MIB",
        "MiB",
        "Below it `haulwatch doctor` fails: 1 GiB is an hour of raw log at 1,000 messages/s, time to act.",
        ge=0,
    )


class ApiSettings(_Group):
    """The HTTP API."""

    token: Token | None = _field(
        None,
        "API_TOKEN",
        "text, at least 16 characters",
        "Bearer token for reading and writing. Absent: nobody may write.",
    )
    read_token: Token | None = _field(
        None,
        "API_READ_TOKEN",
        "text, at least 16 characters",
        "Bearer token for reading only. Absent: reading needs no token, which suits loopback only.",
    )
    host: str = _field(
        "127.0.0.1",
        "API_HOST",
        "address",
        "Where the API listens. Loopback until somebody decides otherwise.",
        min_length=1,
    )
    port: int = _field(8_080, "API_PORT", "TCP port", "Where the API listens.", ge=1, le=65_535)

    @model_validator(mode="after")
    def _two_tokens(self) -> Self:
        if self.token is not None and self.token == self.read_token:
            raise ValueError("the reading token equals HAULWATCH_API_TOKEN, so readers could write: make another")
        return self


class LimitSettings(_Group):
    """How much is taken and kept."""

    max_payload_bytes: int = _field(
        MAX_PAYLOAD_BYTES,
        "MAX_PAYLOAD_BYTES",
        "bytes",
        "A larger message is quarantined. 64 KiB is about 300 buffered positions; devices split longer uploads.",
        ge=1_024,
        le=1_048_576,
    )
    raw_log_segment_mib: int = _field(
        64,
        "RAW_LOG_SEGMENT_MIB",
        "MiB",
        "Size at which the raw log begins a new file: small enough to drop one at a time, some 200,000 messages.",
        ge=1,
        le=4_096,
    )
    raw_log_keep_mib: int = _field(
        4_096,
        "RAW_LOG_KEEP_MIB",
        "MiB",
        "Raw log kept for replay and evidence after all consumers have read it: 3 to 4 hours at 1,000 messages/s.",
        ge=1,
    )


class RuleSettings(_Group):
    """Judgement."""

    file: Annotated[Path, AfterValidator(_readable_file)] | None = _field(
        None,
        "RULES_FILE",
        "YAML file",
        "Parameters that differ from the catalogue's, by rule. Absent: the defaults of every rule.",
    )


class CitySettings(_Group):
    """The place."""

    timezone: Annotated[str, AfterValidator(_timezone)] = _field(
        "Asia/Shanghai", "TIMEZONE", "IANA name", "What permits and people mean by an hour; stored times stay UTC."
    )


class LogSettings(_Group):
    """What the processes say of themselves, on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _field(
        "INFO", "LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO tells of connections and troubles, not of messages."
    )
    format: Literal["json", "text"] = _field(
        "text", "LOG_FORMAT", "json or text", "json for machines that gather logs, text for people at a terminal."
    )


class Settings(_Group):
    """Everything, in groups. Build it with `haulwatch.settings.load_settings`."""

    mqtt: MqttSettings = MqttSettings()
    store: StoreSettings = StoreSettings()
    database: DatabaseSettings = DatabaseSettings()
    paths: PathSettings = PathSettings()
    api: ApiSettings = ApiSettings()
    limits: LimitSettings = LimitSettings()
    rules: RuleSettings = RuleSettings()
    city: CitySettings = CitySettings()
    log: LogSettings = LogSettings()

    @property
    def database_url(self) -> SecretStr:
        """The given one, or SQLite in the data directory."""
        return self.database.url or SecretStr(f"sqlite:///{self.paths.data_dir / 'haulwatch.db'}")
