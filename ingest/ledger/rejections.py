"""Readings that the store rejected, by kind, as other processes read them from the recorder's tables."""

from collections import Counter
from pathlib import Path
from typing import Final

from devices.readings.refusals import Reason
from ingest.ledger.state.port import StateUnavailable, Tables
from ingest.ledger.state_file import watched

_QUERY: Final = """
SELECT topic, sum(stands_for) FROM dead_letter WHERE reason = ? AND redriven_at IS NULL GROUP BY topic
"""


def read_rejections(place: Path | Tables) -> Counter[str]:
    """Waiting dead letters of the reason `rejected_by_store` by the last level of their topic, which names the kind."""
    found: Counter[str] = Counter()
    try:
        with watched(place) as db:
            for topic, readings in db.execute(_QUERY, (str(Reason.REJECTED_BY_STORE),)):
                found[topic.rsplit("/", 1)[-1]] += int(readings)
    except StateUnavailable:
        return Counter()
    return found
