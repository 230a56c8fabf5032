"""Invented compartments: the judge takes those that the recorder stores, and no more."""

import json

from ingest.judge.judge_record import judge_record
from ingest.log.records import LogRecord, RawMessage
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, town


def invented(offset: int, readings: int = 300) -> LogRecord:
    """An array of compartments that nobody has, all of one instant."""
    fills = [{"ts": T0, "compartment": f"c{offset}-{n}", "fill_pct": 50.0} for n in range(readings)]
    return LogRecord(offset, RawMessage("haulwatch/v1/P24/fill", json.dumps(fills).encode(), T0))


def test_six_thousand_invented_compartments_are_thirty_two_readings() -> None:
    engine = RuleEngine(town(), build_rules())
    for offset in range(1, 21):
        judge_record(engine, invented(offset))
    engine.advance(100_000)
    assert engine.judged == {"P24": 32}
    assert engine.not_judged == {}  # the recorder quarantines the others
