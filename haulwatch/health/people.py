"""The checks of how people get in: the identity provider, and the map layers that boards fetch without signing in."""

from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from devices.db.database import DatabaseError
from devices.db.registry import CityMissing
from devices.errors import OperatorError
from devices.sign_on.discovery import Provider
from devices.sign_on.mapping import BadMapping, SignOnMapping, read_mapping
from devices.sign_on.model import SignOnRefused
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.settings.data_files import NoData
from haulwatch.settings.load import Settings


class Areas(NamedTuple):
    """What people can be limited to in the registered city."""

    districts: Collection[str]
    hauliers: Collection[str]


def check_sign_on(settings: Settings, find: Callable[[], Provider], areas: Callable[[], Areas]) -> CheckResult:
    """`find` reads the provider's discovery document and its keys; `areas` may raise CityMissing, DatabaseError."""
    found = settings.sign_on
    if found.issuer is None or found.mapping is None:
        return CheckResult("sign-on", CheckStatus.OK, "no identity provider: people sign in with a password")
    try:
        mapping = read_mapping(found.mapping)
    except BadMapping as exc:
        return CheckResult("sign-on", CheckStatus.FAIL, str(exc), "correct the file of HAULWATCH_OIDC_MAPPING")
    try:
        provider = find()
    except (SignOnRefused, OperatorError) as exc:
        hint = "start the provider, or correct HAULWATCH_OIDC_ISSUER or _CA_FILE; accounts with a password still work"
        return CheckResult("sign-on", CheckStatus.FAIL, str(exc), hint)
    for doubt, hint in (*_doubts_of_provider(settings, provider), *_doubts_of_mapping(mapping, areas)):
        return CheckResult("sign-on", CheckStatus.WARN, doubt, hint)
    signs_out = "and out" if provider.end_session_endpoint else "but not out: it has no such page"
    return CheckResult("sign-on", CheckStatus.OK, f"{provider.issuer} answers; people sign in there, {signs_out}")


def check_map_layers(settings: Settings, accounts_exist: Callable[[], bool]) -> CheckResult:
    """Whether the pages of Grafana get sites, corridors and zones, which their viewers' browsers fetch from the API."""
    api = settings.api
    if settings.grafana.url is None and not api.origins:
        return CheckResult("map layers", CheckStatus.OK, "no Grafana is set up")
    if not api.origins:
        detail = "browsers keep Grafana's pages from reading sites, corridors and zones"
        return CheckResult("map layers", CheckStatus.WARN, detail, "set HAULWATCH_API_ORIGINS to Grafana's address")
    if api.public_map == "on":
        return CheckResult("map layers", CheckStatus.OK, "/geo is open to everybody who reaches the API")
    if api.map_token is not None:
        return CheckResult("map layers", CheckStatus.OK, "/geo is open to boards that have HAULWATCH_API_MAP_TOKEN")
    try:
        are_closed = api.read_token is not None or accounts_exist()
    except (DatabaseError, NoData):
        are_closed = True
    when = "are closed to boards" if are_closed else "will be closed to boards with the first account"
    hint = "set HAULWATCH_API_MAP_TOKEN and run `haulwatch grafana sync`, or set HAULWATCH_API_PUBLIC_MAP=on"
    return CheckResult("map layers", CheckStatus.WARN, f"sites, corridors and zones {when}", hint)


def _doubts_of_provider(settings: Settings, provider: Provider) -> list[tuple[str, str]]:
    found, doubts = settings.sign_on, []
    host = urlsplit(found.url or "").hostname or ""
    if host not in {"localhost", settings.api.host, *settings.api.hosts.split()} and not _is_address(host):
        doubts.append(
            (f"the API does not answer to {host} of HAULWATCH_OIDC_URL", f"add {host} to HAULWATCH_API_HOSTS")
        )
    if provider.pkce_methods and "S256" not in provider.pkce_methods:
        doubts.append(("the provider does not check PKCE with S256", "switch PKCE on for this client at the provider"))
    ways = {"none"} if found.client_secret is None else {"client_secret_basic", "client_secret_post"}
    if not ways & set(provider.auth_methods):
        doubts.append(
            (
                f"the provider takes clients by {', '.join(provider.auth_methods)}, not by {' or '.join(sorted(ways))}",
                "register the client with a secret and set HAULWATCH_OIDC_CLIENT_SECRET, or as a public one without",
            )
        )
    return doubts


def _doubts_of_mapping(mapping: SignOnMapping, areas: Callable[[], Areas]) -> list[tuple[str, str]]:
    try:
        of_city = areas()
    except (CityMissing, DatabaseError, NoData):
        return []  # other checks name it
    unknown = [
        *(f"district {name!r}" for name in sorted(mapping.fixed()[0] - set(of_city.districts))),
        *(f"haulier {name!r}" for name in sorted(mapping.fixed()[1] - set(of_city.hauliers))),
    ]
    if not unknown:
        return []
    return [(f"the city has no {', '.join(unknown[:3])} of HAULWATCH_OIDC_MAPPING", "correct the file, or the city")]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
