"""Alert changes over MQTT: `haulwatch/v1/alerts/{severity}/{rule}`, QoS 1, JSON, never retained."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import aiomqtt

from devices.codecs.topics import alert_topic
from ingest.alerts.publisher import SinkUnavailable
from ingest.mqtt.url import MqttUrl
from rules.alerts.actions import JournalEntry

_TIMEOUT_S: Final = 5.0


class MqttSink:
    """One connection, made when first needed and again after it broke. Speaks MQTT 5, or 3.1.1 where that is refused.

    Returns from `deliver` when the broker has acknowledged every message.
    """

    def __init__(self, url: MqttUrl, client_id: str) -> None:
        self._url = url
        self._client_id = client_id
        self._protocol = aiomqtt.ProtocolVersion.V5
        self._client: aiomqtt.Client | None = None

    async def deliver(self, entries: Sequence[JournalEntry]) -> None:
        """See Outlet."""
        try:
            client = self._client or await self._connect()
            for entry in entries:
                change = entry.change
                topic = alert_topic(change.severity, change.rule)
                await client.publish(topic, change.model_dump_json(), qos=1, retain=False)
        except (aiomqtt.MqttError, OSError, TimeoutError) as exc:
            await self.close()
            raise SinkUnavailable(f"{self._url}: {exc}") from exc

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
            with suppress(aiomqtt.MqttError, TimeoutError, StopAsyncIteration):
                async with asyncio.timeout(1):
                    await anext(client.messages)  # takes up why the line ended, which nobody else asks for

    async def _connect(self) -> aiomqtt.Client:
        """The other protocol version is tried after each refusal, whatever the reason the broker gave for it."""
        client = aiomqtt.Client(
            self._url.host,
            self._url.port,
            username=self._url.user,
            password=self._url.password,
            identifier=self._client_id,
            protocol=self._protocol,
            tls_context=ssl.create_default_context() if self._url.tls else None,
            timeout=_TIMEOUT_S,
        )
        try:
            await client.__aenter__()
        except aiomqtt.MqttError:
            five = aiomqtt.ProtocolVersion.V5
            self._protocol = aiomqtt.ProtocolVersion.V311 if self._protocol is five else five
            raise
        self._client = client
        return client
