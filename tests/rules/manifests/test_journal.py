"""What judgement found, as the database keeps it: once, and what did not happen after all is marked."""

from typing import Any

from sqlalchemy import Engine, select

from rules.manifests.journal import ManifestJournal, manifest_of_row
from rules.manifests.machine import Event, issue, step
from rules.manifests.model import Manifest, Trigger, TruckManifest
from rules.manifests.tables import manifest_state, manifest_transition
from tests.rules.manifests.trips import LOAD_KG, terms
from tests.rules.town import T0


def told(*triggers: str) -> Manifest:
    found = issue("M1", Event(Trigger.ISSUE, T0, "li", no=1, terms=terms()))
    for n, name in enumerate(triggers, 2):
        net_kg = LOAD_KG if name == "weighed" else None
        no = n if name == "confirm_source" else 0
        found = step(found, Event(Trigger(name), T0 + n * 1_000, "li" if no else "", no=no, net_kg=net_kg))
    return found


ON_ITS_WAY = told("confirm_source", "left_source")
ARRIVED = told("confirm_source", "left_source", "entered_destination")
CLOSED = told("confirm_source", "left_source", "entered_destination", "weighed", "left_destination")


def rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(select(manifest_transition).order_by(manifest_transition.c.no)).mappings()
        return [dict(row) for row in found]


def states(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(manifest_state)).mappings()]


def test_a_manifest_is_read_back_as_it_was_written(journal: ManifestJournal, engine: Engine) -> None:
    assert journal.record([(TruckManifest("T1", CLOSED), 7)], "disk", 1) == 1
    [state] = states(engine)
    assert (state["state"], state["judged_to"], state["net_kg"]) == ("closed", 7, LOAD_KG)
    assert state["closed_at"] == CLOSED.transitions[-1].at
    with engine.connect() as connection:
        [row] = connection.execute(select(manifest_state)).mappings()
        assert manifest_of_row(row) == CLOSED
    assert [row["after"] for row in rows(engine)] == [one.after for one in CLOSED.transitions]


def test_writing_it_again_changes_nothing(journal: ManifestJournal, engine: Engine) -> None:
    journal.record([(TruckManifest("T1", ARRIVED), 7)], "disk", 1)
    before = rows(engine), states(engine)
    assert journal.record([(TruckManifest("T1", ARRIVED), 9)], "disk", 2) == 0
    assert (rows(engine), states(engine)) == before


def test_what_is_judged_again_after_a_crash_does_not_go_back(journal: ManifestJournal, engine: Engine) -> None:
    journal.record([(TruckManifest("T1", CLOSED), 20)], "disk", 1)
    before = rows(engine), states(engine)
    assert journal.record([(TruckManifest("T1", ON_ITS_WAY), 12)], "disk", 2) == 0
    assert (rows(engine), states(engine)) == before
    assert journal.record([(TruckManifest("T1", CLOSED), 20)], "disk", 3) == 0


def test_another_log_counts_from_the_beginning(journal: ManifestJournal, engine: Engine) -> None:
    journal.record([(TruckManifest("T1", ON_ITS_WAY), 20)], "disk", 1)
    assert journal.record([(TruckManifest("T1", CLOSED), 3)], "haulwatch shared 64", 2) == 1
    assert states(engine)[0]["state"] == "closed"


def test_a_transition_that_did_not_happen_is_withdrawn_and_stays(journal: ManifestJournal, engine: Engine) -> None:
    journal.record([(TruckManifest("T1", ARRIVED), 7)], "disk", 1)
    journal.record([(TruckManifest("T1", ON_ITS_WAY), 9)], "disk", 2)
    assert [(row["after"], row["withdrawn_at"]) for row in rows(engine)] == [
        ("draft", None),
        ("source_confirmed", None),
        ("in_transit", None),
        ("arrived", 2),
    ]
    journal.record([(TruckManifest("T1", CLOSED), 11)], "disk", 3)
    standing = [row["after"] for row in rows(engine) if row["withdrawn_at"] is None]
    assert standing == ["draft", "source_confirmed", "in_transit", "arrived", "disposal_confirmed", "closed"]
    assert states(engine)[0]["state"] == "closed"
