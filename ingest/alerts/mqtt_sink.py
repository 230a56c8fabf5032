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

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        """Return when the broker has answered for every message: those that it refused. Raises SinkUnavailable.

        In MQTT 3.1.1 the broker cannot refuse a message.
        """
        refused: list[JournalEntry] = []
        refused_topics: set[str] = set()
        try:
            for entry in entries:
                topic = alert_topic(entry.change.severity, entry.change.rule)
                if topic in refused_topics or not await self._publish(topic, entry):
                    refused.append(entry)
                    refused_topics.add(topic)
        except BrokerUnavailable as exc:
            await self._client.close()
            raise SinkUnavailable(f"{self._url}: {exc}") from exc
        return refused

    async def _publish(self, topic: str, entry: JournalEntry) -> bool:
        """Return whether the broker took it."""
        if not self._client.connected:
            await self._client.connect()
        try:
            await self._client.publish(topic, entry.change.model_dump_json())
        except PublishRefused as exc:
            _log.info("alert sink: the broker refuses %s: %s", topic, exc)
            await self._client.close()  # Mosquitto 2.0.11 may end the connection after a refusal
            return False
        return True

    async def close(self) -> None:
        await self._client.close()
