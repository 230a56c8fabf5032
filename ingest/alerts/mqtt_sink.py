"""Alert sink over MQTT: publishes each change to `haulwatch/v1/alerts/{severity}/{rule}`, QoS 1, JSON, not retained."""

import logging
from collections.abc import Sequence
from typing import Final

from devices.codecs.topics import alert_topic
from ingest.alerts.publisher import SinkUnavailable
from ingest.mqtt.client import BrokerUnavailable, MqttClient, PublishRefused
from ingest.mqtt.url import MqttUrl
from rules.alerts.actions import JournalEntry

_TIMEOUT_S: Final = 5.0

_log = logging.getLogger(__name__)


class MqttSink:
    """Publishes over one connection, made when first needed and again after it broke."""

    def __init__(self, url: MqttUrl, client_id: str) -> None:
        self._url = url
        self._client = MqttClient(url, client_id, timeout_s=_TIMEOUT_S)
        self._refusal_logged = False

    async def deliver(self, entries: Sequence[JournalEntry]) -> None:
        """Return when the broker has acknowledged every message. Raises SinkUnavailable."""
        try:
            if not self._client.connected:
                await self._client.connect()
            for entry in entries:
                await self._publish(entry)
        except BrokerUnavailable as exc:
            await self._client.close()
            raise SinkUnavailable(f"{self._url}: {exc}") from exc

    async def _publish(self, entry: JournalEntry) -> None:
        change = entry.change
        try:
            await self._client.publish(alert_topic(change.severity, change.rule), change.model_dump_json())
        except PublishRefused as exc:
            # A refusal is an answer: the next alerts do not wait for it, and the journal keeps every alert.
            if not self._refusal_logged:
                self._refusal_logged = True
                _log.warning(
                    "alert sink: the broker refuses alerts from this login (%s), they are not sent over MQTT; let the "
                    "login write below haulwatch/v1/alerts/",
                    exc,
                )

    async def close(self) -> None:
        await self._client.close()
