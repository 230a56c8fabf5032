"""Access at a real Mosquitto with the deployed configuration: what is refused, and where it is logged."""

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from devices.access.certificates import Authority, Issued, now_utc
from devices.codecs.topics import alert_topic, command_ack_topic, command_topic, reading_topic
from devices.readings.ids import Service
from devices.readings.models import Kind
from tests.servers.deployed_broker import DeployedBroker
from tests.servers.mqtt_line import V5, V311, Line

pytestmark = pytest.mark.real

TRUCK, OTHER, LOCKED = "truck-001", "truck-002", "truck-003"
DENIED = "Not authorized"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedBroker]:
    deployed = DeployedBroker(tmp_path_factory.mktemp("broker"), TRUCK, OTHER, LOCKED)
    with deployed.running():
        yield deployed


def device(broker: DeployedBroker, name: str = TRUCK, **how: object) -> Line:
    line = Line(broker.outer_port, name, broker.passwords[name], tls=broker.trusting(), **how)  # type: ignore[arg-type]
    assert line.answer == "Success"
    return line


def service(broker: DeployedBroker, name: Service, **how: object) -> Line:
    line = Line(broker.inner_port, name, broker.passwords[name], **how)  # type: ignore[arg-type]
    assert line.answer == "Success"
    return line


def listening(broker: DeployedBroker) -> Line:
    collector = service(broker, Service.COLLECTOR)
    collector.subscribe("haulwatch/v1/+/+")
    return collector


@pytest.mark.parametrize("version", [V5, V311])
@pytest.mark.parametrize(
    ("user", "password"),
    [
        (TRUCK, "guess"),
        (TRUCK, ""),
        (TRUCK, OTHER),
        ("unregistered", "x"),
        ("truck-004", "never given one"),
        (None, None),
    ],
)
def test_nobody_connects_without_the_right_password(
    broker: DeployedBroker, user: str | None, password: str | None, version: int
) -> None:
    before = broker.log_length()
    password = broker.passwords[OTHER] if password == OTHER else password
    line = Line(broker.outer_port, user, password, tls=broker.trusting(), version=version)  # type: ignore[arg-type]
    assert line.answer == DENIED
    assert broker.logged("disconnected, not authorised", before)


def test_clear_text_is_refused_at_the_outer_listener(broker: DeployedBroker) -> None:
    before = broker.log_length()
    assert Line(broker.outer_port, TRUCK, broker.passwords[TRUCK]).answer == "closed"
    assert broker.logged("wrong version number", before)


@pytest.mark.parametrize("client_id", ["", "haulwatch-collector", OTHER])
def test_a_device_that_reaches_the_inner_listener_cannot_take_the_name_of_a_process(
    broker: DeployedBroker, client_id: str
) -> None:
    collector = service(broker, Service.COLLECTOR, client_id="haulwatch-collector", session_s=3600)
    collector.subscribe("haulwatch/v1/+/+")
    before = broker.log_length()
    assert Line(broker.inner_port, TRUCK, broker.passwords[TRUCK], client_id=client_id).answer == DENIED
    assert broker.logged("disconnected, not authorised", before)
    own = Line(broker.inner_port, TRUCK, broker.passwords[TRUCK], client_id=TRUCK)
    assert {topic: own.publish(topic) for topic in FOREIGN} == dict.fromkeys(FOREIGN, DENIED)
    assert own.publish(reading_topic(TRUCK, Kind.POSITION)) == "Success"
    assert collector.topics(1) == [reading_topic(TRUCK, Kind.POSITION)]
    collector.leave()


def test_nobody_connects_to_the_inner_listener_without_a_login(broker: DeployedBroker) -> None:
    assert Line(broker.inner_port).answer == DENIED


def test_a_device_that_trusts_another_authority_does_not_connect_to_this_broker(broker: DeployedBroker) -> None:
    plain = socket.create_connection(("127.0.0.1", broker.outer_port))
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


OWN = [reading_topic(TRUCK, Kind.POSITION), reading_topic(TRUCK, Kind.STATUS), command_ack_topic(TRUCK)]
FOREIGN = [
    *(reading_topic(OTHER, kind) for kind in Kind),
    *(reading_topic(TRUCK, kind) for kind in (Kind.WEIGHING, Kind.FILL, Kind.THROUGHPUT)),
    command_ack_topic(OTHER),
    command_topic(OTHER),
    command_topic(TRUCK),
    alert_topic("P1", "illegal_dumping"),
    f"haulwatch/v1/{TRUCK}",
    f"haulwatch/v1/{TRUCK}/nonsense",
    f"haulwatch/v1/{TRUCK}/position/more",
    f"haulwatch/v2/{TRUCK}/position",
    "$SYS/broker/uptime",
]


def test_a_device_publishes_only_for_itself_and_mqtt_5_reports_the_refusal(broker: DeployedBroker) -> None:
    collector, truck = listening(broker), device(broker)
    assert {topic: truck.publish(topic) for topic in FOREIGN} == dict.fromkeys(FOREIGN, DENIED)
    assert {truck.publish(topic) for topic in OWN} == {"Success"}
    assert collector.topics(2) == OWN[:2]


def test_mqtt_311_reports_no_refusal_and_the_messages_reach_nobody(broker: DeployedBroker) -> None:
    collector, truck = listening(broker), device(broker, version=V311)
    assert {truck.publish(topic) for topic in FOREIGN if topic[0] != "$"} == {"Success"}
    truck.publish(reading_topic(TRUCK, Kind.POSITION))
    assert collector.topics(1) == [reading_topic(TRUCK, Kind.POSITION)]


def test_denied_messages_can_be_logged_while_the_broker_runs(broker: DeployedBroker) -> None:
    quiet = broker.config.read_text()
    truck, before = device(broker), broker.log_length()
    try:
        broker.config.write_text(quiet + "\nlog_type debug\n")
        broker.reload()
        truck.publish(reading_topic(OTHER, Kind.POSITION))
        assert broker.logged(f"Denied PUBLISH from {TRUCK}", before)
        assert broker.logged(reading_topic(OTHER, Kind.POSITION), before)
    finally:
        broker.config.write_text(quiet)
        broker.reload()


@pytest.mark.parametrize("version", [V5, V311])
def test_a_device_receives_its_own_commands_only(broker: DeployedBroker, version: int) -> None:
    truck, other = device(broker, version=version), device(broker, OTHER)
    commander, refused = service(broker, Service.COMMANDER), DENIED if version == V5 else "Unspecified error"
    filters = [
        "haulwatch/v1/+/command",
        "haulwatch/v1/#",
        "#",
        command_topic(OTHER),
        f"$share/x/{command_topic(TRUCK)}",
    ]
    assert {wanted: truck.subscribe(wanted) for wanted in filters} == dict.fromkeys(filters, refused)
    assert truck.subscribe(command_topic(TRUCK)) == "Granted QoS 1"
    other.publish(reading_topic(OTHER, Kind.STATUS), retain=True)
    commander.publish(command_topic(OTHER), b"not yours")
    commander.publish(command_topic(TRUCK), b"yours")
    truck.topics(1)
    assert [(message.topic, message.payload) for message in truck.messages] == [(command_topic(TRUCK), b"yours")]


def test_a_retained_status_is_overwritten_by_its_own_device_only(broker: DeployedBroker) -> None:
    truck, other = device(broker), device(broker, OTHER, will=(reading_topic(TRUCK, Kind.STATUS), b"forged will"))
    truck.publish(reading_topic(TRUCK, Kind.STATUS), b"mine", retain=True)
    assert other.publish(reading_topic(TRUCK, Kind.STATUS), b"forged", retain=True) == DENIED
    assert other.publish(reading_topic(TRUCK, Kind.STATUS), b"", retain=True) == DENIED
    before = broker.log_length()
    other.drop()
    broker.logged(f"Client {OTHER}", before)
    late = service(broker, Service.COLLECTOR)
    late.subscribe(reading_topic(TRUCK, Kind.STATUS), retained=True)
    late.topics(1)
    assert [(message.payload, message.retain) for message in late.messages] == [(b"mine", True)]


def test_a_device_cannot_take_the_collectors_session_by_its_client_id(broker: DeployedBroker) -> None:
    collector = service(broker, Service.COLLECTOR, client_id="haulwatch-collector", session_s=3600)
    collector.subscribe("haulwatch/v1/+/position")
    collector.leave()
    thief = device(broker, client_id="haulwatch-collector")
    thief.publish(reading_topic(TRUCK, Kind.POSITION))
    assert broker.logged(f"as {TRUCK} (p5")
    thief.leave()
    back = service(broker, Service.COLLECTOR, client_id="haulwatch-collector", session_s=3600)
    assert back.topics(1) == [reading_topic(TRUCK, Kind.POSITION)]


def test_two_terminals_with_one_login_disconnect_each_other_and_it_is_logged(broker: DeployedBroker) -> None:
    first, before = device(broker), broker.log_length()
    device(broker)
    first.wait_ended()
    assert broker.logged(f"Client {TRUCK} already connected, closing old connection", before)


def test_a_disabled_device_is_disconnected_and_refused_until_enabled(broker: DeployedBroker) -> None:
    locked, truck = device(broker, LOCKED), device(broker)
    broker.haulwatch("device", "disable", LOCKED)
    device(broker, LOCKED).leave()  # not exported yet
    locked = device(broker, LOCKED)
    broker.export()
    broker.reload()
    locked.wait_ended()
    before = broker.log_length()
    assert Line(broker.outer_port, LOCKED, broker.passwords[LOCKED], tls=broker.trusting()).answer == DENIED
    assert broker.logged("disconnected, not authorised", before)
    assert truck.publish(reading_topic(TRUCK, Kind.POSITION)) == "Success"
    broker.haulwatch("device", "enable", LOCKED)
    broker.export()
    broker.reload()
    device(broker, LOCKED)


def test_a_rotated_secret_is_valid_from_the_next_export_and_ends_the_old_connection(broker: DeployedBroker) -> None:
    old = broker.passwords[OTHER]
    line = device(broker, OTHER)
    broker.give_secret("rotate", OTHER)
    assert line.publish(reading_topic(OTHER, Kind.POSITION)) == "Success"
    broker.export()
    broker.reload()
    line.wait_ended()
    assert Line(broker.outer_port, OTHER, old, tls=broker.trusting()).answer == DENIED
    assert device(broker, OTHER).publish(reading_topic(OTHER, Kind.POSITION)) == "Success"


WRITES = {
    Service.COLLECTOR: set[str](),
    Service.ALERTS: {"haulwatch/v1/alerts/P1/illegal_dumping"},
    Service.COMMANDER: {"haulwatch/v1/truck-001/command"},
    Service.GATEWAY: {
        "haulwatch/v1/truck-001/command/ack",
        "haulwatch/v1/truck-001/gate/plate",
        "haulwatch/v1/truck-001/jt808",
        "haulwatch/v1/truck-001/sparkplug",
        "haulwatch/v1/truck-001/scale",
        "haulwatch/v1/truck-001/osmand",
        "haulwatch/v1/truck-001/traccar",
        "spBv1.0/STATE/haulwatch",
        "spBv1.0/plant/NCMD/node-1",
    },
    Service.CHIRPSTACK: {
        "application/7/device/24e124136b000001/event/up",
        "application/7/device/24e124136b000001/event/join",
        "application/7/device/24e124136b000001/event/status",
    },
    Service.TTN: {"v3/bins@city/devices/bin-1/up", "v3/bins@city/devices/bin-1/join"},
    Service.PROBE: set[str](),
}


@pytest.mark.parametrize("name", WRITES)
def test_each_of_our_processes_writes_its_own_topics_only(broker: DeployedBroker, name: Service) -> None:
    foreign = {"haulwatch/v1/truck-001/position", "haulwatch/v1/truck-001/status", "spBv1.0/plant/NDATA/node-1"}
    foreign |= {"application/7/device/24e124136b000001/command/down", "application/7/device/24e124136b000001/event/ack"}
    foreign |= {"application/7/device/24e124136b000001/event/up/x", "v3/bins@city/devices/bin-1/down/push"}
    every = set().union(*WRITES.values(), foreign)
    line = service(broker, name)
    assert {topic for topic in every if line.publish(topic) == "Success"} == WRITES[name]


READS = {
    Service.COLLECTOR: {"haulwatch/v1/truck-001/position"},
    Service.ALERTS: set[str](),
    Service.COMMANDER: {"haulwatch/v1/truck-001/command/ack"},
    Service.GATEWAY: set[str](),
    Service.CHIRPSTACK: set[str](),
    Service.TTN: set[str](),
    Service.PROBE: set[str](),
}


@pytest.mark.parametrize("name", READS)
def test_each_of_our_processes_receives_its_own_topics_only(broker: DeployedBroker, name: Service) -> None:
    line, truck, alerts = service(broker, name), device(broker), service(broker, Service.ALERTS)
    filters = ["haulwatch/v1/+/+", "haulwatch/v1/+/command/ack", "haulwatch/v1/alerts/#"]
    line.subscribe_all(filters)
    alerts.publish(alert_topic("P1", "illegal_dumping"))
    truck.publish(command_ack_topic(TRUCK))
    truck.publish(reading_topic(TRUCK, Kind.POSITION))
    line.subscribe_all(filters)  # answered after what was sent before
    assert {message.topic for message in line.messages} == READS[name]


def test_the_collector_receives_its_share_and_the_api_the_brokers_own_counters(broker: DeployedBroker) -> None:
    collector, api, truck = service(broker, Service.COLLECTOR), service(broker, Service.COMMANDER), device(broker)
    for line in (collector, api):
        line.subscribe("$SYS/broker/version", retained=True)
    assert api.topics(1) == ["$SYS/broker/version"]
    collector.subscribe("$share/city/haulwatch/v1/+/+")
    truck.publish(reading_topic(TRUCK, Kind.POSITION))
    assert collector.topics(1) == [reading_topic(TRUCK, Kind.POSITION)]


def test_a_renewed_server_certificate_is_shown_after_a_reload(broker: DeployedBroker) -> None:
    address = ("127.0.0.1", broker.outer_port)
    before, line = ssl.get_server_certificate(address), device(broker)
    broker.haulwatch("device", "authority", "127.0.0.1", "broker.city", "--to", str(broker.access))
    assert ssl.get_server_certificate(address) == before
    broker.reload()
    assert ssl.get_server_certificate(address) == (broker.access / "server.crt").read_text() != before
    assert line.publish(reading_topic(TRUCK, Kind.POSITION)) == "Success", "the connection was kept"


def certificate(broker: DeployedBroker, name: str, folder: Path) -> str:
    broker.haulwatch("device", "certificate", name, "--to", str(folder))
    return str(folder / name)


def test_a_certificate_is_the_login_of_its_own_name_whatever_user_name_is_sent(
    broker: DeployedBroker, tmp_path: Path
) -> None:
    tls = broker.trusting(certificate(broker, TRUCK, tmp_path))
    for user, password in ((None, None), (OTHER, broker.passwords[OTHER])):
        collector = listening(broker)
        line = Line(broker.certificate_port, user, password, tls=tls, client_id=OTHER)
        assert line.publish(reading_topic(OTHER, Kind.POSITION)) == DENIED
        assert line.publish(reading_topic(TRUCK, Kind.POSITION)) == "Success"
        assert collector.topics(1)[-1] == reading_topic(TRUCK, Kind.POSITION)


def test_a_certificate_that_is_missing_expired_or_of_a_foreign_authority_is_refused(
    broker: DeployedBroker, tmp_path: Path
) -> None:
    own = Authority.read(broker.home / "authority/ca.crt", broker.home / "authority/ca.key")
    now = now_utc()
    expired = own.for_device(TRUCK, now - timedelta(days=30), days=29)
    foreign = Authority.create(now).for_device(TRUCK, now, days=365)
    cases = {
        "peer did not return a certificate": broker.trusting(),
        "expired": broker.trusting(put(expired, tmp_path / "expired")),
        "certificate verify failed": broker.trusting(put(foreign, tmp_path / "foreign")),
    }
    for logged, tls in cases.items():
        before = broker.log_length()
        assert Line(broker.certificate_port, TRUCK, broker.passwords[TRUCK], tls=tls).answer == "closed"
        assert broker.logged("certificate" if logged == "expired" else logged, before)


def put(issued: Issued, path: Path) -> str:
    path.with_suffix(".crt").write_text(issued.certificate)
    path.with_suffix(".key").write_text(issued.key)
    return str(path)


def test_a_disabled_device_with_a_valid_certificate_has_no_rights_after_a_restart(tmp_path: Path) -> None:
    broker = DeployedBroker(tmp_path, LOCKED)
    tls = broker.trusting(certificate(broker, LOCKED, tmp_path))
    position, commands = reading_topic(LOCKED, Kind.POSITION), command_topic(LOCKED)
    with broker.running():
        line = Line(broker.certificate_port, tls=tls)
        assert (line.publish(position), line.subscribe(commands)) == ("Success", "Granted QoS 1")
        broker.haulwatch("device", "disable", LOCKED)
        assert broker.export()["restart"] is True
        broker.restart()
        line = Line(broker.certificate_port, tls=tls)
        assert (line.publish(position), line.subscribe(commands)) == (DENIED, DENIED)


def test_a_device_that_was_added_has_its_rights_after_a_restart(tmp_path: Path) -> None:
    broker = DeployedBroker(tmp_path, TRUCK)
    assert broker.export()["restart"] is False
    what = "--role", "recycling_point", "--site", "recycling-001"
    broker.give_secret("add", "point-900", *what)
    assert broker.export()["restart"] is True
    with broker.running():
        fills = reading_topic("point-900", Kind.FILL)
        assert device(broker, "point-900").publish(fills) == "Success"
