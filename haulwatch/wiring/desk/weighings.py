"""Weighing sessions of an installation, whose trucks people name and so move manifests; stocks that people state."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Connection

from devices.city.model import City
from devices.db.database import open_database
from devices.readings.manifests import NamedWeight
from devices.readings.tickets import ticket_number
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from rules.manifests.named import NamedWeighing, pass_on
from rules.stocks.store import StockStore
from rules.weighing.model import NamedSession
from rules.weighing.session import Flow, MatchedBy, TareSource
from rules.weighing.store import SessionStore


@contextmanager
def open_sessions(settings: Settings, city: Callable[[], City]) -> Iterator[SessionStore]:
    """`city` returns the city as it is now."""
    with closing(SessionStore(open_database(existing_database_url(settings)), city, move_manifest)) as store:
        yield store


def move_manifest(connection: Connection, named: NamedSession) -> None:
    """Record a weighing whose truck a person names on the manifest that it is of."""
    one = named.session
    is_named = one.matched_by is MatchedBy.PERSON and not one.withdrawn
    weight = NamedWeight(
        session=one.id,
        bridge=one.bridge,
        ticket=ticket_number(one.tickets[-1]),
        at=one.weighed_at,
        leaves=one.flow is Flow.OUT,
        net_kg=one.net_kg if one.tare_source is TareSource.WEIGHED else None,  # a registered tare is not weighed
    )
    pass_on(
        connection,
        NamedWeighing(
            one.vehicle_id if is_named else None, one.site, weight, one.manifest or "", named.actor, named.reason,
            named.at,
        ),
    )  # fmt: skip


@contextmanager
def open_stocks(settings: Settings) -> Iterator[StockStore]:
    """What people state of the stock of sites."""
    with closing(StockStore(open_database(existing_database_url(settings)))) as store:
        yield store
