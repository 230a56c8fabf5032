"""The settings of Kafka: what fits together, and what would show a password."""

from pathlib import Path

import pytest

from haulwatch.settings.load import SettingsError, load_settings
from haulwatch.wiring.log import NotOnKafka, kafka_connection, open_collector_log, open_local_log
from ingest.collector.shared_topic import SharedTopic

URL = "HAULWATCH_KAFKA_URL"
SECRET = "qs7-not-to-be-shown"


def properties(**variables: str) -> dict[str, str]:
    settings = load_settings({f"HAULWATCH_KAFKA_{name}": value for name, value in variables.items()})
    return dict(kafka_connection(settings).security)


def test_without_a_url_there_is_no_kafka() -> None:
    with pytest.raises(NotOnKafka, match="HAULWATCH_KAFKA_URL is not set"):
        kafka_connection(load_settings({}))


def test_servers_prefix_and_partitions_reach_the_client() -> None:
    variables = {URL: "kafka://k1:9092,[::1]:9093", "HAULWATCH_KAFKA_PREFIX": "jc", "HAULWATCH_KAFKA_PARTITIONS": "8"}
    found = kafka_connection(load_settings(variables))
    assert (found.servers, found.topic, found.group("judge"), found.partitions) == (
        "k1:9092,[::1]:9093", "jc.raw", "jc.judge", 8,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "user", "protocol"),
    [
        ("kafka://k1:9092", False, "PLAINTEXT"),
        ("kafkas://k1:9092", False, "SSL"),
        ("kafka://k1:9092", True, "SASL_PLAINTEXT"),
        ("kafkas://k1:9092", True, "SASL_SSL"),
    ],
)
def test_protocol_follows_from_url_and_user(url: str, user: bool, protocol: str) -> None:
    login = {"USER": "haulwatch", "PASSWORD": SECRET} if user else {}
    found = properties(URL=url, **login)
    assert found["security.protocol"] == protocol
    assert found.get("sasl.password") == (SECRET if user else None)
    assert found.get("sasl.mechanism") == ("SCRAM-SHA-512" if user else None)


def test_certificates_and_the_password_come_from_files(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("ca", "certificate", "key", "password")}
    for name, file in files.items():
        file.write_text(f"{name}\n")
    variables = {
        URL: "kafkas://k1:9093",
        "HAULWATCH_KAFKA_CA_FILE": str(files["ca"]),
        "HAULWATCH_KAFKA_CERTIFICATE": str(files["certificate"]),
        "HAULWATCH_KAFKA_KEY": str(files["key"]),
        "HAULWATCH_KAFKA_USER": "haulwatch",
        "HAULWATCH_KAFKA_PASSWORD_FILE": str(files["password"]),
    }
    connection = kafka_connection(load_settings(variables))
    assert connection.security == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "haulwatch",
        "sasl.password": "password",
        "ssl.ca.location": str(files["ca"]),
        "ssl.certificate.location": str(files["certificate"]),
        "ssl.key.location": str(files["key"]),
    }
    assert "password'" not in repr(connection)


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"URL": "http://k1:9092"}, "must begin with kafka:// or kafkas://"),
        ({"URL": "kafka://k1"}, "k1 is not host:port"),
        ({"URL": "kafka://k1:9092,"}, "nothing is not host:port"),
        ({"URL": "kafka://k1:9092/topic"}, "has more than servers"),
        ({"URL": f"kafka://user:{SECRET}@k1:9092"}, "carries a password: put it into HAULWATCH_KAFKA_USER"),
        ({"URL": "kafka://k1:9092", "USER": "a"}, "HAULWATCH_KAFKA_USER and HAULWATCH_KAFKA_PASSWORD go together"),
        ({"URL": "kafka://k1:9092", "PASSWORD": SECRET}, "HAULWATCH_KAFKA_USER and HAULWATCH_KAFKA_PASSWORD go"),
        ({"URL": "kafkas://k1:9092", "KEY": __file__}, "HAULWATCH_KAFKA_CERTIFICATE and HAULWATCH_KAFKA_KEY go"),
        ({"URL": "kafka://k1:9092", "CA_FILE": __file__}, "is not encrypted, and a certificate is set"),
        (
            {"URL": "kafka://127.0.0.1:1,k1:9092", "USER": "a", "PASSWORD": SECRET, "MECHANISM": "PLAIN"},
            "PLAIN would send the password in the clear",
        ),
        ({"URL": "kafka://k1:9092", "PARTITIONS": "0"}, "HAULWATCH_KAFKA_PARTITIONS"),
        ({"URL": "kafka://k1:9092", "PREFIX": "a/b"}, "HAULWATCH_KAFKA_PREFIX"),
    ],
)
def test_what_is_wrong_is_named_without_the_password(variables: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as raised:
        properties(**variables)
    assert fault in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_password_in_the_clear_may_stay_on_this_machine() -> None:
    found = properties(URL="kafka://127.0.0.1:9092,localhost:9093", USER="a", PASSWORD=SECRET, MECHANISM="PLAIN")
    assert found["sasl.mechanism"] == "PLAIN"


def test_what_needs_segments_refuses_a_log_on_kafka(tmp_path: Path) -> None:
    settings = load_settings({URL: "kafka://127.0.0.1:9", "HAULWATCH_DATA_DIR": str(tmp_path)})
    with pytest.raises(NotOnKafka, match="`haulwatch log stat` reads the segments of a raw log"):
        open_local_log(settings, "`haulwatch log stat`")
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize(("group", "shared"), [("", False), ("city", True)])
def test_collectors_of_a_group_share_the_topic(tmp_path: Path, group: str, shared: bool) -> None:
    variables = {URL: "kafka://127.0.0.1:9", "HAULWATCH_BROKER_SHARE_GROUP": group, "HAULWATCH_DATA_DIR": str(tmp_path)}
    assert isinstance(open_collector_log(load_settings(variables)), SharedTopic) == shared
