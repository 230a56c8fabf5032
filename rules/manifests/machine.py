"""The state machine of manifests: (manifest, event) → manifest, or why not. Pure; the only place that decides.

People's actions change the state where it allows them. Telemetry is noted whatever the state, and moves the manifest as
far as its state allows: so a source that confirms after the truck has left, or a correction while it drives, loses
nothing.
"""

from dataclasses import dataclass, replace
from typing import Final

from devices.readings.manifests import ManifestDeed, ManifestTerms, NamedWeight
from devices.readings.models import ManifestAction
from rules.manifests.model import (
    MAX_REFUSALS,
    MAX_SEEN_TRANSITIONS,
    MAX_TRANSITIONS,
    UNDER_WAY,
    Manifest,
    ManifestState,
    Outcome,
    Refusal,
    Transition,
    Trigger,
)

_S = ManifestState
TELEMETRY: Final = frozenset(
    {
        Trigger.WEIGHED_AT_SOURCE,
        Trigger.LEFT_SOURCE,
        Trigger.ENTERED_DESTINATION,
        Trigger.WEIGHED,
        Trigger.LEFT_DESTINATION,
        Trigger.RETURNED,
    }
)
_BEFORE_DISPOSAL: Final = UNDER_WAY | {_S.ARRIVED}
_UNLOADED: Final = frozenset({_S.DRAFT, _S.SOURCE_CONFIRMED})
_ENDS: Final = frozenset({Trigger.SETTLE, Trigger.VOID})
"""Whatever was done with a manifest, a person may end it."""
_MATCHED: Final = frozenset({_S.DISPOSAL_CONFIRMED, _S.CLOSED, _S.DISCREPANCY})
"""States in which another weight may come of a corrected ticket."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happens to a manifest."""

    trigger: Trigger
    at: int
    actor: str = ""
    """Empty for telemetry."""
    no: int = 0
    """Number of the action; 0 for telemetry."""
    evidence: str = ""
    reason: str = ""
    terms: ManifestTerms | None = None
    destination: str | None = None
    net_kg: float | None = None
    ticket: str = ""
    bridge: str = ""
    """Which weighed it."""
    corrects: bool = False
    """Its ticket replaces the one before."""
    weighed_at: int = 0
    """When, if not `at`: what is weighed before its site was named counts from then on."""


class Refused(Exception):
    """The state of the manifest does not allow the action; the message says why, and what to do."""


def event_of(action: ManifestAction) -> Event:
    """The event that an action of a person, or the clock, is to its manifest."""
    weight = action.weight
    if weight is not None:
        return Event(
            trigger=_trigger_of(action.deed, weight),
            at=weight.at,
            actor=action.actor,
            no=action.no,
            evidence=f"ticket {weight.ticket} of {weight.bridge} {weight.at}, action {action.no}",
            reason=action.reason,
            net_kg=weight.net_kg,
            ticket=weight.ticket,
            bridge=weight.bridge,
        )
    return Event(
        trigger=Trigger(action.deed.value),
        at=action.at,
        actor=action.actor,
        no=action.no,
        reason=action.reason,
        terms=action.terms,
        destination=action.destination,
        net_kg=action.net_kg,
    )


def _trigger_of(deed: ManifestDeed, weight: NamedWeight) -> Trigger:
    """A weighing that a person names is what a ticket is that names its truck itself."""
    if deed is ManifestDeed.UNWEIGH:
        return Trigger.UNWEIGH
    if weight.leaves:
        return Trigger.WEIGHED_AT_SOURCE
    return Trigger.ENTERED_DESTINATION if weight.net_kg is None else Trigger.WEIGHED


def issue(number: str, event: Event) -> Manifest:
    """A new manifest. Raises Refused."""
    if event.trigger is not Trigger.ISSUE or event.terms is None:
        raise Refused("no manifest has this number: issue it first")
    draft = Manifest(number, event.terms, taken=(event.no,))
    return replace(draft, transitions=(_transition(event, "", _S.DRAFT),))


def step(manifest: Manifest, event: Event) -> Manifest:
    """The manifest after an event; the same one where it changes nothing. Raises Refused for an action of a person."""
    if event.no in manifest.taken:
        return manifest
    if event.no:
        manifest = replace(manifest, taken=(*manifest.taken, event.no))
    if event.trigger in TELEMETRY:
        return _seen(manifest, event)
    if event.trigger is Trigger.UNWEIGH:
        return _unnamed(manifest, event)
    if event.trigger is Trigger.CHECK:
        return _checked(manifest, event)
    if len(manifest.transitions) >= MAX_TRANSITIONS and event.trigger not in _ENDS:
        raise Refused("it was changed too often: void it, and issue another one")
    return _advance(_acted(manifest, event), event)


def _seen(manifest: Manifest, event: Event) -> Manifest:
    """The manifest after what telemetry shows, or a person who names a weighing."""
    if len(manifest.transitions) >= MAX_SEEN_TRANSITIONS:
        return manifest
    noted = _noted(manifest, event)
    moved = _advance(noted, event)
    same = (noted.net_kg, noted.source_net_kg) == (manifest.net_kg, manifest.source_net_kg)
    return moved if same else _matched(moved, event)


def refused(manifest: Manifest, event: Event, why: str) -> Manifest:
    """The manifest with an action that was refused."""
    if event.no in manifest.taken:
        return manifest
    refusal = Refusal(event.at, event.trigger, manifest.state, event.actor, event.evidence, why)
    refusals = (*manifest.refusals, refusal)[-MAX_REFUSALS:]
    return replace(manifest, taken=(*manifest.taken, event.no), refusals=refusals)


def _acted(manifest: Manifest, event: Event) -> Manifest:  # noqa: C901, PLR0911 - one for each deed
    """The manifest after a deed, before telemetry moves it on."""
    state = manifest.state
    match event.trigger:
        case Trigger.CONFIRM_SOURCE if state is _S.DRAFT:
            net_kg = manifest.source_net_kg if event.net_kg is None else event.net_kg
            return _moved(replace(manifest, source_net_kg=net_kg), _S.SOURCE_CONFIRMED, event)
        case Trigger.REJECT if state in _BEFORE_DISPOSAL:
            return _moved(manifest, _S.REJECTED, event)
        case Trigger.REROUTE if state in _BEFORE_DISPOSAL | {_S.REJECTED}:
            return _rerouted(manifest, event)
        case Trigger.CONFIRM_DISPOSAL if state in _BEFORE_DISPOSAL:
            net_kg = manifest.sent_kg if event.net_kg is None else event.net_kg
            if net_kg is None:
                raise Refused("net_kg: state the weight of the load: none was declared")
            scanned_at = 0 if manifest.arrived_at else event.at
            arrived_at = manifest.arrived_at or event.at
            found = replace(
                manifest, net_kg=net_kg, arrived_at=arrived_at, weighed_at=event.at, scanned_at=scanned_at, seen_at=0
            )
            if state is not _S.ARRIVED:
                found = _moved(found, _S.ARRIVED, event)
            return _moved(found, _S.DISPOSAL_CONFIRMED, event)
        case Trigger.SETTLE if state in {_S.DISCREPANCY, _S.DISPOSAL_CONFIRMED}:
            return _moved(replace(manifest, outcome=Outcome.DELIVERED), _S.CLOSED, event)
        case Trigger.BEGIN_CORRECTION if state not in {_S.UNDER_CORRECTION, _S.VOID}:
            begun = replace(manifest, under_correction=state, corrections=manifest.corrections + 1)
            return _moved_from(begun, state, _S.UNDER_CORRECTION, event)
        case Trigger.CORRECT if state is _S.UNDER_CORRECTION:
            return _corrected(manifest, event)
        case Trigger.VOID if state not in {_S.CLOSED, _S.VOID}:
            return _moved_from(replace(manifest, under_correction=None), state, _S.VOID, event)
    raise Refused(f"it is {state}: {_hint(state)}")


def _hint(state: ManifestState) -> str:
    """What may be done in a state."""
    return _HINTS[state]


_HINTS: Final = {
    _S.DRAFT: "confirm its source, correct or void it",
    _S.SOURCE_CONFIRMED: "wait until the truck has left the source, correct or void it",
    _S.IN_TRANSIT: "confirm its disposal, reject, reroute, correct or void it",
    _S.ARRIVED: "confirm its disposal, reject, reroute, correct or void it",
    _S.DISPOSAL_CONFIRMED: "settle, correct or void it",
    _S.CLOSED: "begin a correction",
    _S.REJECTED: "reroute, correct or void it",
    _S.DISCREPANCY: "settle, correct or void it",
    _S.OVERDUE: "confirm its disposal, reject, reroute, correct or void it",
    _S.UNDER_CORRECTION: "end the correction, or void it",
    _S.VOID: "issue another one",
}


def _rerouted(manifest: Manifest, event: Event) -> Manifest:
    if event.destination is None:
        raise Refused("destination: name the site that takes the load")
    if event.destination in {manifest.terms.destination, manifest.terms.source}:
        raise Refused("destination: name another site than the source and the one before")
    terms = _with_destination(manifest.terms, event.destination, event.at)
    leg = replace(_unweighed(manifest), terms=terms, leg=manifest.leg + 1)
    return _moved(leg, _S.IN_TRANSIT, event)


def _unweighed(manifest: Manifest) -> Manifest:
    """The manifest without what was seen at a disposal site."""
    return replace(
        manifest, net_kg=None, ticket="", ticket_of="", ticket_at=0, ticket_kg=None,
        arrived_at=0, weighed_at=0, departed_at=0, scanned_at=0, seen_at=0,
    )  # fmt: skip


def _with_destination(terms: ManifestTerms, destination: str, at: int) -> ManifestTerms:
    """The terms of another leg: it gets as much time as the first one, from now on."""
    lasts = max(terms.arrive_by - terms.depart_at, 0)
    return ManifestTerms(
        source=terms.source, destination=destination, depart_at=at, arrive_by=at + lasts,
        declared_kg=terms.declared_kg, estimated=terms.estimated,
        loss_pct=terms.loss_pct, declared_error_pct=terms.declared_error_pct,
    )  # fmt: skip


def _corrected(manifest: Manifest, event: Event) -> Manifest:
    """End the correction. Its weights are compared again, and its time."""
    before, terms = manifest.stage, event.terms or manifest.terms
    if terms.source != manifest.terms.source and manifest.left_at:
        raise Refused("source: the truck has left it; void the manifest, and issue another one")
    if terms.destination != manifest.terms.destination and before not in {_S.DRAFT, _S.SOURCE_CONFIRMED}:
        raise Refused("destination: the load is on its way; reroute it after the correction")
    net_kg = manifest.net_kg if event.net_kg is None else event.net_kg
    if event.net_kg is not None and before not in _MATCHED:
        raise Refused("net_kg: nothing was weighed yet that could be corrected")
    found = replace(manifest, terms=terms, net_kg=net_kg, under_correction=None)
    if before is _S.OVERDUE and terms.arrive_by > event.at:
        before = _S.IN_TRANSIT if found.left_at else _S.SOURCE_CONFIRMED
    return _matched(_moved(found, before, event), event)


def _noted(manifest: Manifest, event: Event) -> Manifest:  # noqa: PLR0911 - one for each sighting
    """The manifest with what telemetry shows."""
    stage = manifest.stage
    match event.trigger:
        case Trigger.WEIGHED_AT_SOURCE if stage is not _S.VOID:
            return _weighed_at_source(manifest, event)
        case Trigger.LEFT_SOURCE if not manifest.left_at and stage is not _S.VOID:
            return replace(manifest, left_at=event.at)
        case Trigger.ENTERED_DESTINATION if manifest.passed_by and stage not in {_S.REJECTED, _S.VOID}:
            return replace(manifest, departed_at=0)
        case Trigger.ENTERED_DESTINATION if manifest.is_unseen and stage is not _S.VOID:
            return replace(manifest, seen_at=event.at)
        case Trigger.ENTERED_DESTINATION if not manifest.arrived_at and stage not in {_S.REJECTED, _S.VOID}:
            return replace(manifest, arrived_at=event.at)
        case Trigger.WEIGHED if stage not in {_S.REJECTED, _S.VOID}:
            return _weighed(manifest, event)
        case Trigger.LEFT_DESTINATION if manifest.arrived_at and not manifest.departed_at:
            return replace(manifest, departed_at=event.at)
        case Trigger.RETURNED if stage in _UNLOADED and manifest.net_kg is None:
            # What it was seen to do was with another load.
            return replace(manifest, left_at=0, arrived_at=0, departed_at=0)
        case _:
            return manifest


def _weighed(manifest: Manifest, event: Event) -> Manifest:
    """The manifest with what a ticket shows of its load; a repeat of it shows nothing new."""
    at = event.weighed_at or event.at
    is_known = bool(event.ticket) and (event.ticket, event.bridge) == (manifest.ticket, manifest.ticket_of)
    if event.net_kg is None or (is_known and event.net_kg == manifest.ticket_kg):
        return manifest
    return replace(
        manifest,
        net_kg=event.net_kg,
        ticket=event.ticket,
        ticket_of=event.bridge,
        ticket_at=manifest.ticket_at if is_known or event.corrects else at,
        ticket_kg=event.net_kg,
        arrived_at=manifest.arrived_at or at,
        weighed_at=manifest.weighed_at or at,
        seen_at=at if manifest.is_unseen else manifest.seen_at,
    )


def _weighed_at_source(manifest: Manifest, event: Event) -> Manifest:
    """Likewise at the source; once the load has left, only another weight of the same ticket counts."""
    is_known = bool(event.ticket) and (event.ticket, event.bridge) == (
        manifest.source_ticket,
        manifest.source_ticket_of,
    )
    if event.net_kg is None or (is_known and event.net_kg == manifest.source_ticket_kg):
        return manifest
    if manifest.stage not in _UNLOADED and not (is_known or event.corrects):
        return manifest
    return replace(
        manifest,
        source_net_kg=event.net_kg,
        source_ticket=event.ticket,
        source_ticket_of=event.bridge,
        source_ticket_at=manifest.source_ticket_at if is_known or event.corrects else event.at,
        source_ticket_kg=event.net_kg,
    )


def _unnamed(manifest: Manifest, event: Event) -> Manifest:
    """The manifest without a weighing that is of another load; a person says what becomes of it."""
    named = event.ticket, event.bridge
    if named == (manifest.source_ticket, manifest.source_ticket_of):
        return replace(
            manifest, source_net_kg=None, source_ticket="", source_ticket_of="", source_ticket_at=0,
            source_ticket_kg=None,
        )  # fmt: skip
    if named != (manifest.ticket, manifest.ticket_of) or manifest.stage is _S.VOID:
        return manifest
    found = replace(manifest, net_kg=None, ticket="", ticket_of="", ticket_at=0, ticket_kg=None, outcome="")
    return _moved(found, _S.DISCREPANCY, event) if manifest.stage in _MATCHED - {_S.DISCREPANCY} else found


def _checked(manifest: Manifest, event: Event) -> Manifest:
    waits = manifest.stage in {_S.SOURCE_CONFIRMED, _S.IN_TRANSIT} or (
        manifest.stage is _S.ARRIVED and manifest.passed_by
    )
    if manifest.terms.arrive_by > event.at:
        return manifest
    if waits:
        return _moved(replace(manifest, overdue_at=event.at), _S.OVERDUE, event)
    if manifest.stage is _S.DISPOSAL_CONFIRMED and manifest.is_unseen:
        return _moved(manifest, _S.DISCREPANCY, event)
    return manifest


def _advance(manifest: Manifest, event: Event) -> Manifest:
    """Move on as far as telemetry has gone."""
    while (after := _next(manifest, event)) is not None:
        if after is _S.CLOSED:
            returned = manifest.stage is _S.REJECTED
            manifest = replace(manifest, outcome=Outcome.RETURNED if returned else Outcome.DELIVERED)
        manifest = _moved(manifest, after, event)
    return manifest


def _next(manifest: Manifest, event: Event) -> ManifestState | None:  # noqa: PLR0911 - one for each state
    """The next state on the way of the load; None if it has to wait."""
    match manifest.stage:
        case _S.SOURCE_CONFIRMED if manifest.left_at or manifest.arrived_at:
            return _S.IN_TRANSIT
        case _S.IN_TRANSIT if manifest.arrived_at:
            return _S.ARRIVED
        case _S.OVERDUE if manifest.arrived_at and not manifest.passed_by:
            return _S.ARRIVED
        case _S.ARRIVED if manifest.net_kg is not None:
            return _S.DISPOSAL_CONFIRMED
        case _S.DISPOSAL_CONFIRMED if manifest.departed_at:
            return _S.DISCREPANCY if manifest.is_off or manifest.is_scanned_early else _S.CLOSED
        case _S.REJECTED if event.trigger is Trigger.RETURNED:
            return _S.CLOSED
        case _:
            return None


def _matched(manifest: Manifest, event: Event) -> Manifest:
    """The manifest with its weights compared again: another weight may open or close it."""
    stage = manifest.stage
    if stage is _S.CLOSED and manifest.outcome == Outcome.DELIVERED and manifest.is_off:
        return _moved(replace(manifest, outcome=""), _S.DISCREPANCY, event)
    if stage is _S.DISCREPANCY and manifest.net_kg is not None and not (manifest.is_off or manifest.is_scanned_early):
        return _moved(replace(manifest, outcome=Outcome.DELIVERED), _S.CLOSED, event)
    return manifest


def _moved(manifest: Manifest, after: ManifestState, event: Event) -> Manifest:
    """The manifest in another state; under a correction, the state that it interrupts moves."""
    if manifest.under_correction is None:
        return _moved_from(manifest, manifest.state, after, event)
    before = manifest.under_correction
    moved = replace(manifest, under_correction=after)
    return replace(moved, transitions=(*manifest.transitions, _transition(event, before, after)))


def _moved_from(manifest: Manifest, before: ManifestState, after: ManifestState, event: Event) -> Manifest:
    return replace(manifest, state=after, transitions=(*manifest.transitions, _transition(event, before, after)))


def _transition(event: Event, before: str, after: ManifestState) -> Transition:
    evidence = event.evidence or (f"action {event.no}" if event.no else "")
    return Transition(event.at, event.trigger, before, after, event.actor, evidence, event.reason)
