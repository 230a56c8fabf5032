"""Fixtures of the API's own tests, which run here with real parts."""

from tests.api.conftest import (  # noqa: F401
    adoption,
    command_store,
    dead_letters,
    empty_databases,
    history,
    journal,
    ledger,
    parts,
    people,
    proposals,
    rule_sets,
    shelves,
    what_ifs,
)
