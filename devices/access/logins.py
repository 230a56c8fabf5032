"""Logins: the right of a device to connect to the broker, and the hash of its secret, in the registry's database."""

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
    """None: no password; the device has a certificate or no access."""
    enabled: bool
    changed_ms: int
    """Last change of secret or state, ms since 1970 UTC."""


class Logins:
    """The logins of one database; the tables must exist. Every method raises DatabaseError."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    def close(self) -> None:
        self._engine.dispose()

    def all(self) -> dict[str, Login]:
        """Return all logins by device id."""
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
        """Set or replace the secret of a registered device. A disabled device stays disabled."""
        self._upsert(device_id, now_ms, {"secret_hash": str(secret)})

    def set_enabled(self, device_id: str, enabled: bool, now_ms: int) -> None:
        """Allow or forbid a registered device to connect, whatever its secret or certificate."""
        self._upsert(device_id, now_ms, {"enabled": enabled})

    def _upsert(self, device_id: str, now_ms: int, values: dict[str, object]) -> None:
        changed = {"changed_ms": now_ms} | values
        with transaction(self._engine) as connection:
            if not connection.execute(login.update().where(login.c.device_id == device_id).values(changed)).rowcount:
                connection.execute(login.insert().values({"device_id": device_id, "enabled": True} | changed))
