"""The state of ingestion for the boards, gathered from the parts behind the API."""

from typing import Final

from api.ports import ApiParts
from ingest.boards.points import IngestionStatus

_BROKER_FIELDS: Final = {
    "connected_clients": "clients_connected",
    "dropped_messages": "dropped",
    "queued_messages": "stored_messages",
}
"""Field of the board's series → name in `BrokerCounters.values`."""


def ingestion_status(parts: ApiParts) -> IngestionStatus:
    """The state of ingestion now. Raises StateUnavailable, RawLogError, OSError."""
    broker, disk = parts.broker(), parts.disk()
    counters = broker.values if broker is not None else {}
    return IngestionStatus(
        at=parts.now(),
        ledger=parts.ledger(),
        behind={consumer: (lag.messages, lag.oldest_age_s) for consumer, lag in parts.lag().items()},
        collector=parts.collector(),
        recorder=parts.recorder(),
        broker={field: counters[name] for field, name in _BROKER_FIELDS.items() if name in counters},
        disk=None if disk is None else (disk.free_bytes, disk.log_bytes),
        over_limit=parts.over_limit(),
        alert_rate=parts.alert_rate(),
    )
