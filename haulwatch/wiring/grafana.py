"""The running Grafana, and the data source that it gets."""

from devices.errors import OperatorError
from grafana.server import Grafana
from grafana.sync import Source
from haulwatch.settings.load import Settings


class GrafanaNotConfigured(OperatorError):
    """A setting for Grafana is absent; the message names it."""


def open_grafana(settings: Settings) -> Grafana:
    """Raises GrafanaNotConfigured."""
    url, token = settings.grafana.url, settings.grafana.token
    if url is None or token is None:
        raise GrafanaNotConfigured("set HAULWATCH_GRAFANA_URL and HAULWATCH_GRAFANA_TOKEN (or …_TOKEN_FILE)")
    return Grafana(url, token.get_secret_value())


def map_token_of(settings: Settings) -> str | None:
    """What opens the map layers to whom a board is shown; None if they are public, or not for boards."""
    token = settings.api.map_token
    return None if token is None or settings.api.public_map == "on" else token.get_secret_value()


def grafana_source(settings: Settings) -> Source:
    """InfluxDB as Grafana reads it. Raises GrafanaNotConfigured."""
    url = settings.grafana.influx_url or settings.store.url
    token = settings.grafana.influx_token or settings.store.token
    if url is None or token is None or settings.store.bucket is None:
        raise GrafanaNotConfigured(
            "Grafana reads from InfluxDB: set the HAULWATCH_INFLUX_ variables, or give --keep-source"
        )
    return Source(url, settings.store.bucket, token.get_secret_value())
