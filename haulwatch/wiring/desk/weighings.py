"""The weighing sessions of an installation."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from devices.city.model import City
from devices.db.database import open_database
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from rules.stocks.store import StockStore
from rules.weighing.store import SessionStore


@contextmanager
def open_sessions(settings: Settings, city: Callable[[], City]) -> Iterator[SessionStore]:
    """`city` returns the city as it is now."""
    with closing(SessionStore(open_database(existing_database_url(settings)), city)) as store:
        yield store


@contextmanager
def open_stocks(settings: Settings) -> Iterator[StockStore]:
    """What people state of the stock of sites."""
    with closing(StockStore(open_database(existing_database_url(settings)))) as store:
        yield store
