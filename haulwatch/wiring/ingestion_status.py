"""The state of ingestion that the board feed writes down, gathered from what stands behind the API."""

from typing import Final

from api.ports import ApiParts
from ingest.boards.points import IngestionStatus

_OF_BROKER: Final = {
    "connected_clients": "clients_connected",
    "dropped_messages": "dropped",
    "queued_messages": "stored_messages",
}


def ingestion_status(parts: ApiParts) -> IngestionStatus:
    """How ingestion fares, as the API sees it. Raises StateUnavailable, RawLogError, OSError."""
    broker, disk = parts.broker(), parts.disk()
    said = broker.values if broker is not None else {}
    return IngestionStatus(
        at=parts.now(),
        ledger=parts.ledger(),
        behind={consumer: (lag.messages, lag.oldest_age_s) for consumer, lag in parts.lag().items()},
        collector=parts.collector(),
        recorder=parts.recorder(),
        broker={name: said[theirs] for name, theirs in _OF_BROKER.items() if theirs in said},
        disk=None if disk is None else (disk.free_bytes, disk.log_bytes),
    )
