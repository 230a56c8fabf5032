"""What the API may do about people and their trail, in PostgreSQL."""

from dataclasses import replace

import pytest

from devices.db.database import DatabaseMisconfigured, open_database
from devices.people.accounts import Accounts
from devices.people.audit import ActorKind, AuditFilter, AuditTrail, NewAuditEntry
from devices.people.model import WHOLE_CITY, Person, Role
from devices.people.provider_people import ProviderPeople, ProviderPerson
from devices.people.sessions import BadCredentials, Sessions
from devices.people.tokens import ApiToken, Tokens
from haulwatch.wiring.database_roles import grant
from tests.api.fakes import NOW
from tests.haulwatch.wiring.roles.as_process import PROCESSES, of_role, refused

pytestmark = pytest.mark.real


def noted(removed: int) -> NewAuditEntry:
    return NewAuditEntry(
        at=NOW, actor="x", kind=ActorKind.COMMAND_LINE, address="", action="x", target=f"{removed}", status=None
    )


def test_the_api_signs_people_in_and_makes_neither_account_nor_role_nor_token(url: str, cheap_passwords: None) -> None:
    owner, api = open_database(url), open_database(of_role(url, "serve"))
    Accounts(owner).add(Person("li.wei", "李伟", Role.VIEWER, created_at=NOW), "four words of a sentence")
    secret = Tokens(owner).add(ApiToken("dispatch", Role.VIEWER, NOW, "root", NOW + 1_000))
    assert Tokens(api).find(secret, NOW) is not None
    sessions = Sessions(api, lifetime_ms=1_000)
    with pytest.raises(BadCredentials):
        sessions.sign_in("li.wei", "wrong wrong wrong", NOW)
    session = sessions.sign_in("li.wei", "four words of a sentence", NOW)
    sessions.change_password(session, "four words of a sentence", "four words of another", NOW)
    assert sessions.find(session.secret, NOW) is not None
    sessions.end(session.secret)
    trail = AuditTrail(api)
    trail.add(
        NewAuditEntry(at=NOW, actor="li", kind=ActorKind.PERSON, address="", action="GET /", target="", status=200)
    )
    assert [entry.actor for entry in trail.entries(AuditFilter(), limit=9)] == ["li"]
    owner.dispose()
    api.dispose()
    for statement in (
        "INSERT INTO person (name) VALUES ('x')",
        "UPDATE person SET role = 'administrator'",
        "UPDATE person SET districts = NULL",
        "UPDATE person SET enabled = true",
        "DELETE FROM person",
        "INSERT INTO api_token (name) VALUES ('x')",
        "UPDATE api_token SET revoked_at = NULL",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "INSERT INTO audit (no, at, actor, kind, address, action, target) VALUES (1, 0, 'x', 'x', 'x', 'x', 'x')",
        "ALTER TABLE audit DISABLE TRIGGER audit_is_append_only",
        "DROP TRIGGER audit_is_append_only ON audit",
        "ALTER TABLE audit OWNER TO haulwatch_serve",
        "DROP TABLE audit",
        "SET session_replication_role = replica",
        "SELECT setval('audit_no_seq', 1)",
    ):
        assert refused(url, "serve", statement), statement
    for process in ("record", "judge"):
        for table in ("person", "person_session", "sign_in_failure", "known_place", "api_token", "audit"):
            assert refused(url, process, f"SELECT * FROM {table}"), table


def test_with_an_identity_provider_the_api_makes_its_accounts_and_touches_no_local_one(
    url: str, cheap_passwords: None
) -> None:
    """The trigger holds also where the columns may be written."""
    grant(url, {process: of_role(url, process) for process in PROCESSES}, sign_on=True)
    try:
        owner, api = open_database(url), open_database(of_role(url, "serve"))
        Accounts(owner).add(Person("wang", "Wang", Role.VIEWER, created_at=NOW), "four words of a sentence")
        people = ProviderPeople(api, lifetime_ms=1_000)
        li = ProviderPerson("https://id.city", "4711", "li.w", "李伟", Role.VIEWER, WHOLE_CITY)
        assert people.sign_in(li, "token", NOW).is_new
        assert people.sign_in(replace(li, role=Role.OFFICER), "token", NOW).session.person.role is Role.OFFICER
        sessions = Sessions(api, lifetime_ms=1_000)
        assert sessions.sign_in("wang", "four words of a sentence", NOW, "10.0.0.7").person.name == "wang"
        owner.dispose()
        api.dispose()
        columns = "name, display_name, password_hash, role, enabled, created_at, password_changed_at, issuer, subject"
        for statement in (
            "UPDATE person SET role = 'administrator' WHERE name = 'wang'",
            "UPDATE person SET districts = '[]' WHERE name = 'wang'",
            "UPDATE person SET display_name = 'x' WHERE name = 'wang'",
            "UPDATE person SET password_hash = 'x' WHERE name = 'li.w'",
            "UPDATE person SET enabled = true",
            "UPDATE person SET issuer = NULL",
            "UPDATE person SET name = 'x'",
            f"INSERT INTO person ({columns}) VALUES ('x', 'x', 'x', 'viewer', true, 0, 0, NULL, NULL)",
            f"INSERT INTO person ({columns}) VALUES ('x', 'x', 'hash', 'viewer', true, 0, 0, 'https://id', '1')",
            "DELETE FROM person",
        ):
            assert refused(url, "serve", statement), statement
    finally:
        grant(url, {process: of_role(url, process) for process in PROCESSES})
    assert refused(url, "serve", "UPDATE person SET role = 'viewer' WHERE name = 'li.w'"), "taken back"


def test_the_api_cannot_prune_the_audit_trail(url: str) -> None:
    engine = open_database(of_role(url, "serve"))
    with pytest.raises(DatabaseMisconfigured, match="owner of the tables"):
        AuditTrail(engine).prune(NOW, noted)
    engine.dispose()
