"""How Kafka is reached, and its errors in our words. confluent-kafka is an extra: `pip install haulwatch[kafka]`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from devices.errors import OperatorError
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.advice import NOT_TRUSTED, Trouble, advice
from ingest.log.kafka.handshake import why_not_trusted

ANSWER_S: Final = 10.0
"""Longest wait for an answer of the cluster: shorter than the silence after which a process counts as hanging."""
MAX_MESSAGE_BYTES: Final = 16 << 20
"""Larger than any message of a device and than the revision of a city of 100,000 devices."""


class KafkaMissing(OperatorError):
    """The library is not installed."""


class TopicMissing(RawLogUnavailable):
    """The cluster has no such topic."""


class KafkaRefused(RawLogUnavailable):
    """Kafka refuses login, certificate or rights. Trying again helps once a person has mended it."""

    def __init__(self, text: str, hint: str) -> None:
        """`hint`: what to do; `text` does not hold it."""
        self.hint = hint
        super().__init__(f"{text}; {hint}")


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """The cluster, and the names in it that are ours."""

    servers: str
    """host:port, with commas between."""
    prefix: str = "haulwatch"
    """Topics are `<prefix>.raw` and those of `judge_topics`; groups of consumers are `<prefix>.<consumer>`."""
    partitions: int = 64
    security: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Properties of the client for TLS and SASL."""
    figures_s: float = 3.0
    """Longest wait for each figure of topics and groups: within the time limit of a check of /readyz."""
    trouble: Trouble = field(default_factory=Trouble, repr=False, compare=False)
    """Why no broker answers, as far as the clients of this connection have heard."""

    @property
    def topic(self) -> str:
        return f"{self.prefix}.raw"

    @property
    def verdicts_topic(self) -> str:
        """Verdicts of all partitions, in one."""
        return f"{self.prefix}.verdicts"

    @property
    def state_topic(self) -> str:
        """State of the devices, by partition of the raw log."""
        return f"{self.prefix}.state"

    @property
    def fleet_state_topic(self) -> str:
        """State of what compares devices."""
        return f"{self.prefix}.fleet-state"

    def group(self, consumer: str) -> str:
        return f"{self.prefix}.{consumer}"

    def properties(self, **more: str | float | bool | Callable[..., None]) -> dict[str, Any]:
        """The client's configuration: names with dots are written with underscores."""
        own: dict[str, Any] = {
            name if name.endswith("_cb") else name.replace("_", "."): value for name, value in more.items()
        }
        hears = own.pop("error_cb", None)

        def note(error: Any) -> None:
            self.trouble.note(error)
            if hears is not None:
                hears(error)

        return {
            "error_cb": note,
            "bootstrap.servers": self.servers,
            "client.id": self.prefix,
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 2_000,
            "log_level": 0,  # what matters comes as an exception or by error_cb
            **self.security,
            **own,
        }

    def reading(self, group: str, **more: str | float | bool | Callable[..., None]) -> dict[str, Any]:
        """Likewise, of a client that reads messages: what is committed only, the longest ones too, checked."""
        return self.properties(
            group_id=group,
            enable_auto_commit=False,
            isolation_level="read_committed",
            check_crcs=True,
            fetch_max_bytes=max(MAX_MESSAGE_BYTES, 32 << 20),
            receive_message_max_bytes=(64 << 20) + 512,
            **more,
        )


def library() -> Any:
    """The module confluent_kafka. Raises KafkaMissing."""
    try:
        import confluent_kafka  # noqa: PLC0415 - an extra
    except ImportError as exc:
        raise KafkaMissing(
            "HAULWATCH_KAFKA_URL is set, and confluent-kafka is not installed: pip install 'haulwatch[kafka]'"
        ) from exc
    return confluent_kafka


def admin_library() -> Any:
    """The module confluent_kafka.admin. Raises KafkaMissing."""
    library()
    from confluent_kafka import admin  # noqa: PLC0415 - an extra

    return admin


def topic_description(connection: KafkaConnection, topic: str, answer_s: float = ANSWER_S, admin: Any = None) -> Any:
    """What the cluster says of a topic. To ask does not create it, whatever the broker is set to.

    `admin`: a client of `admin_library`; None: one of its own. Call it inside `translated`. Raises TopicMissing.
    """
    kafka = library()
    admin = admin or admin_library().AdminClient(connection.properties())
    [answer] = admin.describe_topics(kafka.TopicCollection([topic]), request_timeout=answer_s).values()
    try:
        return answer.result()
    except kafka.KafkaException as exc:
        admin.poll(0)  # the client names the cause to its callback, and calls it in here only
        if exc.args[0].code() in {kafka.KafkaError.UNKNOWN_TOPIC_OR_PART, kafka.KafkaError._UNKNOWN_TOPIC}:
            raise TopicMissing(
                f"Kafka at {connection.servers} has no topic {topic}: run `haulwatch kafka init`"
            ) from exc
        raise


def topic_id(connection: KafkaConnection, topic: str = "", admin: Any = None) -> str:
    """What Kafka names a topic by, for ever: one that is made anew has another. By default that of the raw log.

    `admin`: as of `topic_description`. Raises RawLogUnavailable.
    """
    with translated(connection):
        return str(topic_description(connection, topic or connection.topic, admin=admin).topic_id)


@contextmanager
def translated(connection: KafkaConnection) -> Iterator[None]:
    """Turn the client's errors into RawLogUnavailable, with what to do where it is known."""
    kafka = library()
    try:
        yield
    except kafka.KafkaException as exc:
        raise unavailable(connection, exc.args[0]) from exc
    except SystemError as exc:  # so the client raises an error that ends it, where a callback was called meanwhile
        if not isinstance(exc.__cause__, kafka.KafkaException):
            raise
        raise unavailable(connection, exc.__cause__.args[0]) from exc


def unavailable(connection: KafkaConnection, error: Any, what: str = "") -> RawLogUnavailable:
    """An error of the client in our words, with what to do where it is known. `what`: what it concerns."""
    hint = advice(error.name(), error.str()) if hasattr(error, "name") else ""
    hint = hint or connection.trouble.hint
    if hint == NOT_TRUSTED:
        hint = why_not_trusted(connection.servers, connection.security.get("ssl.ca.location"))
    text = f"Kafka at {connection.servers}: {what}{error_text(error)}"
    return KafkaRefused(text, hint) if hint else RawLogUnavailable(text)


def error_text(error: Any) -> str:
    """What a KafkaError says, with its name."""
    name = error.name() if hasattr(error, "name") else type(error).__name__
    text = error.str() if hasattr(error, "str") else str(error)
    return f"{text} ({name})"
