"""Excuses: nobody is notified of an incident while what other devices did explains it, such as a closed road.

An excused incident goes on as any other; only what would be published of it is held back. So it does not matter whether
its excuse is known before it begins, while it lasts, or a day later.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from rules.alerts.model import AlertChange, Amendment, Evidence, Phase
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import NOT_EXCUSED, withdrawn
from rules.engine.incidents.incident import Excuse, Incident, change_of, is_part

DECIDING: Final = frozenset({Level.EXCUSED, Level.STANDS})
"""Levels that say whether an incident is excused."""
_GOING_ON: Final = frozenset({Phase.PROVISIONAL, Phase.CONFIRMED})
_MAX_ONSETS: Final = 32


def note_excused(incident: Incident, onset: int) -> None:
    """Note that others explain what began then."""
    if onset not in incident.excused:
        incident.excused = [*incident.excused[1 - _MAX_ONSETS :], onset]


def decide(incident: Incident, rule: str, rule_version: int, verdict: Verdict) -> Iterator[AlertChange]:
    """Excuse an incident, or do so no more, as a verdict of these levels says; mostly nobody is notified of it."""
    if verdict.level is Level.EXCUSED:
        note_excused(incident, verdict.onset)
        if incident.excuse is not None:
            incident.excuse = replace(incident.excuse, why=verdict.evidence)
        elif _is_explained(incident):
            yield from _excuse(incident, rule, rule_version, verdict)
    else:
        incident.excused = [onset for onset in incident.excused if onset != verdict.onset]
        yield from release(incident, verdict.at)


def hold(incident: Incident, change: AlertChange) -> bool:
    """Hold a change back and return True if the incident is excused; one that begins may be so from the start."""
    if incident.excuse is None and (incident.revision > 1 or not _is_explained(incident)):
        return False
    held = incident.excuse or Excuse()
    opened = tuple(one for one in held.last[:1] if one.phase in _GOING_ON)
    last = (change,) if change.phase in _GOING_ON else (*opened, change)
    incident.excuse = replace(held, last=() if change.amendment is Amendment.RETRACTED else last)
    return True


def release(incident: Incident, at: int) -> Iterator[AlertChange]:
    """Publish at device time `at`, ms, what is held back of an incident of which others do not explain all."""
    if incident.excuse is not None and not _is_explained(incident):
        yield from _stand(incident, incident.excuse, at)


def taken_back(incident: Incident, rule: str, rule_version: int, subject: str, at: int) -> AlertChange:
    """The change that takes an excused alert back, at device time `at`, ms; the incident itself goes on."""
    incident.revision += 1
    parameters = incident.evidence.parameters
    why = incident.excuse.why if incident.excuse is not None else None
    update = {
        "phase": Phase.AMENDED,
        "amendment": Amendment.RETRACTED,
        "closed_at": at if incident.closed_at is None else incident.closed_at,
        "title": withdrawn(incident.title),
        "evidence": why or Evidence(parameters=parameters),
    }
    return change_of(incident, rule, rule_version, subject, at).model_copy(update=update)


def _is_explained(incident: Incident) -> bool:
    """True if others explain all that was merged into it."""
    excused = incident.excused
    return bool(excused) and bool(incident.onsets) and all(onset in excused for onset in incident.onsets)


def _excuse(incident: Incident, rule: str, rule_version: int, verdict: Verdict) -> Iterator[AlertChange]:
    is_published = incident.revision > 0 and not is_part(incident) and incident.phase is not Phase.AMENDED
    if incident.folding is not None:
        last = incident.folding.last
    else:
        last = (change_of(incident, rule, rule_version, verdict.subject, incident.told_at),)
    incident.excuse = Excuse(last, verdict.evidence)
    if is_published:
        yield taken_back(incident, rule, rule_version, verdict.subject, verdict.at)


def _stand(incident: Incident, excuse: Excuse, at: int) -> Iterator[AlertChange]:
    """Publish what was taken back, or held back: as it stood while it was open, and its end."""
    incident.excuse = None
    if is_part(incident):
        return
    was_taken_back = incident.revision > 0
    for change in excuse.last:
        incident.revision += 1
        incident.told_at = max(at, change.at)
        update: dict[str, object] = {"revision": incident.revision, "at": incident.told_at}
        if was_taken_back:
            findings = {"findings": (*change.evidence.findings, NOT_EXCUSED)}
            update["evidence"] = change.evidence.model_copy(update=findings)
        yield change.model_copy(update=update)
