"""Tables of deposits, in the registry's database. Weights are whole grams, credits whole hundredths: sums are exact."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

from devices.db.column_types import SERIAL

metadata: Final = MetaData()

deposit_account: Final = Table(
    "deposit_account",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("pseudonym", String(64), nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Index("uq_deposit_account", "pseudonym", unique=True),
    sqlite_autoincrement=True,
)
"""Who deposits, by pseudonym (`rules.recyclables.pseudonyms`). Other tables, the API and the audit trail name accounts
by `no`: once the row is erased, the number leads nowhere. `key_id`: of the key that made the pseudonym. No number is
given twice."""

deposit: Final = Table(
    "deposit",
    metadata,
    Column("device_id", String(64), primary_key=True),
    Column("number", String(64), primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Column("site_id", String(64), nullable=False),
    Column("material", String(64), nullable=False),
    Column("grams", Integer, nullable=False),
    Column("account", BigInteger, ForeignKey("deposit_account.no", name="fk_deposit_account")),
    Column("id_dropped", Boolean, nullable=False),
    Column("tariff", String(64)),
    Column("unit", String(8)),
    Column("hundredths", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    Index("ix_deposit_day", "day", "site_id", "material"),
    Index("ix_deposit_account", "account", "day"),
)
"""Each deposit once. `day`: of the city's calendar, as it was when the deposit came. `account`: null without a card or
code, without a key, and after the account was erased. `id_dropped`: it had a card or code, and there was no key.
`tariff`, `unit`, `hundredths`: what was credited; null where no tariff pays."""

deposit_refusal: Final = Table(
    "deposit_refusal",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("device_id", String(64), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("field", String(64), nullable=False),
    Column("hint", String(200), nullable=False),
    Column("deposits", Integer, nullable=False),
    Index("ix_deposit_refusal", "device_id", "no"),
    sqlite_autoincrement=True,
)
"""What points sent over MQTT that could not be taken: why, and nothing of it, as it may hold the number of a card.
`deposits`: so many at once for the same reason."""

deposit_booking: Final = Table(
    "deposit_booking",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("number", String(64), nullable=False),
    Column("account", BigInteger, ForeignKey("deposit_account.no", name="fk_deposit_booking_account")),
    Column("kind", String(16), nullable=False),
    Column("unit", String(8), nullable=False),
    Column("hundredths", BigInteger, nullable=False),
    Column("cancels", String(64)),
    Column("day", String(10)),
    Column("actor", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("uq_deposit_booking", "number", unique=True),
    Index("uq_deposit_booking_cancels", "cancels", unique=True),
    Index("ix_deposit_booking_account", "account", "unit"),
    sqlite_autoincrement=True,
)
"""What changed an account besides deposits: `hundredths` below 0 were spent. `number`: given by who books, so that what
is sent again counts once. `cancels`: number of the booking that it takes back; each at most once. `day`: of the
deposits whose credits a mended tariff changed. `account`: null after the account was erased."""
