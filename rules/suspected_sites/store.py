"""The proposals of a city, in the registry's database. Nothing is deleted."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from devices.db.database import transaction
from devices.db.tables import registry_revision
from devices.db.tables import suspected_site as table
from devices.geo.sphere import distance_m
from rules.suspected_sites.model import (
    AlreadyDecided,
    Cluster,
    Decision,
    PlaceKind,
    Proposal,
    ProposalState,
    UnknownProposal,
)

SAME_PLACE_M: Final = 200.0
"""A cluster whose centre is so near to a proposal is of the same site: centres move with every visit."""


class ProposalStore:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def proposals(self, state: ProposalState | None = None) -> list[Proposal]:
        """Those of one state or all, the one that was seen last first."""
        query = select(table).order_by(table.c.last_seen.desc(), table.c.id)
        if state is not None:
            query = query.where(table.c.state == state)
        with transaction(self._engine) as connection:
            return [_proposal(row) for row in connection.execute(query).mappings()]

    def proposal(self, proposal_id: str) -> Proposal:
        """Raises UnknownProposal."""
        with transaction(self._engine) as connection:
            return _one(connection, proposal_id)

    def propose(self, clusters: Sequence[Cluster], now: int) -> int:
        """Store what was found, and return how many places are new.

        A cluster at the place of a proposal gives it new figures; an accepted one keeps its place and radius, which a
        person has looked at. A dismissed proposal stays as it is: a cluster there is a new one.
        """
        new = 0
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            known = [_proposal(row) for row in connection.execute(select(table)).mappings()]
            undismissed = [one for one in known if one.state is not ProposalState.DISMISSED]
            for cluster in clusters:
                same = _at_the_place_of(cluster, undismissed)
                if same is None:
                    new += _add(connection, cluster, now)
                else:
                    _renew(connection, same, cluster, now)
        return new

    def decide(self, proposal_id: str, decision: Decision) -> Proposal:
        """Accept or dismiss a proposal; a person may change a decision. Raises UnknownProposal, AlreadyDecided.

        Where it makes or ends a hotspot of the city, the registry has a new revision: every process takes it then.
        """
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            before = _one(connection, proposal_id)
            if before.state is decision.state:
                raise AlreadyDecided(f"suspected site {proposal_id} is {decision.state} already")
            decisions = [one.model_dump(mode="json") for one in (*before.decisions, decision)]
            changed = update(table).where(table.c.id == proposal_id)
            connection.execute(changed.values(state=decision.state, decisions=decisions))
            if before.kind is PlaceKind.DUMP and ProposalState.ACCEPTED in {before.state, decision.state}:
                connection.execute(registry_revision.update().values(revision=registry_revision.c.revision + 1))
            return _one(connection, proposal_id)


def _wait_for_turn(connection: Connection) -> None:
    """Let writers of the registry and of proposals write one after the other, each with the result of the one before.

    It is the first statement of its transaction, and a write: SQLite locks at the first write.
    """
    connection.execute(registry_revision.update().values(revision=registry_revision.c.revision))


def _one(connection: Connection, proposal_id: str) -> Proposal:
    row = connection.execute(select(table).where(table.c.id == proposal_id)).mappings().first()
    if row is None:
        raise UnknownProposal(f"no suspected site {proposal_id!r}: `haulwatch sites list` shows them")
    return _proposal(row)


def _at_the_place_of(cluster: Cluster, proposals: Sequence[Proposal]) -> Proposal | None:
    of_kind = [one for one in proposals if one.kind is cluster.kind]
    nearest = min(of_kind, key=lambda one: distance_m(one.place, cluster.place), default=None)
    if nearest is None or distance_m(nearest.place, cluster.place) > SAME_PLACE_M:
        return None
    return nearest


def _add(connection: Connection, cluster: Cluster, now: int) -> bool:
    """Add a proposal. Its id follows from the cluster: found twice at once, it is stored once."""
    place = cluster.place
    name = f"{cluster.kind}|{place.lat:.5f}|{place.lon:.5f}|{cluster.first_seen}"
    proposal_id = blake2b(name.encode(), digest_size=8).hexdigest()
    if connection.execute(select(table.c.id).where(table.c.id == proposal_id)).first() is not None:
        return False
    values = _figures(cluster) | _circle(cluster) | {"proposed_at": now, "updated_at": now, "decisions": []}
    state = ProposalState.PROPOSED
    connection.execute(insert(table).values(id=proposal_id, kind=cluster.kind, state=state, **values))
    return True


def _renew(connection: Connection, proposal: Proposal, cluster: Cluster, now: int) -> None:
    values = _figures(cluster) | {"first_seen": min(proposal.first_seen, cluster.first_seen)}
    if proposal.state is ProposalState.PROPOSED:
        values |= _circle(cluster)
    stored = proposal.model_dump(mode="json", include=set(values))
    if stored != values:
        connection.execute(update(table).where(table.c.id == proposal.id).values(**values, updated_at=now))


def _figures(cluster: Cluster) -> dict[str, Any]:
    return {
        "first_seen": cluster.first_seen,
        "last_seen": cluster.last_seen,
        "trucks": list(cluster.trucks),
        "visits": cluster.visits,
        "days": cluster.days,
        "hours": list(cluster.hours),
        "alerts": list(cluster.alerts),
    }


def _circle(cluster: Cluster) -> dict[str, Any]:
    return {"lat": cluster.place.lat, "lon": cluster.place.lon, "radius_m": cluster.radius_m}


def _proposal(row: RowMapping) -> Proposal:
    return Proposal.model_validate(dict(row))
