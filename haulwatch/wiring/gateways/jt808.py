"""The parts of `haulwatch gateway jt808`."""

import secrets
from pathlib import Path
from typing import Final, NamedTuple

from devices.access.mosquitto_files import write_files
from devices.errors import OperatorError
from haulwatch.settings.data_files import gateway_folder, gateway_status_path, jt808_secret_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.gateways.publisher import gateway_publisher
from ingest.gateways.jt808.codes import Codes
from ingest.gateways.jt808.connection import DIALECT, Limits
from ingest.gateways.jt808.server import Jt808Gateway
from ingest.gateways.jt808.session import Policy, TimeAnswer
from ingest.gateways.publisher import GatewayPublisher

_OTHERS: Final = 0o077


class BadSecret(OperatorError):
    """The file of the secret behind the codes cannot be used."""


class Jt808Parts(NamedTuple):
    """The gateway, and what runs beside it."""

    gateway: Jt808Gateway
    publisher: GatewayPublisher
    status_path: Path


def jt808_parts(settings: Settings) -> Jt808Parts:
    """Make the folder of gateways; open neither connection nor port. Raises BadSecret, OSError."""
    gateway_folder(settings).mkdir(parents=True, exist_ok=True)
    found = settings.gateways
    publisher = gateway_publisher(settings, DIALECT, takes_commands=True)
    policy = Policy(Codes(_secret(settings)), found.jt808_registration == "open", TimeAnswer(found.jt808_time))
    limits = Limits(
        connections=found.jt808_connections,
        idle_s=found.jt808_idle_s,
        frames_per_s=found.jt808_frames_per_s,
        message_bytes=settings.limits.max_payload_bytes,
    )
    return Jt808Parts(Jt808Gateway(publisher, policy, limits), publisher, gateway_status_path(settings, DIALECT))


def _secret(settings: Settings) -> bytes:
    """That of the setting, else of the file, which is made where there is none."""
    if settings.gateways.jt808_secret is not None:
        return settings.gateways.jt808_secret.get_secret_value().encode()
    path = jt808_secret_path(settings)
    if not path.exists():
        write_files(path.parent, {path.name: secrets.token_urlsafe(32)})
    if path.stat().st_mode & _OTHERS:
        raise BadSecret(
            f"{path}: others may read it: `chmod 600 {path}`, or remove it: then all terminals register anew"
        )
    secret = path.read_bytes().strip()
    if not 16 <= len(secret) <= 1_024:
        raise BadSecret(f"{path} holds no secret: remove it, and all terminals register anew")
    return secret
