"""Settings: accepted and refused values, the texts of refusals, and that no secret leaks."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from haulwatch.settings.load import Settings, SettingsError, load_settings, variables
from haulwatch.settings.table import as_markdown, describe
from tests import ROOT

CONFIGURATION = ROOT / "docs" / "configuration.md"

TOKEN = "correct-horse-battery"


def wrong(**env: str) -> str:
    """The error text for these variables (named without their prefix)."""
    with pytest.raises(SettingsError) as caught:
        load_settings({f"HAULWATCH_{name}": value for name, value in env.items()})
    return str(caught.value)


def test_nothing_set_is_a_laptop() -> None:
    settings = load_settings({})
    assert str(settings.mqtt.broker) == "mqtt://127.0.0.1:1883"
    assert settings.store.embedded
    assert settings.database_url.get_secret_value() == "sqlite:///var/haulwatch.db"
    assert settings.api.host == "127.0.0.1"
    assert settings.api.token is None


def test_every_group_reads_its_variables(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("route_deviation: {enter_m: 80}\n")
    settings = load_settings(
        {
            "HAULWATCH_MQTT_URL": "mqtts://collector:p%40ss@broker.example",
            "HAULWATCH_INFLUX_URL": "http://influx.example:8086/",
            "HAULWATCH_INFLUX_TOKEN": "t",
            "HAULWATCH_INFLUX_ORG": "city",
            "HAULWATCH_INFLUX_BUCKET": "readings",
            "HAULWATCH_DATABASE_URL": "postgresql://u:p@db.example/haulwatch",
            "HAULWATCH_DATA_DIR": "/srv/haulwatch",
            "HAULWATCH_API_PORT": "9000",
            "HAULWATCH_RULES_FILE": str(rules),
            "HAULWATCH_TIMEZONE": "Asia/Urumqi",
            "HAULWATCH_LOG_FORMAT": "json",
            "PATH": "/usr/bin",
        }
    )
    broker = settings.mqtt.broker
    assert (broker.host, broker.port, broker.tls, broker.user, broker.password) == (
        "broker.example", 8883, True, "collector", "p@ss",
    )  # fmt: skip
    assert settings.store.url == "http://influx.example:8086"
    assert settings.database_url.get_secret_value() == "postgresql+psycopg://u:p@db.example/haulwatch"
    assert settings.paths.data_dir == Path("/srv/haulwatch")
    assert settings.api.port == 9000
    assert settings.rules.file == rules
    assert settings.log.format == "json"


def test_settings_do_not_change() -> None:
    settings = load_settings({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.api.port = 1  # type: ignore[misc]  # what is shown to be impossible


def test_empty_counts_as_absent() -> None:
    assert load_settings({"HAULWATCH_API_TOKEN": "", "HAULWATCH_API_TOKEN_FILE": ""}).api.token is None


def test_a_group_takes_nothing_from_the_environment_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAULWATCH_API_PORT", "9999")
    assert load_settings({}).api.port == 8080
    assert Settings().api.port == 8080
    assert load_settings().api.port == 9999


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "API_PORT",
            "70000",
            "HAULWATCH_API_PORT: '70000': Input should be less than or equal to 65535. Give TCP port",
        ),
        ("API_PORT", "http", "or unset it for the default 8080"),
        ("RECEIVE_MAXIMUM", "0", "greater than or equal to 1. Give messages"),
        ("SESSION_EXPIRY_S", "5", "Give seconds"),
        ("CLIENT_ID", "two words", "Give text, 1-23 of"),
        ("MQTT_URL", "localhost:1883", "Give mqtt[s]://user:password@host:port"),
        (
            "INFLUX_URL",
            "http://u:p@h",
            "'http://…@h': carries a password: put user:password into HAULWATCH_INFLUX_TOKEN",
        ),
        ("INFLUX_URL", "ftp://h", "must begin with http:// or https://"),
        ("DATABASE_URL", "mysql://h/db", "must begin with sqlite:// or postgresql://"),
        ("API_HOSTS", "http://haulwatch.city", "is not a host name: write it without scheme, port and path"),
        ("API_HOSTS", "haulwatch.city:8080", "is not a host name"),
        ("API_HOSTS", "*", "is not a host name"),
        ("TIMEZONE", "Mars/Olympus", "is not a time zone of the IANA database"),
        ("TIMEZONE", "../../etc/passwd", "is not a time zone"),
        ("RULES_FILE", "no/such.yaml", "no such file. Give YAML file, or unset it to go without"),
        ("LOG_LEVEL", "loud", "Give DEBUG, INFO, WARNING or ERROR"),
        ("API_TOKEN", "short", "has fewer than 16 characters"),
        ("MQTT_URI", "mqtt://h", "HAULWATCH_MQTT_URI: no such setting: did you mean HAULWATCH_MQTT_URL?"),
        ("API_TOKN_FILE", "x", "did you mean HAULWATCH_API_TOKEN_FILE?"),
        ("QUITE_ELSE", "x", "see `haulwatch settings`"),
        ("API_PORT_FILE", "x", "no such setting"),
    ],
)
def test_a_wrong_variable_is_named_with_a_hint(name: str, value: str, words: str) -> None:
    assert words in wrong(**{name: value})


def test_a_secret_of_notice_rules_is_no_setting() -> None:
    load_settings({"HAULWATCH_SECRET_WECOM": "x", "HAULWATCH_SECRET_HOOK_FILE": "no/such/file"})


def test_every_wrong_variable_is_named_at_once() -> None:
    text = wrong(API_PORT="x", TIMEZONE="x", LOG_LEVEL="x", API_PRT="1")
    assert [line.split(":")[0].strip() for line in text.splitlines()[1:]] == [
        "HAULWATCH_API_PRT", "HAULWATCH_API_PORT", "HAULWATCH_TIMEZONE", "HAULWATCH_LOG_LEVEL",
    ]  # fmt: skip


def test_half_an_influxdb_is_none() -> None:
    text = wrong(INFLUX_URL="http://h:8086", INFLUX_ORG="city")
    assert "HAULWATCH_INFLUX_TOKEN, HAULWATCH_INFLUX_BUCKET missing" in text


def test_a_reader_must_not_hold_the_writers_token() -> None:
    assert "readers could write" in wrong(API_TOKEN=TOKEN, API_READ_TOKEN=TOKEN)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    token = load_settings({"HAULWATCH_API_TOKEN_FILE": str(file)}).api.token
    assert token is not None
    assert token.get_secret_value() == TOKEN


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    text = wrong(API_TOKEN=TOKEN, API_TOKEN_FILE=str(file))
    assert "HAULWATCH_API_TOKEN and HAULWATCH_API_TOKEN_FILE are both set: keep one" in text


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "HAULWATCH_API_TOKEN_FILE: cannot read" in wrong(API_TOKEN_FILE=str(tmp_path / "absent"))


@pytest.mark.parametrize(
    "env",
    [
        {"MQTT_URL": "mqtt://u:hunter2@h:99999"},
        {"MQTT_URL": "http://u:hunter2@h"},
        {"MQTT_URL": "mqtt://u:hunter2@h/path"},
        {"DATABASE_URL": "mysql://u:hunter2@h/db"},
        {"DATABASE_URL": "postgresql://u:hunter2@[h/db"},
        {"API_TOKEN": "hunter2"},
        {"INFLUX_TOKEN": "hunter2"},
    ],
)
def test_no_secret_in_error_texts(env: dict[str, str]) -> None:
    assert "hunter2" not in wrong(**env)


def test_no_secret_in_repr_or_table() -> None:
    env = {
        "HAULWATCH_MQTT_URL": "mqtt://u:hunter2@h",
        "HAULWATCH_DATABASE_URL": "postgresql://u:hunter2@h/db",
        "HAULWATCH_API_TOKEN": "hunter2-hunter2-hunter2",
        "HAULWATCH_API_READ_TOKEN": "hunter2-hunter2-reading",
    }
    settings = load_settings(env)
    shown = {row.variable.name: row.value for row in describe(settings)}
    assert "hunter2" not in repr(settings) + str(settings) + repr(shown)
    assert shown["HAULWATCH_API_TOKEN"] == "**********"
    assert shown["HAULWATCH_API_PORT"] == "8080"


def test_every_setting_is_described() -> None:
    listed = [variable for _, _, variable in variables()]
    assert len({variable.name for variable in listed}) == len(listed) > 15
    assert all(variable.unit and len(variable.why) > 15 for variable in listed)
    secrets = {variable.name.removeprefix("HAULWATCH_") for variable in listed if variable.secret}
    assert secrets == {
        *("MQTT_URL", "INFLUX_TOKEN", "DATABASE_URL", "API_TOKEN", "API_READ_TOKEN"),
        *("GRAFANA_TOKEN", "GRAFANA_INFLUX_TOKEN", "API_MAP_TOKEN", "OIDC_CLIENT_SECRET", "MAP_TILES_TOKEN"),
        "JT808_SECRET",
        "KAFKA_PASSWORD",
        "REPORT_KEYS",
        "DEPOSIT_KEY",
    }


def test_the_defaults_hold_to_their_own_bounds() -> None:
    written = {variable.name: variable.default for _, _, variable in variables() if variable.default}
    assert load_settings(written) == load_settings({})


def test_the_documents_show_the_table() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    missing = [line for line in as_markdown().splitlines() if line not in text]
    assert not missing, "docs/configuration.md lacks these lines of `as_markdown()`:\n" + "\n".join(missing)


SIGN_ON = {
    "HAULWATCH_OIDC_ISSUER": "https://id.city/realms/waste",
    "HAULWATCH_OIDC_CLIENT_ID": "haulwatch",
    "HAULWATCH_OIDC_URL": "https://haulwatch.city/",
}


@pytest.fixture
def mapping(tmp_path: Path) -> str:
    (tmp_path / "mapping.yaml").write_text("roles: [{group: a, role: viewer}]")
    return str(tmp_path / "mapping.yaml")


def test_a_provider_is_set_up_with_an_address_a_name_and_a_mapping(tmp_path: Path, mapping: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the client\n")
    more = {"HAULWATCH_OIDC_MAPPING": mapping, "HAULWATCH_OIDC_CLIENT_SECRET_FILE": str(secret)}
    found = load_settings(SIGN_ON | more).sign_on
    assert (found.issuer, found.url) == ("https://id.city/realms/waste", "https://haulwatch.city")
    assert found.client_secret is not None
    assert found.client_secret.get_secret_value() == "of the client"
    assert "of the client" not in repr(found)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"HAULWATCH_OIDC_CLIENT_ID": ""}, "set HAULWATCH_OIDC_CLIENT_ID too"),
        (
            {"HAULWATCH_OIDC_MAPPING": "", "HAULWATCH_OIDC_URL": ""},
            "set HAULWATCH_OIDC_URL, HAULWATCH_OIDC_MAPPING too",
        ),
        ({"HAULWATCH_OIDC_ISSUER": "http://id.city"}, "HAULWATCH_OIDC_ISSUER"),
        ({"HAULWATCH_OIDC_ISSUER": "https://user@id.city"}, "HAULWATCH_OIDC_ISSUER"),
        ({"HAULWATCH_OIDC_ISSUER": "https://id.city?x=1"}, "HAULWATCH_OIDC_ISSUER"),
        ({"HAULWATCH_OIDC_URL": "http://haulwatch.city"}, "HAULWATCH_OIDC_URL"),
        ({"HAULWATCH_OIDC_URL": "https://haulwatch.city/console"}, "HAULWATCH_OIDC_URL"),
        ({"HAULWATCH_OIDC_SCOPES": "profile"}, "HAULWATCH_OIDC_SCOPES"),
        ({"HAULWATCH_OIDC_MAPPING": "/no/such/file"}, "HAULWATCH_OIDC_MAPPING"),
        ({"HAULWATCH_OIDC_CA_FILE": "/no/such/file"}, "HAULWATCH_OIDC_CA_FILE"),
    ],
)
def test_a_provider_that_is_set_up_in_part_or_without_protection_is_refused(
    mapping: str, changed: dict[str, str], fault: str
) -> None:
    with pytest.raises(SettingsError, match=fault):
        load_settings({**SIGN_ON, "HAULWATCH_OIDC_MAPPING": mapping, **changed})


def test_on_this_machine_neither_provider_nor_console_needs_https(mapping: str) -> None:
    on_loopback = {
        "HAULWATCH_OIDC_ISSUER": "http://127.0.0.1:5556/dex",
        "HAULWATCH_OIDC_URL": "http://localhost:8080",
        "HAULWATCH_OIDC_MAPPING": mapping,
    }
    assert load_settings(SIGN_ON | on_loopback).sign_on.url == "http://localhost:8080"
