"""The sign-on by an identity provider, as the settings describe it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from devices.errors import OperatorError
from devices.readings.instants import HOUR_MS
from haulwatch.settings.load import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from devices.sign_on.client import Registration
    from devices.sign_on.discovery import Provider
    from devices.sign_on.exchange import Exchange
    from devices.sign_on.sign_on import SignOn

CALLBACK: Final = "/api/v1/sign-on/callback"


class BadCaFile(OperatorError):
    """HAULWATCH_OIDC_CA_FILE cannot be used."""


@contextmanager
def open_sign_on(settings: Settings, engine: "Engine") -> "Iterator[SignOn | None]":
    """None where no provider is set. Opens no connection yet. Raises BadMapping, BadCaFile."""
    found = settings.sign_on
    if found.issuer is None or found.mapping is None:
        yield None
        return
    from devices.people.provider_people import ProviderPeople
    from devices.sign_on.client import OidcClient
    from devices.sign_on.discovery import Discovery
    from devices.sign_on.mapping import read_mapping
    from devices.sign_on.sign_on import SignOn

    mapping = read_mapping(found.mapping)
    people = ProviderPeople(engine, settings.api.session_h * HOUR_MS)
    exchange = _open_exchange(settings)
    try:
        client = OidcClient(Discovery(found.issuer, exchange), exchange, _registration(settings))
        yield SignOn(client, mapping, people, found.title)
    finally:
        exchange.close()


def find_provider(settings: Settings) -> "Provider":
    """Read the discovery document and the keys. Raises SignOnRefused, BadCaFile."""
    from devices.sign_on.discovery import Discovery

    exchange = _open_exchange(settings)
    try:
        discovery = Discovery(settings.sign_on.issuer or "", exchange)
        discovery.keys(None)
        return discovery.provider()
    finally:
        exchange.close()


def _open_exchange(settings: Settings) -> "Exchange":
    """Raises BadCaFile."""
    from devices.sign_on.exchange import Exchange

    try:
        return Exchange(settings.sign_on.ca_file)
    except (OSError, ssl.SSLError) as exc:
        raise BadCaFile(f"HAULWATCH_OIDC_CA_FILE: {settings.sign_on.ca_file}: {exc}: give certificates in PEM") from exc


def _registration(settings: Settings) -> "Registration":
    from devices.sign_on.client import Registration

    found = settings.sign_on
    return Registration(
        client_id=found.client_id or "",
        client_secret=found.client_secret.get_secret_value() if found.client_secret else None,
        scopes=found.scopes,
        redirect_uri=f"{found.url}{CALLBACK}",
        home=f"{found.url}/",
    )
