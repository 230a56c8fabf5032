"""The fields of the settings: each has a variable, a unit and the reason for its default."""

from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ingest.mqtt.url import MqttUrl

PREFIX: Final = "HAULWATCH_"


class Variable(NamedTuple):
    """A setting as the person who sets it sees it."""

    name: str
    unit: str
    why: str
    default: str
    """As it would be written; empty: there is none."""
    secret: bool

    @classmethod
    def of(cls, found: FieldInfo) -> "Variable":
        extra = found.json_schema_extra
        unit = extra["unit"] if isinstance(extra, dict) else ""
        default = found.default
        shown = default.get_secret_value() if isinstance(default, SecretStr) else default
        return cls(
            name=str(found.validation_alias),
            unit=str(unit),
            why=found.description or "",
            default="" if shown is None else str(shown),
            secret="SecretStr" in str(found.annotation),
        )


def mqtt_url(url: SecretStr) -> SecretStr:
    MqttUrl.parse(url.get_secret_value())
    return url


def iana_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("is not a time zone of the IANA database") from None
    return name


def readable_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("no such file")
    return path


def _long_enough(token: SecretStr) -> SecretStr:
    if len(token) < 16:
        raise ValueError("has fewer than 16 characters")
    return token


Token = Annotated[SecretStr, AfterValidator(_long_enough)]


def field(default: Any, env: str, unit: str, why: str, **bounds: Any) -> Any:
    """Declare a setting. `unit`: the form of the value; `why`: its effect, and the reason for the default."""
    return Field(default, validation_alias=PREFIX + env, description=why, json_schema_extra={"unit": unit}, **bounds)


class Group(BaseSettings):
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
        """Take the values from `load_settings` only: the environment is read in one place, once."""
        return (init_settings,)
