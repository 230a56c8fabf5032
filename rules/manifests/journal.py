"""What judgement found of manifests, in the registry's database. One judge process writes it.

A manifest is written as a whole, so it does not matter how often, nor what happened between. A judge that was killed
judges again from its checkpoint on: what it finds there is of an older offset than what is written, and changes nothing
until it is as far as it was.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from devices.db.database import transaction
from rules.manifests.model import FINAL, Manifest, Transition, TruckManifest
from rules.manifests.read_back import manifest_of
from rules.manifests.tables import manifest_state, manifest_transition

_MAX_EVIDENCE: Final = 200
_COLUMNS: Final = [manifest_transition.c[name] for name in Transition._fields]


class ManifestJournal:
    """Raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def record(self, found: Sequence[tuple[TruckManifest, int]], judged_in: str, recorded_at: int) -> int:
        """Write manifests, each with the offset up to which it was judged; return how many are other than before.

        `judged_in`: the log that counts these offsets. `recorded_at`: wall clock, ms.
        """
        if not found:
            return 0
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            return sum(_record(connection, one, judged_in, judged_to, recorded_at) for one, judged_to in found)


def _wait_for_turn(connection: Connection) -> None:
    """Write first, as every transaction that also reads (`devices.db.database`)."""
    connection.execute(update(manifest_state).where(manifest_state.c.number == "").values(judged_to=0))


def _record(connection: Connection, found: TruckManifest, judged_in: str, judged_to: int, recorded_at: int) -> bool:
    manifest = found.manifest
    row = (
        connection.execute(select(manifest_state).where(manifest_state.c.number == manifest.number)).mappings().first()
    )
    values = _values(found, judged_in, judged_to, recorded_at)
    if row is None:
        connection.execute(insert(manifest_state).values(number=manifest.number, **values))
    elif (row["judged_in"] == judged_in and row["judged_to"] > judged_to) or _is_same(row, values):
        return False
    else:
        of_number = manifest_state.c.number == manifest.number
        connection.execute(update(manifest_state).where(of_number).values(**values))
    _record_transitions(connection, manifest, recorded_at)
    return True


def _is_same(row: RowMapping, values: dict[str, Any]) -> bool:
    return bool(row["device_id"] == values["device_id"] and row["manifest"] == values["manifest"])


def _values(found: TruckManifest, judged_in: str, judged_to: int, recorded_at: int) -> dict[str, Any]:
    manifest = found.manifest
    closed_at = manifest.transitions[-1].at if manifest.state in FINAL else 0
    return {
        "device_id": found.device_id,
        "judged_in": judged_in,
        "judged_to": judged_to,
        "state": manifest.state.value,
        "sent_kg": manifest.sent_kg,
        "net_kg": manifest.net_kg,
        "overdue_at": manifest.overdue_at,
        "closed_at": closed_at,
        "recorded_at": recorded_at,
        "manifest": msgspec.json.decode(msgspec.json.encode(manifest)),
    }


def _record_transitions(connection: Connection, manifest: Manifest, recorded_at: int) -> None:
    """Add the transitions that are new, and withdraw those that did not happen after all."""
    query = select(manifest_transition.c.no, *_COLUMNS).where(
        manifest_transition.c.number == manifest.number, manifest_transition.c.withdrawn_at.is_(None)
    )
    standing: dict[Transition, list[int]] = {}
    for no, *columns in connection.execute(query.order_by(manifest_transition.c.no)):
        standing.setdefault(Transition._make(columns), []).append(no)
    found = Counter(_stored(one) for one in manifest.transitions)
    gone = [no for one, numbers in standing.items() for no in numbers[found[one] :]]
    if gone:
        withdrawn = update(manifest_transition).where(manifest_transition.c.no.in_(gone))
        connection.execute(withdrawn.values(withdrawn_at=recorded_at))
    for one in map(_stored, manifest.transitions):
        if standing.get(one):
            standing[one].pop()
        else:
            row = {"number": manifest.number, "recorded_at": recorded_at, **one._asdict()}
            connection.execute(insert(manifest_transition).values(row))


def _stored(one: Transition) -> Transition:
    """As its row has it."""
    evidence = one.evidence[:_MAX_EVIDENCE]
    return Transition(one.at, str(one.trigger), str(one.before), str(one.after), one.actor, evidence, one.reason)


def manifest_of_row(row: RowMapping) -> Manifest:
    """The manifest that a row of `manifest_state` holds."""
    return manifest_of(row["manifest"])
