"""Whatever the order in which readings and actions arrive, and whatever restarts: the same manifests.

The oracle is what the author of the story says happened, `HAPPENED`.
"""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.readings.ids import MANIFESTS
from devices.readings.manifests import NamedWeight
from devices.readings.models import Reading, Weighing
from rules.manifests.model import Manifest
from tests.examples import examples
from tests.rules.engine.test_any_order import (
    MIXED,
    NEWEST,
    OLDEST,
    Restart,
    Upload,
    as_records,
    keepers,
    play,
    uploaded,
)
from tests.rules.manifests.trips import LOAD_KG, action, honest_trip, manifests_of, path_of, terms
from tests.rules.town import T0, Trip, in_time, town

DONE = ["draft", "source_confirmed", "in_transit", "arrived", "disposal_confirmed"]
HAPPENED = {
    "MT11": [*DONE, "closed"],
    "MT21": [*DONE, "discrepancy"],
    "M3": ["draft", "source_confirmed", "in_transit", "overdue"],
    "MT41": [*DONE, "closed"],
}
"""The states through which each manifest goes."""


@cache
def story() -> dict[str, list[Reading]]:
    """What each device measures, and what people do, in order."""
    lost = Trip("T3", 0, 0, load="loaded").stand(120).drive(3_000, 0).stand(1_500).now(load="empty").stand(600)
    papers: list[Reading] = [
        action("issue", 20, 31, truck="T3", number="M3", terms=terms()),
        action("confirm_source", 100, 32, truck="T3", number="M3"),
        action("check", 4_500, 33, truck="T3", number="M3"),
    ]
    weighed_s = next((one.ts - T0) / 1000 for one in honest_trip("T4") if isinstance(one, Weighing))
    weight = NamedWeight(session="a", bridge="W1", ticket="9", at=T0 + round(weighed_s * 1000), net_kg=LOAD_KG)
    unread = [one for one in honest_trip("T4", first_no=1) if not isinstance(one, Weighing)]
    papers.append(action("weigh", weighed_s, 41, truck="T4", number="MT41", weight=weight))
    told: dict[str, list[Reading]] = {}
    rows = in_time(honest_trip("T1"), honest_trip("T2", net_kg=9_000), lost.readings, unread, papers)
    for reading in rows:
        told.setdefault(reading.device_id, []).append(reading)
    return told


_restarts = st.lists(
    st.builds(Restart, st.integers(0, 999), st.sampled_from(["checkpoint", "restart", "kill"])), max_size=3
)
_upload = st.builds(
    Upload, st.integers(0, 999), st.integers(90, 20 * 60), st.sampled_from([OLDEST, NEWEST, MIXED]), st.booleans()
)
_uploads = st.fixed_dictionaries(
    {}, optional={id_: st.lists(_upload, max_size=2) for id_ in ("T1", "T2", "T3", "T4", "W1", MANIFESTS)}
)


def states(found: dict[str, Manifest]) -> dict[str, list[str]]:
    return {number: path_of(one) for number, one in sorted(found.items())}


def test_the_story_ends_as_its_author_says() -> None:
    engine, _ = play(as_records([*uploaded(story(), {}, 0), *keepers(6_000)]), (), town())
    assert states(manifests_of(engine)) == dict(sorted(HAPPENED.items()))


@settings(max_examples=examples(8, exploring=60))
@given(uploads=_uploads, restarts=_restarts, seed=st.integers(0, 1 << 16))
def test_uploads_up_to_a_day_late_and_restarts(
    uploads: dict[str, list[Upload]], restarts: list[Restart], seed: int
) -> None:
    records = as_records([*uploaded(story(), uploads, seed), *keepers(24 * 3_600)])
    engine, _ = play(records, restarts, town())
    assert states(manifests_of(engine)) == dict(sorted(HAPPENED.items()))
