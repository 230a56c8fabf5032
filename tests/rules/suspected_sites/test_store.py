"""Proposals of suspected sites: found again, decided, never lost. The same stories on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devices.city.files import read_city
from devices.city.sites import Hotspot
from devices.db.database import open_database
from devices.db.registry import Registry
from devices.geo.geometry import LatLon
from haulwatch import migrations
from rules.suspected_sites.model import (
    AlreadyDecided,
    Cluster,
    Decision,
    PlaceKind,
    Proposal,
    ProposalState,
    UnknownProposal,
)
from rules.suspected_sites.store import ProposalStore
from tests import ROOT
from tests.closing import closed_later

NOW = 1_790_000_000_000
DAY = 86_400_000
METRE = 1 / 111_195
"""Degrees of latitude."""
PIT = Cluster(
    PlaceKind.DUMP,
    LatLon(lat=35.5, lon=112.8),
    80.0,
    first_seen=NOW - 5 * DAY,
    last_seen=NOW - DAY,
    trucks=("T1", "T2"),
    visits=4,
    days=3,
    hours=(0,) * 23 + (4,),
    alerts=("a" * 16, "b" * 16),
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found: str = (
        f"sqlite:///{tmp_path / 'db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    migrations.upgrade(found)
    return found


@pytest.fixture
def store(url: str) -> Iterator[ProposalStore]:
    opened = ProposalStore(open_database(url))
    yield opened
    opened.close()


def moved(cluster: Cluster, north_m: float) -> Cluster:
    return replace(cluster, place=LatLon(lat=cluster.place.lat + north_m * METRE, lon=cluster.place.lon))


def accepted(at: int = NOW) -> Decision:
    return Decision(state=ProposalState.ACCEPTED, actor="li", reason="seen on the spot", at=at)


def dismissed(at: int = NOW) -> Decision:
    return Decision(state=ProposalState.DISMISSED, actor="wang", reason="一家饭馆", at=at)


def only(store: ProposalStore) -> Proposal:
    [proposal] = store.proposals()
    return proposal


def test_a_cluster_is_proposed_whole(store: ProposalStore) -> None:
    assert store.propose([PIT], NOW) == 1
    proposal = only(store)
    assert proposal == store.proposal(proposal.id)
    assert (proposal.kind, proposal.state, proposal.place) == (PlaceKind.DUMP, ProposalState.PROPOSED, PIT.place)
    assert (proposal.trucks, proposal.visits, proposal.days) == (PIT.trucks, 4, 3)
    assert (proposal.hours, proposal.alerts, proposal.radius_m) == (PIT.hours, PIT.alerts, 80.0)
    assert (proposal.proposed_at, proposal.updated_at, proposal.decisions) == (NOW, NOW, ())


def test_found_again_it_gets_new_figures_and_stays_one(store: ProposalStore) -> None:
    store.propose([PIT], NOW)
    assert store.propose([PIT], NOW + 1) == 0
    assert only(store).updated_at == NOW, "nothing is new"
    later = replace(moved(PIT, 150), first_seen=NOW - 2 * DAY, last_seen=NOW, visits=6, radius_m=120.0)
    assert store.propose([later], NOW + 2) == 0
    proposal = only(store)
    assert (proposal.place, proposal.radius_m, proposal.visits) == (later.place, 120.0, 6)
    assert (proposal.first_seen, proposal.last_seen, proposal.updated_at) == (NOW - 5 * DAY, NOW, NOW + 2)


def test_another_place_and_another_kind_are_proposals_of_their_own(store: ProposalStore) -> None:
    assert store.propose([PIT, moved(PIT, 250), replace(PIT, kind=PlaceKind.SOURCE)], NOW) == 3
    assert len(store.proposals()) == 3


def test_an_accepted_place_stays_where_a_person_saw_it(store: ProposalStore) -> None:
    store.propose([PIT], NOW)
    decided = store.decide(only(store).id, accepted())
    assert (decided.state, decided.decisions) == (ProposalState.ACCEPTED, (accepted(),))
    store.propose([replace(moved(PIT, 150), visits=9, radius_m=190.0)], NOW + 1)
    proposal = only(store)
    assert (proposal.place, proposal.radius_m, proposal.visits) == (PIT.place, 80.0, 9)
    assert proposal.state is ProposalState.ACCEPTED


def test_a_dismissed_place_that_is_found_anew_is_a_new_proposal(store: ProposalStore) -> None:
    store.propose([PIT], NOW)
    store.decide(only(store).id, dismissed())
    assert store.propose([replace(PIT, first_seen=NOW + DAY, last_seen=NOW + 9 * DAY)], NOW + 9 * DAY) == 1
    newest, former = store.proposals()
    assert (newest.state, former.state) == (ProposalState.PROPOSED, ProposalState.DISMISSED)
    assert store.proposals(ProposalState.DISMISSED) == [former]


def test_people_may_change_their_minds_and_every_decision_is_kept(store: ProposalStore) -> None:
    store.propose([PIT], NOW)
    key = only(store).id
    store.decide(key, accepted())
    with pytest.raises(AlreadyDecided, match=f"{key} is accepted already"):
        store.decide(key, accepted(NOW + 1))
    proposal = store.decide(key, dismissed(NOW + 2))
    assert (proposal.state, proposal.decisions) == (ProposalState.DISMISSED, (accepted(), dismissed(NOW + 2)))


def test_an_accepted_dump_is_a_hotspot_of_the_city_until_it_is_dismissed(store: ProposalStore, url: str) -> None:
    """A source is none; each revision tells the processes that read the registry."""
    registry = closed_later(Registry(url))
    registry.import_city(read_city(ROOT / "tests" / "devices" / "small_city"))
    store.propose([PIT, replace(moved(PIT, 900), kind=PlaceKind.SOURCE)], NOW)
    dump, source = sorted(store.proposals(), key=lambda proposal: proposal.kind)
    assert (registry.revision(), registry.load_city().hotspots) == (1, ())
    store.decide(source.id, accepted())
    assert registry.revision() == 1
    store.decide(dump.id, accepted())
    city = registry.load_city()
    assert (registry.revision(), city.revision) == (2, 2)
    assert city.hotspots == (Hotspot(dump.id, PIT.place, 80.0),)
    assert not registry.import_city(city).changed_anything, "an import does not concern them"
    store.decide(dump.id, dismissed())
    assert (registry.revision(), registry.load_city().hotspots) == (3, ())
    store.propose([moved(PIT, -900)], NOW)
    store.decide(store.proposals(ProposalState.PROPOSED)[0].id, dismissed())
    assert registry.revision() == 3, "it never was one"


def test_a_proposal_that_never_was_is_named(store: ProposalStore) -> None:
    with pytest.raises(UnknownProposal, match="0000"):
        store.decide("0" * 16, accepted())
    with pytest.raises(UnknownProposal, match="haulwatch sites list"):
        store.proposal("0" * 16)
