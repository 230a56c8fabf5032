"""Fixtures of the API's own tests, which run here with real parts."""

from tests.api.conftest import command_store, dead_letters, history, journal, ledger, parts  # noqa: F401
