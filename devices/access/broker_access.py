"""Access rights at the broker, and the files that configure them in Mosquitto 2.0.

The user name of a device is its id. The rights of each user are defined here once; the password and access files, and
the JSON of the dynamic-security plugin, are generated from them (`haulwatch device export-acl`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from devices.access.credentials import HashedSecret
from devices.codecs.registry import CODECS
from devices.codecs.topics import ROOT, command_ack_topic, command_topic, reading_topic
from devices.readings.ids import Service
from devices.readings.models import Kind


@dataclass(frozen=True, slots=True)
class Access:
    """Topic filters that a user may publish to, and receive messages from. Everything else is refused."""

    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


_COLLECTOR: Final = Access(read=CODECS.topic_filters)
_ALERTS: Final = Access(write=(f"{ROOT}/alerts/#",))
_COMMANDER: Final = Access(write=(command_topic("+"),), read=(command_ack_topic("+"), "$SYS/#"))

SERVICE_ACCESS: Final[Mapping[Service, Access]] = {
    Service.COLLECTOR: _COLLECTOR,
    Service.ALERTS: _ALERTS,
    Service.COMMANDER: _COMMANDER,
    Service.PROBE: Access(),
    Service.WHOLE: Access(_ALERTS.write + _COMMANDER.write, _COLLECTOR.read + _COMMANDER.read),
}


def device_access(user: str) -> Access:
    """Return the rights of a device: publish its own readings and acknowledgements, read its own commands.

    The kinds are listed one by one, because `+` would let the device publish its own `command`.
    """
    readings = tuple(reading_topic(user, kind) for kind in Kind)
    return Access(write=(*readings, command_ack_topic(user)), read=(command_topic(user),))


def password_file(hashes: Mapping[str, HashedSecret]) -> str:
    """Write Mosquitto's `password_file`."""
    return "".join(f"{user}:{hashed}\n" for user, hashed in sorted(hashes.items()))


def read_password_file(text: str) -> dict[str, HashedSecret]:
    """Read Mosquitto's `password_file`. Raises BadHash."""
    lines = (line.partition(":") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {user: HashedSecret.parse(hashed) for user, _, hashed in lines}


def device_acl(disabled: Iterable[str] = ()) -> str:
    """Write Mosquitto's `acl_file` for devices.

    One set of patterns serves all of them. A disabled device is also denied by name, which Mosquitto reads before the
    patterns: without a password it cannot connect, but with a certificate it still could.
    """
    access = device_access("%u")
    patterns = [f"pattern write {topic}" for topic in access.write] + [f"pattern read {topic}" for topic in access.read]
    denied = [f"user {device}\ntopic deny {ROOT}/{device}/#\n" for device in sorted(disabled)]
    return "\n".join([*denied, "\n".join(patterns) + "\n"])


def service_acl(services: Iterable[Service] = Service) -> str:
    """Write Mosquitto's `acl_file` for Haulwatch's own processes."""
    return "\n".join(_user_acl(service, SERVICE_ACCESS[service]) for service in services)


def _user_acl(user: str, access: Access) -> str:
    lines = [f"user {user}"]
    lines += [f"topic write {topic}" for topic in access.write]
    lines += [f"topic read {topic}" for topic in access.read]
    return "\n".join(lines) + "\n"


def dynamic_security(
    devices: Mapping[str, HashedSecret], disabled: Iterable[str], services: Mapping[Service, HashedSecret]
) -> str:
    """Write the `plugin_opt_config_file` of Mosquitto's dynamic-security plugin, as JSON.

    Each device has its own role, since the plugin of 2.0 cannot put a user name into topics. Unlike access files, the
    plugin also refuses subscriptions.
    """
    disabled_ids = set(disabled)
    entries = [(name, hashed, device_access(name), name in disabled_ids) for name, hashed in sorted(devices.items())]
    entries += [(str(user), hashed, SERVICE_ACCESS[user], False) for user, hashed in sorted(services.items())]
    config = {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": False,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [_client(user, hashed, is_disabled) for user, hashed, _, is_disabled in entries],
        "groups": [],
        "roles": [_role(user, access) for user, _, access, _ in entries],
    }
    return json.dumps(config, indent=1) + "\n"


def _client(user: str, hashed: HashedSecret, disabled: bool) -> dict[str, Any]:
    _, _, iterations, salt, digest = str(hashed).split("$")
    client: dict[str, Any] = {"username": user, "roles": [{"rolename": user}]}
    client |= {"password": digest, "salt": salt, "iterations": int(iterations)}
    return client | ({"disabled": True} if disabled else {})


def _role(user: str, access: Access) -> dict[str, Any]:
    acls = [("publishClientSend", topic) for topic in access.write]
    for topic in access.read:
        acls += [("publishClientReceive", topic), ("subscribePattern", topic)]
    entries = [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in acls]
    return {"rolename": user, "acls": entries}
