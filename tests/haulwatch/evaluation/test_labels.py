"""Every rule of the catalogue has incidents to find, and a target to meet."""

import pytest

from haulwatch.evaluation.run import OF_LINES, OF_POINTS
from haulwatch.evaluation.targets import OTHERS, target
from rules.catalogue import rule_names
from simulators.trials.tiers import TIERS, tier
from simulators.trials.trial import stage

WITHOUT_TRIAL = {"manifest_overdue"}
"""Nobody issues manifests in trials; `tests.rules.test_scenario` has those of the demo, with labels."""


@pytest.mark.long
def test_trials_have_incidents_of_every_rule_that_must_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the clean tier, where sensors and terminals are wrong, and where few rules are asked for by name."""
    for_few = (frozenset({"mixed_haulage", "outside_permitted_area"}), frozenset({"cannot_be_judged"}))
    staged = [stage(tier("clean"), "4", 0), stage(tier("clean"), "4", 1, for_few[0])]
    monkeypatch.setattr("simulators.trials.trial.SHIFT_H", 3)  # what is wrong with a terminal is so all day
    staged += [stage(tier(name), "4", 0) for name in ("faults", "terminals")]
    staged += [stage(tier("clean"), "4", 1, for_few[1])]
    labelled = {incident.rule for trial in staged for incident in trial.incidents if incident.required}
    assert labelled == set(rule_names()) - WITHOUT_TRIAL


def test_every_rule_has_a_target_in_every_tier() -> None:
    """Those that the field names have their own; all others are to be found within 30 s after they must last."""
    own = {rule for rule in rule_names() for one in TIERS if target(rule, one.name) != OTHERS}
    assert own == {"illegal_dumping", "route_deviation", "bed_raised_outside"}
    assert (OTHERS.recall, OTHERS.precision, OTHERS.delay_s, OTHERS.false_per_day) == (0.95, 0.95, 30.0, 0.01)


def test_false_alarms_of_points_and_lines_are_counted_per_device() -> None:
    assert set(OF_POINTS) | set(OF_LINES) <= set(rule_names())
    assert "deposit_outside_hours" in OF_POINTS
