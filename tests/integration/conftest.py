"""The API of its own tests, to be put before real parts."""

from tests.api.conftest import command_store, dead_letters, history, journal, ledger, parts  # noqa: F401
