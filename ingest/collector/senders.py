"""Names the device of a message by its topic. Payloads are not parsed."""

from typing import Final

from devices.codecs.registry import codec_of
from ingest.log.records import RawMessage

_ID_CHARS: Final = 64
"""No device id is longer (`devices.readings.ids`). Longer made-up ids that begin alike count as one device."""
_CACHED_TOPIC_CHARS: Final = 200
"""A longer topic is nobody's, and made-up ones must not fill the memory."""


class Senders:
    """Devices by topic: the topics of a fleet come again and again."""

    def __init__(self, most_topics: int) -> None:
        self._most_topics = most_topics
        self.by_topic: dict[str, str] = {}
        """Those of the last topics; looked up for every message."""

    def learn(self, message: RawMessage) -> str:
        """Name the device of a topic that is not in `by_topic`, and remember it.

        Of a topic that no codec reads it is the third level, where a device's id would be: so a device is one for all
        the kinds that it makes up.
        """
        topic = message.topic
        device = codec_of(message.dialect).device_of(topic)[:_ID_CHARS] or _third_level(topic)
        if len(self.by_topic) >= self._most_topics:
            self.by_topic.clear()
        if len(topic) <= _CACHED_TOPIC_CHARS:
            self.by_topic[topic] = device
        return device


def _third_level(topic: str) -> str:
    levels = topic.split("/", 3)
    return (levels[2] if len(levels) > 2 else topic)[:_ID_CHARS]
