"""Tables of people and machines, in the registry's database. Times are wall clock, ms since 1970 UTC."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

from devices.db.column_types import SERIAL

metadata: Final = MetaData()

_NAMES: Final = JSON(none_as_null=True)

person: Final = Table(
    "person",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("display_name", String(64), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("role", String(16), nullable=False),
    Column("districts", _NAMES),
    Column("hauliers", _NAMES),
    Column("language", String(2)),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("password_changed_at", BigInteger, nullable=False),
    Column("issuer", String(255)),
    Column("subject", String(255)),
    Index("ix_person_subject", "issuer", "subject", unique=True),
)
"""Accounts. Rows stay: what a person did is asked later. `password_hash` is Argon2's `$argon2id$…`; it is empty, and
`issuer` and `subject` name the person, where an identity provider looks at passwords."""

person_session: Final = Table(
    "person_session",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    Column("person", String(64), ForeignKey("person.name", name="fk_person_session_person"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("id_token", Text),
    Index("ix_person_session_person", "person"),
)
"""Who is signed in. `secret_hash` is SHA-256 of the cookie: 256 random bits need no slow hash. `id_token` is what the
identity provider said who it is, to sign out there as well."""

sign_in_failure: Final = Table(
    "sign_in_failure",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("place", String(64), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("locked_until", BigInteger),
    Index("ix_sign_in_failure_last_at", "last_at"),
)
"""Names that somebody failed to sign in with lately, also names without an account, and from where. Place `*`: all
places that are not the person's own."""

known_place: Final = Table(
    "known_place",
    metadata,
    Column("person", String(64), ForeignKey("person.name", name="fk_known_place_person"), primary_key=True),
    Column("place", String(64), primary_key=True),
    Column("last_at", BigInteger, nullable=False),
)
"""From where people signed in lately."""

api_token: Final = Table(
    "api_token",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("secret_hash", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("districts", _NAMES),
    Column("hauliers", _NAMES),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Index("ix_api_token_secret_hash", "secret_hash", unique=True),
)
"""Tokens of machines. Rows stay, as those of people. `secret_hash` is SHA-256 of the secret, 256 random bits."""

audit: Final = Table(
    "audit",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("address", String(64), nullable=False),
    Column("action", String(128), nullable=False),
    Column("target", String(256), nullable=False),
    Column("status", Integer),
    Index("ix_audit_at", "at"),
    Index("ix_audit_actor", "actor", "no"),
    Index("ix_audit_target", "target", "no"),
    sqlite_autoincrement=True,
)
"""Who did what, and who looked at what. A trigger refuses every change of a row."""
