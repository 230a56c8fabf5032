"""Secrets, their hashes, and the files made of them; tests/integration shows that Mosquitto accepts the files."""

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.access.broker_access import (
    Access,
    access_list,
    connects_itself,
    device_access,
    password_file,
    read_password_file,
)
from devices.access.credentials import BadHash, HashedSecret, new_secret
from devices.access.new_device import UnfitDevice, check_device, check_device_id
from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.city.sites import ALWAYS, Validity
from devices.geo.geometry import LatLon
from devices.readings.ids import Service
from tests.devices.codecs.meter import MeterCodec, add_codec
from tests.servers import program


def test_a_secret_is_long_random_and_needs_no_escaping() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) == 32 and secret.replace("-", "a").replace("_", "a").isalnum() for secret in secrets)


@pytest.mark.real
def test_the_hash_is_the_one_that_mosquitto_makes(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    command = [program("mosquitto_passwd"), "-b", "-c", str(path), "truck-001", "correct horse"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = read_password_file(path.read_text())["truck-001"]
    ours = HashedSecret.of("correct horse")
    assert theirs.digest == hashlib.pbkdf2_hmac("sha512", b"correct horse", theirs.salt, theirs.iterations)
    assert ours.digest == hashlib.pbkdf2_hmac("sha512", b"correct horse", ours.salt, theirs.iterations)
    assert len(ours.salt) == len(theirs.salt)


def test_a_hash_is_read_back_and_shows_neither_secret_nor_digest() -> None:
    hashed = HashedSecret.of("correct horse")
    assert HashedSecret.parse(str(hashed)) == hashed
    assert hashed != HashedSecret.of("correct horse"), "each has a salt of its own"
    assert "horse" not in repr(hashed) + str(hashed)
    assert str(hashed).split("$")[-1] not in repr(hashed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "$6$c2FsdA==$c2FsdA==",
        "$7$x$c2FsdA==$c2FsdA==",
        "$7$101$c2FsdA==$",
        "$7$101$***$c2FsdA==",
        "$7$101$=AAA$c2FsdA==",
    ],
)
def test_text_that_is_no_such_hash_is_refused(text: str) -> None:
    with pytest.raises(BadHash, match="mosquitto_passwd"):
        HashedSecret.parse(text)


def test_a_password_file_is_sorted_and_read_back() -> None:
    hashes = {"truck-2": HashedSecret.of("b"), "truck-1": HashedSecret.of("a")}
    text = password_file(hashes)
    assert [line.split(":")[0] for line in text.splitlines()] == ["truck-1", "truck-2"]
    assert read_password_file(f"# ours\n\n{text}") == hashes


@pytest.mark.parametrize(
    "device_id",
    ["+", "#", "a+b", "a#", "a/b", "a:b", "a\n", "a b", "", "%u", "$SYS", "-a", "é", "a" * 65, "alerts", *Service],
)
def test_id_that_would_match_another_topic_line_or_user_is_refused(device_id: str) -> None:
    with pytest.raises(UnfitDevice, match="device id"):
        check_device_id(device_id)


CITY = City(
    "test", "Test", "试", "UTC", LatLon(35.5, 112.8),
    devices={"truck-1": Device("truck-1", DeviceRole.TRUCK, vehicle_id="v-1", validity=Validity(None, 1_000))},
    vehicles={"v-1": Vehicle("v-1", "晋E·D0001")},
)  # fmt: skip


@pytest.mark.parametrize(
    ("device", "message"),
    [
        (Device("truck-2", DeviceRole.TRUCK), "--vehicle"),
        (Device("bin-1", DeviceRole.RECYCLING_POINT), "--site"),
        (Device("truck-2", DeviceRole.TRUCK, vehicle_id="v-2"), "vehicle 'v-2' is not registered"),
        (Device("bin-1", DeviceRole.RECYCLING_POINT, site_id="s-1"), "site 's-1' is not registered"),
        (Device("truck-2", DeviceRole.TRUCK, vehicle_id="v-1", validity=ALWAYS), "carries 'truck-1'"),
        (Device("truck-2", DeviceRole.TRUCK, vehicle_id="v-1", validity=Validity(9, 9)), "end of validity"),
    ],
)
def test_a_device_that_does_not_fit_the_city_is_refused_with_a_hint(device: Device, message: str) -> None:
    with pytest.raises(UnfitDevice, match=message):
        check_device(device, CITY)


def test_a_terminal_that_follows_another_on_the_same_vehicle_fits() -> None:
    check_device(Device("truck-2", DeviceRole.TRUCK, vehicle_id="v-1", validity=Validity(1_000)), CITY)


def test_a_device_may_not_publish_its_own_command() -> None:
    access = device_access("truck-1", DeviceRole.TRUCK)
    assert access.read == ("haulwatch/v1/truck-1/command",)
    assert "haulwatch/v1/truck-1/command/ack" in access.write
    assert not any("+" in topic or "#" in topic or topic.endswith("/command") for topic in access.write)


def test_a_device_whose_dialect_comes_through_others_has_no_rights_itself() -> None:
    for dialect in ("jt808", "sparkplug", "chirpstack", "ttn", "osmand", "traccar", "of-a-later-version"):
        assert device_access("truck-1", DeviceRole.TRUCK, dialect) == Access()
        assert not connects_itself(Device("truck-1", DeviceRole.TRUCK, dialect=dialect))
    assert connects_itself(Device("truck-1", DeviceRole.TRUCK))


def test_the_login_of_a_scale_publishes_plates_only() -> None:
    """The camera at the gate has it. Weighings come from the gateway."""
    access = device_access("bridge-1", DeviceRole.WEIGHBRIDGE, "scale")
    assert access == Access(write=("haulwatch/v1/bridge-1/gate/plate",))


@pytest.mark.parametrize(
    ("device_id", "topics"),
    [
        ("li.phone", ("owntracks/li/phone",)),
        ("li.wei.phone", ("owntracks/li/wei.phone", "owntracks/li.wei/phone")),
        ("phone", ()),
        ("phone.", ()),
    ],
)
def test_owntracks_writes_the_topics_that_give_its_id_and_none_of_the_native_format(
    device_id: str, topics: tuple[str, ...]
) -> None:
    assert device_access(device_id, DeviceRole.TRUCK, "owntracks") == Access(write=topics)


@pytest.mark.parametrize(
    ("fields", "field", "hint"),
    [
        ({"dialect": "metre"}, "dialect", "no dialect: did you mean 'meter'"),
        ({"profile": "plain"}, "profile", "native has no profiles"),
        ({"dialect": "meter", "profile": "plane"}, "profile", "did you mean 'plain'"),
        ({"depth_mm": 900.0}, "depth_mm", "only a recycling_point has it"),
    ],
)
def test_a_dialect_or_profile_that_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], field: str, hint: str
) -> None:
    add_codec(monkeypatch, MeterCodec())
    truck = Device("truck-2", DeviceRole.TRUCK, vehicle_id="v-1", validity=Validity(1_000))
    check_device(replace(truck, dialect="meter", profile="plain"), CITY)
    with pytest.raises(UnfitDevice, match=hint) as refused:
        check_device(replace(truck, **fields), CITY)
    assert refused.value.field == field


DEVICES = [
    Device("truck-2", DeviceRole.TRUCK),
    Device("truck-1", DeviceRole.TRUCK),
    Device("b-1", DeviceRole.WEIGHBRIDGE),
]


def test_the_access_list_has_a_role_for_each_device_and_process_and_none_for_the_disabled() -> None:
    config = json.loads(access_list(DEVICES, {"truck-2"}))
    assert {client["username"]: [role["rolename"] for role in client["roles"]] for client in config["clients"]} == {
        "b-1": ["b-1"], "truck-1": ["truck-1"], "truck-2": [], **{str(name): [str(name)] for name in Service},
    }  # fmt: skip
    assert {role["rolename"] for role in config["roles"]} == {"b-1", "truck-1", *Service}
    assert not any(
        config["defaultACLAccess"][kind] for kind in ("publishClientSend", "publishClientReceive", "subscribe")
    )
    assert "%u" not in json.dumps(config), "the plugin of 2.0 does not know it"


def test_the_access_list_says_the_same_in_whatever_order_devices_come() -> None:
    assert access_list(DEVICES) == access_list(DEVICES[::-1])
