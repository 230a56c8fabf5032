"""The roles of recorder, judge and API in PostgreSQL, each with the rights that its process needs and no more."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, make_url
from sqlalchemy.engine import URL

from devices.db import tables
from devices.db.database import DatabaseMisconfigured, open_database, transaction
from devices.errors import OperatorError
from devices.people.tables import api_token, audit, known_place, person, person_session, sign_in_failure
from ingest.alerts.tables import (
    publisher_call,
    publisher_delivery,
    publisher_held,
    publisher_position,
    publisher_refused,
)
from ingest.notices.tables import notice, notice_change, notice_climb, notice_rules
from rules.alerts.tables import alert, alert_action, alert_change, shelf
from rules.attachments.tables import attachment
from rules.cases.tables import case_alert, case_event, case_file
from rules.manifests.tables import manifest, manifest_action, manifest_state, manifest_transition
from rules.public_reports.tables import public_report, public_report_informant
from rules.recyclables.tables import deposit, deposit_account, deposit_booking, deposit_refusal
from rules.rule_sets.tables import rule_set
from rules.stocks.tables import site_stock
from rules.weighing.tables import (
    weighing,
    weighing_decision,
    weighing_progress,
    weighing_session,
    weighing_session_change,
)

_NOT_OF_THE_CITY: Final = {
    tables.login.name,
    tables.device_command.name,
    tables.driver.name,
    tables.registry_change.name,
}
_CITY: Final = dict.fromkeys([*(tables.metadata.tables.keys() - _NOT_OF_THE_CITY), "alembic_version"], "SELECT")
_ENTRIES: Final = [
    table.name
    for table in (
        tables.haulier, tables.driver, tables.vehicle, tables.past_vehicle, tables.site, tables.gate, tables.route,
        tables.zone, tables.permit, tables.past_permit, tables.licence, tables.profile,
    )
]  # fmt: skip
"""What the API changes entry by entry."""
RIGHTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "record": _CITY
        | {
            alert.name: "SELECT (alert_id, closed_at, outcome)",
            notice.name: "SELECT (no, alert_id, state, done_at, digest), DELETE",
            notice_climb.name: "SELECT (alert_id, due_at, began_at), DELETE",
            notice_change.name: "SELECT (alert_id, planned_at), DELETE",
            # For recorders on Kafka.
            "recorder.owner": (
                "SELECT, INSERT (partition), UPDATE (epoch, token, worker, since, visits, topic, topic_id)"
            ),
            "recorder.progress": "SELECT, INSERT, UPDATE",
            "recorder.city": "SELECT, INSERT, UPDATE",
            "recorder.outbox": "SELECT, INSERT, DELETE",
            "recorder.daybook": "SELECT, INSERT, DELETE",
            "recorder.series": "SELECT, INSERT",
            "recorder.ledger": "SELECT, INSERT, UPDATE",
            "recorder.dead_letter": "SELECT, INSERT, UPDATE (stands_for, detail), DELETE",
            "recorder.quarantine": "SELECT, INSERT, UPDATE (readings, bytes)",
            "recorder.letters_kept": "SELECT, INSERT, UPDATE (bytes)",
            "recorder.ticket": "SELECT, INSERT, UPDATE, DELETE",
            "recorder.ticket_mark": "SELECT, INSERT, DELETE",
            "recorder.weighing_row": "SELECT, INSERT (device, ts, body), DELETE",
        },
        "judge": _CITY
        | {
            rule_set.name: "SELECT",
            alert.name: "SELECT, INSERT, UPDATE",
            alert_change.name: "SELECT, INSERT",
            alert_action.name: "SELECT, INSERT",
            shelf.name: "SELECT",
            # Of shared judges; not `no`, as of the audit trail.
            publisher_position.name: "SELECT, INSERT, UPDATE",
            publisher_delivery.name: "SELECT, INSERT (sink, sequence, key, recorded_at), DELETE",
            publisher_refused.name: "SELECT, INSERT, DELETE",
            publisher_held.name: "SELECT, INSERT, UPDATE, DELETE",
            publisher_call.name: "SELECT, INSERT (sink, at, alert_id), DELETE",
            # People's actions go into the raw log, the clock adds its own, and what is found comes back.
            manifest.name: "SELECT, UPDATE (version, check_at)",
            manifest_action.name: "SELECT, INSERT (number, at, actor, deed, reason, detail, appended), "
            "UPDATE (appended)",
            manifest_state.name: "SELECT, INSERT, UPDATE",
            manifest_transition.name: "SELECT, INSERT, UPDATE (withdrawn_at)",
        },
        "serve": _CITY
        | {
            alert.name: "SELECT, UPDATE",
            alert_change.name: "SELECT",
            alert_action.name: "SELECT, INSERT",
            shelf.name: "SELECT, INSERT, UPDATE",
            publisher_refused.name: "SELECT",
            publisher_call.name: "SELECT",
            case_file.name: "SELECT, INSERT, UPDATE",
            case_alert.name: "SELECT, INSERT, UPDATE",
            # Not `no`, as of the audit trail.
            case_event.name: "SELECT, INSERT (number, at, actor, kind, reason, detail)",
            # What was reported never changes; the owner of the tables reseals names.
            public_report.name: "SELECT, INSERT, UPDATE (case_number)",
            public_report_informant.name: "SELECT, INSERT, DELETE",
            manifest.name: "SELECT, INSERT, UPDATE (version, destination_id, check_at, document)",
            manifest_action.name: "SELECT, INSERT (number, at, actor, deed, reason, detail, appended)",
            manifest_state.name: "SELECT",
            manifest_transition.name: "SELECT",
            rule_set.name: "SELECT, INSERT",
            attachment.name: "SELECT, INSERT, UPDATE (claims, removed_by, removed_at, removed_reason)",
            # What was weighed and decided never changes; only the truck and the site that it is taken for.
            weighing.name: "SELECT, INSERT, UPDATE (site_id, truck)",
            weighing_decision.name: "SELECT, INSERT (device_id, ts, vehicle_id, actor, reason, at)",
            weighing_session.name: "SELECT, INSERT, UPDATE",
            weighing_session_change.name: "SELECT, INSERT (id, revision, at, before, after)",
            weighing_progress.name: "SELECT, INSERT, UPDATE",
            # What was deposited never changes; only whose it was is erased. Not `no`, as of the audit trail.
            deposit.name: "SELECT, INSERT, UPDATE (account)",
            deposit_account.name: "SELECT, INSERT (pseudonym, key_id, first_at), DELETE",
            deposit_refusal.name: "SELECT, INSERT (device_id, received_at, field, hint, deposits), DELETE",
            deposit_booking.name: "SELECT, "
            "INSERT (number, account, kind, unit, hundredths, cancels, day, actor, reason, at), UPDATE (account)",
            site_stock.name: "SELECT, "
            "INSERT (site_id, day, stock_kg, stock_change_kg, residue_kg, error_kg, actor, reason, at)",
            tables.device_command.name: "SELECT, INSERT, UPDATE",
            tables.suspected_site.name: "SELECT, INSERT, UPDATE",
            tables.registry_revision.name: "SELECT, UPDATE",
            **dict.fromkeys(_ENTRIES, "SELECT, INSERT, UPDATE"),
            tables.device.name: "SELECT, INSERT",
            # Not `no`, as of the audit trail.
            tables.registry_change.name: "SELECT, "
            "INSERT (at, actor, kind, entry_id, version, revision, reason, before, after)",
            tables.login.name: "SELECT (device_id, enabled)",
            person.name: "SELECT, UPDATE (password_hash, password_changed_at)",
            api_token.name: "SELECT",
            # Not `no`: who may choose numbers could write in the middle of the trail.
            audit.name: "SELECT, INSERT (at, actor, kind, address, action, target, status)",
            notice_rules.name: "SELECT",
            notice.name: "SELECT, INSERT, UPDATE",
            notice_climb.name: "SELECT, INSERT, UPDATE",
            notice_change.name: "SELECT, INSERT",
            person_session.name: "SELECT, INSERT, UPDATE, DELETE",
            sign_in_failure.name: "SELECT, INSERT, UPDATE, DELETE",
            known_place.name: "SELECT, INSERT, UPDATE, DELETE",
            # The ledger of recorders on Kafka; what redriving a dead letter changes.
            "recorder.owner": "SELECT, UPDATE (visits)",
            "recorder.progress": "SELECT",
            "recorder.outbox": "SELECT",
            "recorder.daybook": "SELECT",
            "recorder.ledger": "SELECT, INSERT (partition, device, received, duplicate), UPDATE (received)",
            "recorder.dead_letter": "SELECT, UPDATE (redriven_at, redriven_offset)",
            "recorder.quarantine": "SELECT, INSERT, UPDATE (readings, bytes)",
            "recorder.letters_kept": "SELECT, INSERT, UPDATE (bytes)",
            "recorder.weighing_row": "SELECT",
            "recorder.weighing_file": "SELECT",
        },
    }
)
"""Rights by process and table. Recorder and judge change nothing that the registry holds, and read no drivers; no
process reads a device's password: that is for the owner of the tables, with `haulwatch city import` and `haulwatch
device`. The API changes single entries, in versions, and notes who did; it deletes none. It adds devices that are
adopted and decides on suspected sites, and counts the registry's revision on with each. It sends notices, by rules
that the owner applies with `haulwatch notify`. It signs people in and changes their passwords; accounts, roles and
tokens are for the owner as well, with `haulwatch user` and `haulwatch token`. The recorder removes old notices, as it
removes all that is old, and sees neither their text nor whom they went to."""


WITH_SIGN_ON: Final[Mapping[str, str]] = MappingProxyType(
    {
        person.name: "SELECT, INSERT, "
        "UPDATE (password_hash, password_changed_at, display_name, role, districts, hauliers)"
    }
)
"""Rights of the API by table where an identity provider names people: it makes their accounts and follows their role.
A trigger (migration 0025) keeps it from local accounts all the same, and from enabling anybody."""


class NoRoles(OperatorError):
    """The roles cannot be made; the message says why."""


def grant(owner_url: str, urls: Mapping[str, str], *, sign_on: bool = False) -> dict[str, str]:
    """Create or change the role of each process, as the user and the password in its URL. Returns role by process.

    `sign_on`: an identity provider names people. It is one transaction, and a second run changes nothing. Rights that
    an earlier version gave are taken back.

    Raises NoRoles, DatabaseUnavailable, DatabaseMisconfigured.
    """
    owner = make_url(owner_url)
    if owner.get_backend_name() != "postgresql":
        raise NoRoles("SQLite has no roles: set HAULWATCH_DATABASE_URL to the PostgreSQL of the installation")
    roles = {process: _login_of(process, url, owner) for process, url in urls.items()}
    engine = open_database(owner_url)
    try:
        with transaction(engine) as connection:
            for process, role in roles.items():
                more = WITH_SIGN_ON if sign_on and process == "serve" else {}
                _grant(connection, role, {**RIGHTS[process], **more})
    finally:
        engine.dispose()
    return {process: str(role.username) for process, role in roles.items()}


def _login_of(process: str, url: str, owner: URL) -> URL:
    try:
        role = make_url(url)
    except Exception as exc:
        raise DatabaseMisconfigured(f"--{process}: is no database URL: postgresql://user:password@host/name") from exc
    if not role.username or not role.password:
        raise NoRoles(f"--{process}: the URL names no user and password: postgresql://user:password@host/name")
    if role.username == owner.username:
        raise NoRoles(f"--{process}: {role.username} owns the tables: give the process a user of its own")
    return role


def _grant(connection: Connection, role: URL, rights: Mapping[str, str]) -> None:
    quote = connection.dialect.identifier_preparer.quote_identifier
    name, database = quote(str(role.username)), quote(str(connection.engine.url.database))
    driver: Any = connection.connection.driver_connection
    # Hashed here, so that no log of the server holds the password.
    hashed = driver.pgconn.encrypt_password(
        str(role.password).encode(), str(role.username).encode(), b"scram-sha-256"
    ).decode()
    exists = connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (role.username,)).first()
    statements = [
        f"{'ALTER' if exists else 'CREATE'} ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{hashed}'",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public, recorder FROM {name}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public, recorder FROM {name}",
        f"GRANT CONNECT ON DATABASE {database} TO {name}",
        f"GRANT USAGE ON SCHEMA public, recorder TO {name}",
        *(f"GRANT {right} ON {'.'.join(map(quote, table.split('.')))} TO {name}" for table, right in rights.items()),
        *(f"GRANT USAGE ON SEQUENCE {quote(table)} TO {name}" for table in _sequences(rights)),
    ]
    for statement in statements:
        connection.exec_driver_sql(statement)


def _sequences(rights: Mapping[str, str]) -> list[str]:
    """Those that number the rows which a role inserts."""
    numbered = (
        alert_change.name, alert_action.name, shelf.name, audit.name, notice.name, case_event.name,
        tables.registry_change.name, manifest_action.name, manifest_transition.name,
        weighing_decision.name, weighing_session_change.name, publisher_delivery.name, publisher_call.name,
        deposit_account.name, deposit_booking.name, deposit_refusal.name, site_stock.name,
    )  # fmt: skip
    return [f"{table}_no_seq" for table in numbered if "INSERT" in rights.get(table, "")]
