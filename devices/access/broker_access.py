"""Access rights at the broker, and the files that configure them in Mosquitto 2.0.

The user name of a device is its id, and its role decides what it may publish. The rights of each user are defined here
once. `haulwatch device export-acl` writes them: a password file, and the JSON of the dynamic-security plugin. The
`acl_file` of Mosquitto would not do: it lets every client subscribe to everything.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from devices.access.credentials import HashedSecret
from devices.city.model import KINDS_OF_ROLE, Device, DeviceRole
from devices.codecs.lorawan.chirpstack import CHIRPSTACK
from devices.codecs.lorawan.ttn import TTN
from devices.codecs.registry import CODECS
from devices.codecs.topics import (
    ROOT,
    command_ack_topic,
    command_topic,
    deposit_topic,
    dialect_topic,
    plate_topic,
    reading_topic,
)
from devices.readings.decoding import NATIVE_DIALECT
from devices.readings.ids import Service


@dataclass(frozen=True, slots=True)
class Access:
    """Topic filters that a user may publish to, and subscribe to. Everything else is refused."""

    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    shares: bool = False
    """It may also subscribe to `read` in a group (`$share/…`), which splits the messages between several processes."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """What it may subscribe to; `+` in a filter stands for any level of a subscription, `#` for the rest of it."""
        return (*self.read, *(f"$share/+/{topic_filter}" for topic_filter in self.read if self.shares))


_COLLECTOR: Final = Access(read=CODECS.topic_filters, shares=True)
_ALERTS: Final = Access(write=(f"{ROOT}/alerts/#",))
GATEWAY_DIALECTS: Final = ("jt808", "sparkplug", "scale", "osmand", "traccar")
"""What comes through a gateway, which publishes for every device: it has no right to speak for a native one."""
OWNTRACKS: Final = "owntracks"
SCALE: Final = "scale"
_GATEWAY: Final = Access(
    write=(
        *(dialect_topic("+", dialect) for dialect in GATEWAY_DIALECTS),
        command_ack_topic("+"),
        plate_topic("+"),
        "spBv1.0/STATE/+",
        "spBv1.0/+/NCMD/#",
    ),
    read=(command_topic("+"), plate_topic("+"), "spBv1.0/#"),
)
"""It is the host application of Sparkplug too: it reads what edge nodes send, and asks them for their births."""
_CHIRPSTACK: Final = Access(write=CHIRPSTACK.topic_filters, read=("application/+/device/+/command/#",))
"""It speaks for every sensor of its dialect, and for no other device. It subscribes to commands when it starts; nobody
here may send one."""
_TTN: Final = Access(write=TTN.topic_filters)
_COMMANDER: Final = Access(write=(command_topic("+"),), read=(command_ack_topic("+"), deposit_topic("+"), "$SYS/#"))

SERVICE_ACCESS: Final[Mapping[Service, Access]] = {
    Service.COLLECTOR: _COLLECTOR,
    Service.ALERTS: _ALERTS,
    Service.COMMANDER: _COMMANDER,
    Service.GATEWAY: _GATEWAY,
    Service.CHIRPSTACK: _CHIRPSTACK,
    Service.TTN: _TTN,
    Service.PROBE: Access(),
    Service.WHOLE: Access(
        _ALERTS.write + _COMMANDER.write + _GATEWAY.write,
        _COLLECTOR.read + _COMMANDER.read + _GATEWAY.read,
        shares=True,
    ),
}


def device_access(user: str, role: DeviceRole, dialect: str = NATIVE_DIALECT) -> Access:
    """Return the rights of a device: publish readings of its role, deposits of a recycling point and
    acknowledgements, read its own commands.

    The kinds are listed one by one, because `+` would let the device publish its own `command`. In another dialect a
    gateway or a network server publishes for the device, which has no rights itself; only OwnTracks connects itself.
    The login of a scale belongs to the camera or the desk at its gate, which publishes plates.
    """
    if dialect == OWNTRACKS:
        return Access(write=_owntracks_topics(user))
    if dialect == SCALE:
        return Access(write=(plate_topic(user),))
    if dialect != NATIVE_DIALECT:
        return Access()
    readings = tuple(reading_topic(user, kind) for kind in KINDS_OF_ROLE[role])
    deposits = (deposit_topic(user),) if role is DeviceRole.RECYCLING_POINT else ()
    return Access(write=(*readings, *deposits, command_ack_topic(user)), read=(command_topic(user),))


def connects_itself(device: Device) -> bool:
    """Whether a login at the broker is of use to the device."""
    return bool(device_access(device.id, device.role, device.dialect).write)


def _owntracks_topics(device_id: str) -> tuple[str, ...]:
    """The topics `owntracks/{user}/{device}` of an id `{user}.{device}`, either of which may hold a dot as well."""
    parts = device_id.split(".")
    splits = ((".".join(parts[:at]), ".".join(parts[at:])) for at in range(1, len(parts)))
    return tuple(f"owntracks/{user}/{phone}" for user, phone in splits if user and phone)


def password_file(hashes: Mapping[str, HashedSecret]) -> str:
    """Write Mosquitto's `password_file`."""
    return "".join(f"{user}:{hashed}\n" for user, hashed in sorted(hashes.items()))


def read_password_file(text: str) -> dict[str, HashedSecret]:
    """Read Mosquitto's `password_file`. Raises BadHash."""
    lines = (line.partition(":") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {user: HashedSecret.parse(hashed) for user, _, hashed in lines}


def access_list(devices: Iterable[Device], disabled: Collection[str] = ()) -> str:
    """Write the `plugin_opt_config_file` of Mosquitto's dynamic-security plugin, as JSON: what each user may do.

    It holds no secrets; the password file says who may connect. Each user has a role of its own, since the plugin of
    2.0 cannot put a user name into topics. A disabled device has no rights: without a password it cannot connect, but
    with a certificate it still could. A device must use its id as its client id, or it could end the session of a
    process.
    """
    by_id = sorted(devices, key=lambda device: device.id)
    rights = {
        device.id: device_access(device.id, device.role, device.dialect)
        for device in by_id
        if device.id not in disabled
    }
    clients = [{"username": device.id, "clientid": device.id, "roles": _roles(device.id, rights)} for device in by_id]
    services = {str(service): access for service, access in SERVICE_ACCESS.items()}
    clients += [{"username": service, "roles": _roles(service, services)} for service in services]
    config = {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": False,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": clients,
        "groups": [],
        "roles": [_role(user, access) for user, access in (*rights.items(), *services.items())],
    }
    return json.dumps(config, indent=1) + "\n"


def _roles(user: str, rights: Mapping[str, Access]) -> list[dict[str, str]]:
    return [{"rolename": user}] if user in rights else []


def _role(user: str, access: Access) -> dict[str, Any]:
    acls = [("publishClientSend", topic) for topic in access.write]
    acls += [("publishClientReceive", topic) for topic in access.read]
    acls += [("subscribePattern", topic) for topic in access.subscriptions]
    entries = [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in acls]
    return {"rolename": user, "acls": entries}
