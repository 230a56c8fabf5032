"""Folding: an incident that is a part of another rule's incident of the same subject notifies nobody on its own.

A verdict names the rule whose incident it may belong to (`Verdict.folds_into`). Where that rule has an incident at the
same time and place, the part is silent: it is evidence there. While that rule may still be deciding, the part waits
`WAITS_MS`. People are notified of it once that time is over, or once the other alert is retracted; and where the other
alert comes later than that, the part's own is merged into it, and people who were called need not be called again.

Every change of incidents passes here, live and when late readings are judged in their place, so that the same readings
lead to the same alerts whenever they came.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from devices.geo.geometry import LatLon
from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Text
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import merged
from rules.engine.incidents import excuses
from rules.engine.incidents.incident import MERGE_WITHIN_M, MERGE_WITHIN_MS, Folding, Incident, apart_m, is_silent
from rules.engine.incidents.machine import DeviceIncidents

WAITS_MS: Final = 8_000
"""From the onset on: a bed that is up so long counts for a dump (`lift_standing_s` of `illegal_dumping`), so that most
dumps are suspected by then. Waiting longer would cost every other alert about a bed as much."""

_GOING_ON: Final = frozenset({Phase.PROVISIONAL, Phase.CONFIRMED})


def take(
    incidents: DeviceIncidents, rule: str, rule_version: int, verdict: Verdict, fleet_time: int
) -> list[AlertChange]:
    """Take a verdict at fleet time, ms, and return the alert changes that people are notified of; mostly none."""
    changes: list[AlertChange] = []
    if verdict.level in excuses.DECIDING:
        return _decide(incidents, rule, rule_version, verdict)
    if incidents.waits and incidents.waits < verdict.at:
        changes += _publish_waiting(incidents, lambda folding: folding.due < verdict.at)
    for change in incidents.take(rule, rule_version, verdict):
        changes += _pass(incidents, change, verdict.folds_into, fleet_time)
    if incidents.has_excuses:
        for incident in incidents.all(rule):
            for change in excuses.release(incident, verdict.at):
                changes += _with_parts(incidents, change)
    return changes


def release(incidents: DeviceIncidents, until: int) -> list[AlertChange]:
    """Publish what is held back and due at fleet time `until`, ms: parts that waited, and closings."""
    changes = _publish_waiting(incidents, lambda folding: folding.until <= until) if incidents.waits else []
    for change in incidents.release(until):
        changes += _pass(incidents, change, "", until)
    return changes


def all_due(incidents: DeviceIncidents) -> list[int]:
    """Fleet times, ms, at which something that is held back is due."""
    return [*incidents.all_due(), *(folding.until for _, folding in _waiting(incidents))]


def begin_run(
    incidents: DeviceIncidents, run: int, versions: Mapping[str, int], until: int, reason: Text
) -> list[AlertChange]:
    """End the incidents of these rules, as `DeviceIncidents.begin_run` does; nobody learns of the end of a part."""
    changes = _publish_waiting(incidents, lambda _: True)
    silent = {incident.alert_id for incident in incidents.all() if is_silent(incident)}
    ended = incidents.begin_run(run, versions, until, reason)
    return changes + [change for change in ended if change.alert_id not in silent]


def drop(incidents: DeviceIncidents, versions: Mapping[str, int], until: int, reason: Text) -> list[AlertChange]:
    """End the incidents of these rules, as `DeviceIncidents.drop` does; nobody learns of the end of a part."""
    silent = {incident.alert_id for incident in incidents.all() if is_silent(incident)}
    ended = incidents.drop(versions, until, reason)
    note_waits(incidents)
    return [change for change in ended if change.alert_id not in silent]


def _decide(incidents: DeviceIncidents, rule: str, rule_version: int, verdict: Verdict) -> list[AlertChange]:
    """Excuse an incident, or do so no more."""
    incident, changes = incidents.with_onset(rule, verdict), list[AlertChange]()
    if incident is not None:
        incidents.has_excuses |= verdict.level is Level.EXCUSED
        for change in excuses.decide(incident, rule, rule_version, verdict):
            changes += _with_parts(incidents, change)
    return changes


def _pass(incidents: DeviceIncidents, change: AlertChange, folds_into: str, fleet_time: int) -> list[AlertChange]:
    """The change as it is published: held back if it is a part's, followed by what it makes of its own parts."""
    incident = next((one for one in incidents.all() if one.alert_id == change.alert_id), None)
    if incident is not None:
        if folds_into or incident.folding is not None:
            incident.folding = _folded(incidents, incident, change, folds_into, fleet_time)
        incidents.has_excuses |= excuses.hold(incident, change)
        if is_silent(incident):
            incident.revision -= 1
            note_waits(incidents)
            return []
    return _with_parts(incidents, change)


def _with_parts(incidents: DeviceIncidents, change: AlertChange) -> list[AlertChange]:
    """A published change, followed by what it makes of the parts of its incident."""
    of_parts: list[AlertChange] = []
    for part in incidents.all():
        if part.folding is not None and part.folding.into == change.rule and part.folding.last:
            of_parts += _host_changed(incidents, part, part.folding, change)
    called = [one for one in of_parts if one.amendment is Amendment.MERGED and one.severity <= change.severity]
    if called:
        change = change.model_copy(update={"takes_over": called[0].alert_id})
    return [change, *of_parts]


def _folded(
    incidents: DeviceIncidents, incident: Incident, change: AlertChange, folds_into: str, fleet_time: int
) -> Folding | None:
    """How the incident stands to the one that it may belong to, after this change of it."""
    folding = incident.folding
    if folding is not None and change.phase not in _GOING_ON:
        return replace(folding, last=() if change.amendment is Amendment.RETRACTED else (*folding.last[:1], change))
    if not folds_into:
        return None
    onset = change.opened_at if change.onset is None else change.onset
    is_published = incident.revision > 1 if folding is None else not is_silent(incident)
    host = None if is_published else _host_of(incidents, incident, folds_into, onset)
    host_id, due = "" if host is None else host.alert_id, onset + WAITS_MS
    if host_id or is_published or change.at >= due:
        return Folding(folds_into, onset, host_id, 0, 0, (change,))
    return Folding(folds_into, onset, "", due, fleet_time + due - change.at, (change,))


def _host_changed(
    incidents: DeviceIncidents, part: Incident, folding: Folding, change: AlertChange
) -> Iterator[AlertChange]:
    """What a published change of the rule that it folds into means for a part."""
    if change.amendment is Amendment.RETRACTED:
        if folding.host == change.alert_id:
            host = _host_of(incidents, part, folding.into, folding.onset)
            part.folding = replace(folding, host="" if host is None else host.alert_id)
            if host is None:
                yield from _published(part, change.at)
    elif not folding.host and change.phase in _GOING_ON:
        host = _host_of(incidents, part, folding.into, folding.onset)
        if host is not None:
            part.folding = replace(folding, host=host.alert_id, due=0, until=0)
            note_waits(incidents)
            if not folding.due and part.excuse is None:
                yield merging(part, incidents, folding.last[-1], change.at)


def _host_of(incidents: DeviceIncidents, part: Incident, rule: str, onset: int) -> Incident | None:
    """The published incident of this rule at the time and place of the part."""
    place = None if part.lat is None or part.lon is None else LatLon(part.lat, part.lon)
    for host in incidents.all(rule):
        begun = host.opened_at - MERGE_WITHIN_MS <= onset and (host.ended_at is None or onset <= host.ended_at)
        published = host.amendment is not Amendment.RETRACTED and not is_silent(host)
        if begun and published and apart_m(host, place) <= MERGE_WITHIN_M:
            return host
    return None


def _waiting(incidents: DeviceIncidents) -> list[tuple[Incident, Folding]]:
    """The parts that wait for their rule."""
    if not incidents.waits:
        return []
    folding = [(part, part.folding) for part in incidents.all() if part.folding is not None]
    return [(part, found) for part, found in folding if found.due]


def _publish_waiting(incidents: DeviceIncidents, is_over: Callable[[Folding], bool]) -> list[AlertChange]:
    """Publish the parts that waited long enough."""
    changes: list[AlertChange] = []
    for part, folding in _waiting(incidents):
        if is_over(folding):
            part.folding = replace(folding, due=0, until=0)
            changes += _published(part, folding.due)
    note_waits(incidents)
    return changes


def note_waits(incidents: DeviceIncidents) -> None:
    """Note until when the first of its parts waits."""
    dues = [part.folding.due for part in incidents.all() if part.folding is not None and part.folding.due]
    incidents.waits = min(dues, default=0)


def _published(part: Incident, at: int) -> Iterator[AlertChange]:
    """Publish what was held back of a part: as it stood while it was open, and its end."""
    for change in part.folding.last if part.folding is not None and part.excuse is None else ():
        part.revision += 1
        part.told_at = max(at, change.at)
        yield change.model_copy(update={"revision": part.revision, "at": part.told_at})


def merging(part: Incident, incidents: DeviceIncidents, last: AlertChange, at: int) -> AlertChange:
    """The change that merges a part's own alert into its host's, `last` being its change before, at device time `at`,
    ms.
    """
    part.revision += 1
    host_id = part.folding.host if part.folding is not None else ""
    title = next((one.title for one in incidents.all() if one.alert_id == host_id), last.title)
    finding = Text(en=f"It is part of this: {title.en}", zh=f"属于以下事件的一部分：{title.zh}")
    taken_back = {
        "revision": part.revision,
        "phase": Phase.AMENDED,
        "amendment": Amendment.MERGED,
        "at": at,
        "closed_at": at if last.closed_at is None else last.closed_at,
        "title": merged(last.title),
        "evidence": Evidence(parameters=last.evidence.parameters, findings=(finding,)),
        "revised": False,
    }
    return last.model_copy(update=taken_back)
