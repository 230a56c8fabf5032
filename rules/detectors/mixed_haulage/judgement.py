"""Judges whether a truck collects two streams in one haul that may not be mixed.

A haul lasts from one emptying to the next. A truck collects where it stands beside a source of waste, and what a ticket
names. A source with several streams proves nothing as long as one of them may share the haul. Two streams that are each
proven, by a ticket or a load that rose, confirm it; a stop alone is a suspicion, unless a scale that is seen to work
shows that nothing was taken. Trucks with several compartments, and vehicles that are not registered, are not judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole, Vehicle
from devices.city.sites import SOURCES, Site, SiteKind
from devices.geo.geometry import XY
from devices.readings.models import Weighing
from devices.readings.streams import stream_of
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import load_source, ref, where, who, whole_seconds
from rules.detectors.mixed_haulage import wording
from rules.detectors.mixed_haulage.haul import Haul, Mix, MixTable, Pickup, put
from rules.detectors.mixed_haulage.parameters import MixedHaulageParameters
from rules.tracking import Fix, LoadState, Track
from rules.tracking.load import ASSUMED_PAYLOAD_KG, is_believed
from rules.tracking.stays import Stay, follow_stay, source_beside

_EMPTY: Final = LoadState.EMPTY
_UNKNOWN: Final = LoadState.UNKNOWN
_WEIGHING: Final = Weighing
_DANGEROUS: Final = frozenset({"hazardous", "medical"})
_SORTED_AT: Final = frozenset({SiteKind.TRANSFER_STATION, SiteKind.SORTING_CENTRE})
"""Trucks leave these sites with another load than they brought: of their tickets only those into them count."""
_POSITION_FIELDS: Final = ("lat", "lon", "speed_kmh", "load", "load_kg")
_TICKET_FIELDS: Final = ("ticket", "plate", "direction", "material", "gross_kg", "tare_kg", "net_kg")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Stop:
    """The last stop, while its load is followed. Times are device time, ms."""

    since: int
    first_ref: ReadingRef
    before_kg: float | None
    """Steady load before it; None where it is not known."""
    rise_kg: float = 0.0
    """Most that the steady load rose since."""
    pickup: Pickup | None = None
    """None before it is long enough, and where no stream is collected."""


@dataclass(slots=True)
class HaulState:
    """State of one truck."""

    haul: Haul | None = None
    stay: Stay | None = None
    stop: Stop | None = None
    tipped: bool = False
    """It is in a site where trucks tip, for long enough."""


class MixedHaulage(Rule[HaulState]):
    """SUSPECTED or CONFIRMED when two streams are in one haul that may not be mixed, CLEAR when it is emptied."""

    name: ClassVar = "mixed_haulage"
    version: ClassVar = 2
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = HaulState

    def __init__(self, parameters: MixedHaulageParameters | None = None) -> None:
        self.parameters: MixedHaulageParameters = parameters or MixedHaulageParameters()
        self._table = MixTable(self.parameters.may_mix)

    def judge(self, observation: Observation, state: HaulState) -> Sequence[Verdict]:
        """Follow a truck's stops by its positions, and what it carries by its tickets."""
        fix, track, vehicle = observation.fix, observation.track, observation.vehicle
        if track is None or vehicle is None:
            return ()
        if fix is not None:
            over = self._take_fix(observation, fix, track, vehicle, state)
            if over is not None:
                return self._end(observation, state, over)
        elif type(observation.reading) is _WEIGHING and vehicle.compartments == 1:
            self._take_ticket(observation, observation.reading, track, state)
        haul = state.haul
        if haul is None or haul.place is None:
            return ()
        mix = self._table.mix_of(haul.pickups)
        return () if mix is None else (self._verdict(observation, haul, haul.place, mix),)

    def _take_fix(
        self, observation: Observation, fix: Fix, track: Track, vehicle: Vehicle, state: HaulState
    ) -> Text | None:
        """Take a position; return why the haul is over, None while it goes on."""
        if not fix.usable:
            return None
        if state.haul is None and state.stop is None and (fix.moving or not observation.city.has_streams):
            state.stay = None  # as for nearly every reading
            return None
        state.stay = follow_stay(state.stay, fix, track)
        over = wording.COMPARTMENTS if vehicle.compartments > 1 else self._over(fix, track, state)
        if over is None:
            self._follow(observation, fix, track, state)
        return over

    def _over(self, fix: Fix, track: Track, state: HaulState) -> Text | None:
        """Why the haul is over; None while it goes on. In a site where trucks tip it goes on for its tickets."""
        limits, load, haul = self.parameters, track.load, state.haul
        if load.site_kind is not None and load.site_kind.may_tip:
            state.tipped |= fix.ts - load.site_since >= limits.tip_s * 1000
            return None
        if state.tipped:
            state.tipped = False
            return wording.TIPPED
        if haul is None:
            return None
        if load.state is _EMPTY:
            return wording.emptied(load_source(load.source)) if haul.was_loaded else None
        haul.was_loaded |= load.state is not _UNKNOWN
        return wording.EXPIRED if fix.ts - haul.last_at > limits.haul_s * 1000 else None

    def _follow(self, observation: Observation, fix: Fix, track: Track, state: HaulState) -> None:
        """Follow a stay beside a source, and the load until the next one."""
        stay, stop = state.stay, state.stop
        if stay is not None and (stop is None or stop.since != stay.since):
            stop = state.stop = self._begin(observation, fix, track, stay)
        if stop is None:
            return
        weighed = _weigh(stop, fix, track)
        if stay is not None and fix.ts - stay.since >= self.parameters.stay_s * 1000:
            stop.pickup = stop.pickup or self._pickup_at(observation, stay, stop)
        pickup = stop.pickup
        if pickup is None:
            state.stop = None if stay is None else stop
            return
        if stay is not None:
            pickup.stood_ms = fix.ts - stay.since
        if stay is not None or weighed:
            pickup.last_ref = ref(observation.reading, *_POSITION_FIELDS)
            pickup.rise_kg, pickup.rose = stop.rise_kg, stop.rise_kg >= self._enough_kg(observation.vehicle)
            if not self._took_nothing(stop, track, state.haul):
                self._collect(pickup, state)

    def _took_nothing(self, stop: Stop, track: Track, haul: Haul | None) -> bool:
        """True if its scale was weighed with since the stop, shows no more, and showed what was taken elsewhere."""
        if stop.before_kg is None or stop.rise_kg >= self.parameters.unchanged_kg or haul is None:
            return False
        is_weighed = track.load.steady_ts - stop.since >= self.parameters.stay_s * 500
        return is_weighed and any(other.rose and other.at < stop.since for other in haul.pickups)

    def _begin(self, observation: Observation, fix: Fix, track: Track, stay: Stay) -> Stop:
        load = track.load
        is_fresh = load.steady_ts > 0 and fix.ts - load.steady_ts <= self.parameters.weight_age_s * 1000
        begun = ref(observation.reading, *_POSITION_FIELDS)
        return Stop(stay.since, begun, load.steady_kg if is_fresh else None)

    def _pickup_at(self, observation: Observation, stay: Stay, stop: Stop) -> Pickup | None:
        """What it collects where it has stayed for long enough."""
        site = source_beside(stay, self.parameters.near_m, observation.calendar_ts, observation.city)
        if site is None or not site.streams:
            return None
        pickup = _pickup(stop.since, site.streams, site, stay.place(), observation, stop.first_ref)
        pickup.before_kg = stop.before_kg
        return pickup

    def _enough_kg(self, vehicle: Vehicle | None) -> float:
        payload_kg = vehicle.payload_kg if vehicle is not None and vehicle.payload_kg else ASSUMED_PAYLOAD_KG
        return max(self.parameters.rise_kg, self.parameters.rise_share * payload_kg)

    def _collect(self, pickup: Pickup, state: HaulState) -> None:
        """Add it to the haul; what was collected a shift before is no part of it, unless people know of it."""
        haul = state.haul = state.haul or Haul()
        if not haul.onset:
            since = pickup.at - self.parameters.haul_s * 1000
            haul.pickups = [other for other in haul.pickups if other.at >= since]
        put(haul, pickup)
        haul.last_at = max(haul.last_at, pickup.at)
        if not haul.onset and self._table.mix_of(haul.pickups) is not None:
            haul.onset, haul.place = pickup.at, pickup.place

    def _take_ticket(self, observation: Observation, ticket: Weighing, track: Track, state: HaulState) -> None:
        """Take the stream that a ticket names; at a source it begins a haul, elsewhere there is one or it is none."""
        city, material, held = observation.city, ticket.material, track.motion.held
        stream = stream_of(material) if material is not None else None
        bridge = city.devices.get(ticket.device_id)
        site = city.site_of(bridge, observation.calendar_ts) if bridge is not None else None
        if stream is None or site is None or held is None:
            return
        if not is_believed(ticket, city) or track.load.is_repeated(ticket) or not _counts(ticket, site):
            return
        if city.geometry.distance_to_site_m(site.id, held) > self.parameters.ticket_within_m:
            return
        if state.haul is not None or site.kind in SOURCES:
            cited = ref(ticket, *_TICKET_FIELDS)
            pickup = _pickup(ticket.ts, (stream,), site, held, observation, cited)
            pickup.ticket = ticket.ticket
            self._collect(pickup, state)

    def _end(self, observation: Observation, state: HaulState, why: Text) -> Sequence[Verdict]:
        """End the haul; if it was mixed, say so."""
        haul, state.haul, state.stop = state.haul, None, None
        mix = None if haul is None or haul.place is None else self._table.mix_of(haul.pickups)
        if haul is None or haul.place is None or mix is None:
            return ()
        last = self._verdict(observation, haul, haul.place, mix)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {"findings": (*last.evidence.findings, why)}
        return (replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found)),)

    def _verdict(self, observation: Observation, haul: Haul, place: XY, mix: Mix) -> Verdict:
        first, second = mix
        streams = wording.streams(first.streams), wording.streams(second.streams)
        at = Text(en=second.place_en, zh=second.place_zh)
        findings = [
            *_findings(first, streams[0]),
            *_findings(second, streams[1]),
            wording.may_not_mix(*streams),
        ]
        truck = who(observation.device, observation.city, observation.calendar_ts)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED if mix.proven else Level.SUSPECTED,
            at=observation.ts,
            onset=haul.onset,
            severity=_severity(mix),
            place=observation.city.plane.latlon(place),
            title=wording.title(truck, *streams, at, confirmed=mix.proven),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=tuple(findings),
                ruled_out=(wording.ONE_COMPARTMENT, wording.NOT_EMPTIED),
                readings=_cited(mix),
                measures={
                    **_measures("first", first),
                    **_measures("second", second),
                    "apart_s": whole_seconds(abs(second.at - first.at)),
                },
            ),
            basis=f"{first.site_id} {first.proven} {second.site_id} {second.proven}",
        )


def _weigh(stop: Stop, fix: Fix, track: Track) -> bool:
    """Compare the load with the one before, and return whether it rose further."""
    if stop.before_kg is None or track.load.steady_ts != fix.ts:
        return False
    rise_kg = track.load.steady_kg - stop.before_kg
    if rise_kg <= stop.rise_kg:
        return False
    stop.rise_kg = rise_kg
    return True


def _pickup(
    at: int, streams: tuple[str, ...], site: Site, place: XY, observation: Observation, cited: ReadingRef
) -> Pickup:
    there = where(place, observation.city, observation.calendar_ts)
    return Pickup(at, streams, site.id, site.name, site.name_zh, place, there.en, there.zh, cited, cited)


def _counts(ticket: Weighing, site: Site) -> bool:
    """True if the ticket is about a load that the truck collected."""
    if site.kind in SOURCES:
        return ticket.direction == "out"
    return site.kind.may_tip and (ticket.direction == "in" or site.kind not in _SORTED_AT)


def _findings(pickup: Pickup, streams: Text) -> list[Text]:
    site = Text(en=pickup.site_name, zh=pickup.site_name_zh)
    if pickup.ticket:
        return [wording.ticket(site, streams, pickup.ticket)]
    stopped = wording.stopped(site, streams, pickup.stood_ms)
    return [stopped, wording.rose(site, round(pickup.rise_kg))] if pickup.rose else [stopped]


def _measures(name: str, pickup: Pickup) -> dict[str, float | int | str | bool]:
    found: dict[str, float | int | str | bool] = {
        f"{name}_streams": ",".join(pickup.streams),
        f"{name}_site": pickup.site_id,
        f"{name}_proven": pickup.proven,
    }
    if not pickup.ticket:
        found[f"{name}_stood_s"] = whole_seconds(pickup.stood_ms)
    if pickup.before_kg is not None:
        found[f"{name}_rise_kg"] = round(pickup.rise_kg)
    return found


def _cited(mix: Mix) -> tuple[ReadingRef, ...]:
    """How each of the two began, and the last reading of it."""
    refs = {cited.ts: cited for pickup in mix for cited in (pickup.first_ref, pickup.last_ref)}
    return tuple([refs[ts] for ts in sorted(refs)])


def _severity(mix: Mix) -> Severity:
    """One step higher where one of the two is dangerous for certain."""
    dangerous = any(_DANGEROUS.issuperset(pickup.streams) for pickup in mix)
    if mix.proven:
        return Severity.P2 if dangerous else Severity.P3
    return Severity.P3 if dangerous else Severity.P4
