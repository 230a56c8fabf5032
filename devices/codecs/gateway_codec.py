"""What codecs have in common whose messages a gateway publishes."""

from devices.codecs.topics import device_of_dialect_topic
from devices.readings.refusals import Reason, refused


class GatewayCodec:
    """The part of a codec that is about its topics, `haulwatch/v1/{device_id}/{dialect}`."""

    dialect: str
    topic_filters: tuple[str, ...] = ()
    """Empty: the filter of the native dialect covers these topics."""

    def matches(self, topic: str) -> bool:
        """Return whether the topic names a device and this dialect."""
        return bool(self.device_of(topic))

    def device_of(self, topic: str) -> str:
        """Return the id that the gateway publishes for, or "" if the topic names none."""
        return device_of_dialect_topic(topic, self.dialect)

    def named_device(self, topic: str) -> str:
        """Return the device that the topic names. Raises DecodeError (`foreign_topic`) for any other."""
        device_id = self.device_of(topic)
        if not device_id:
            raise refused(Reason.FOREIGN_TOPIC, "topic", f"{topic[:120]!r} names no device of {self.dialect}")
        return device_id
