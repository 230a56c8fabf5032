"""How far a report is, in the words of whoever sent it: nothing of people, trucks or reasons."""

from enum import StrEnum
from typing import Final

from rules.alerts.model import Text
from rules.cases.model import CaseOutcome, CaseState


class Progress(StrEnum):
    """What an informant learns."""

    RECEIVED = "received"
    IN_WORK = "in_work"
    VIOLATION = "violation"
    UNFOUNDED = "unfounded"
    NO_ACTION = "no_action"
    TRANSFERRED = "transferred"
    DUPLICATE = "duplicate"

    @property
    def is_closed(self) -> bool:
        return self not in {Progress.RECEIVED, Progress.IN_WORK}


WORDS: Final[dict[Progress, Text]] = {
    Progress.RECEIVED: Text(en="Received. It waits for somebody to look into it.", zh="已收到，等待处理。"),
    Progress.IN_WORK: Text(en="In work: somebody is looking into it.", zh="处理中：已有人员核查。"),
    Progress.VIOLATION: Text(
        en="Closed: what you reported was found to be so, and it is dealt with by law.",
        zh="已办结：经查属实，已依法处理。",
    ),
    Progress.UNFOUNDED: Text(
        en="Closed: somebody looked into it and could not find what was reported.",
        zh="已办结：经查未发现所反映的问题。",
    ),
    Progress.NO_ACTION: Text(
        en="Closed: somebody looked into it, and nothing more is to be done.", zh="已办结：已核查，无需进一步处理。"
    ),
    Progress.TRANSFERRED: Text(
        en="Closed here: it was passed on to the authority that is competent.", zh="已转办：已移送有管辖权的部门处理。"
    ),
    Progress.DUPLICATE: Text(
        en="Closed: the same was reported before, and is dealt with there.", zh="已办结：与此前举报重复，已合并处理。"
    ),
}


def progress_of(state: CaseState, outcome: CaseOutcome | None) -> Progress:
    """What a case in this state, closed with this outcome, is to an informant."""
    match state:
        case CaseState.OPEN:
            return Progress.RECEIVED
        case CaseState.IN_PROGRESS:
            return Progress.IN_WORK
        case CaseState.CLOSED:
            return Progress.NO_ACTION if outcome is None else _ENDS[outcome]


_ENDS: Final[dict[CaseOutcome, Progress]] = {
    CaseOutcome.CONFIRMED_VIOLATION: Progress.VIOLATION,
    CaseOutcome.UNFOUNDED: Progress.UNFOUNDED,
    CaseOutcome.NO_ACTION: Progress.NO_ACTION,
    CaseOutcome.DEVICE_FAULT: Progress.NO_ACTION,
    CaseOutcome.TRANSFERRED: Progress.TRANSFERRED,
    CaseOutcome.DUPLICATE: Progress.DUPLICATE,
}
