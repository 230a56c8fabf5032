"""Fixtures of the API's own tests, which run here with real parts."""

from tests.api.conftest import (  # noqa: F401
    adoption,
    attachments,
    cases,
    city_database,
    command_store,
    dead_letters,
    empty_databases,
    history,
    journal,
    ledger,
    parts,
    people,
    proposals,
    public_reports,
    registry,
    ring,
    rule_sets,
    shelves,
    what_ifs,
)
