"""Logins: which device may connect to the broker, and the hash of its secret. Beside the registry, in its database."""

from dataclasses import dataclass

from sqlalchemy import select

from devices.access.credentials import HashedSecret
from devices.db.database import open_database, transaction
from devices.db.tables import login


@dataclass(frozen=True, slots=True)
class Login:
    """A device's right to connect."""

    device_id: str
    secret: HashedSecret | None
    """None: it has no password, only a certificate, or nothing."""
    enabled: bool
    changed_ms: int
    """When secret or state changed last, ms since 1970 UTC."""


class Logins:
    """The logins of one database; the tables must exist. Every method raises DatabaseError."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    def close(self) -> None:
        self._engine.dispose()

    def all(self) -> dict[str, Login]:
        """By device id."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(login).order_by(login.c.device_id)).mappings().all()
        return {
            row["device_id"]: Login(
                row["device_id"],
                HashedSecret.parse(row["secret_hash"]) if row["secret_hash"] else None,
                row["enabled"],
                row["changed_ms"],
            )
            for row in rows
        }

    def set_secret(self, device_id: str, secret: HashedSecret, now_ms: int) -> None:
        """Give a registered device a secret, or another one. A disabled device stays disabled."""
        self._put(device_id, now_ms, {"secret_hash": str(secret)})

    def set_enabled(self, device_id: str, enabled: bool, now_ms: int) -> None:
        """Say whether a registered device may connect, whatever its secret or certificate."""
        self._put(device_id, now_ms, {"enabled": enabled})

    def _put(self, device_id: str, now_ms: int, values: dict[str, object]) -> None:
        changed = {"changed_ms": now_ms} | values
        with transaction(self._engine) as connection:
            if not connection.execute(login.update().where(login.c.device_id == device_id).values(changed)).rowcount:
                connection.execute(login.insert().values({"device_id": device_id, "enabled": True} | changed))
