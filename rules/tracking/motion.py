"""Place and motion of a truck: spikes are ignored, and drift while it stands is not motion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from devices.city.geometry import NearSite
from devices.city.model import City, Device
from devices.geo.gcj02 import place_in_wgs84
from devices.geo.geometry import XY, Datum
from devices.readings.models import Position
from devices.readings.motion import STILL_KMH
from rules.tracking.datum import DatumTrack
from rules.tracking.quality import Quality, accuracy_m, coarse_error_m, judge_quality

MAX_SPEED_M_PER_S: Final = 42.0
"""No truck drives 150 km/h: a fix that implies more is a spike, unless the next one stays with it."""
STILL_WITHIN_M: Final = 30.0
STOP_WITHIN_M: Final = 60.0
"""A standing truck that is seen so far, and the error of the fix, from where its stop began is seen elsewhere: more
than a receiver wanders, or a truck shuffles forward."""
_ASTRAY_FIXES: Final = 3
"""So many fixes in a row away from its anchor, or two at one place, move a truck that drives nowhere: in a street,
every twentieth fix is 100 m away."""
_SEEN_MS: Final = 45_000
"""Over a longer gap nobody saw a standing truck: it may have driven elsewhere, so the first fix there counts."""
BLIND_AFTER_MS: Final = 60_000
"""After longer without a usable fix, the truck's place is unknown; but not before `BLIND_INTERVALS` of its own."""
BLIND_INTERVALS: Final = 3.5
"""Two lost reports and some jitter leave a gap of three intervals and a little."""
_MOST_INTERVAL_MS: Final = 180_000
"""Of a truck that reports more seldom, one lost report leaves time for another errand."""
_INTERVAL_STEP: Final = 1.25
"""A gap moves the measured interval by at most this factor: it follows the median of the gaps, and a terminal that is
registered with 10 s and reports each 60 s is known after eight reports."""
NEARBY_M: Final = 250.0
"""Radius of the search for sites around a fix: more than every distance that a rule asks about."""
_BASELINE_MS: Final = 10_000
"""Where a terminal reports no speed, it is worked out over at least this long, so that noise of a few metres at one fix
a second is not motion."""
_NO_SATELLITES_FIXES: Final = 10
"""A terminal whose first so many fixes, and all since, name 0 satellites does not fill the field."""
_NO_SPEED_M: Final = 500.0
"""One that came so far while each reading said 0 km/h does not fill that one: no drift of a receiver is as long."""
_RESTS_MS: Final = 120_000
"""A place kept for so long ends what may have been a drive at 0 km/h."""
_WGS84: Final = Datum.WGS84
_BAD: Final = Quality.BAD


class Fix:
    """Place and motion, derived from one position reading. Never changed; one is made for every position (see
    `rules.contract.observation`).
    """

    __slots__ = (
        "accuracy_m", "blind", "coarse", "gap_ms", "moving", "quality", "regained", "run_m", "sites", "speed_kmh", "ts",
        "usable", "xy",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - one for each of its fields
        self,
        ts: int,
        quality: Quality,
        xy: XY,
        accuracy_m: float,
        speed_kmh: float | None,
        *,
        usable: bool,
        gap_ms: int,
        blind: bool = False,
        regained: bool = False,
        moving: bool = False,
        run_m: float = 0.0,
        sites: Sequence[NearSite] = (),
        coarse: XY | None = None,
    ) -> None:
        self.ts: Final = ts
        self.quality: Final = quality
        self.xy: Final = xy
        """Place on the city's plane; held still while the truck stands."""
        self.accuracy_m: Final = accuracy_m
        self.speed_kmh: Final = speed_kmh
        """Reported, or else worked out; None if unknown."""
        self.usable: Final = usable
        """Neither BAD nor a spike nor in another datum. The place of an unusable fix repeats the last usable one."""
        self.blind: Final = blind
        """No usable fix for longer than the limit: the truck's place is unknown."""
        self.regained: Final = regained
        """The first usable fix after such a gap."""
        self.moving: Final = moving
        self.run_m: Final = run_m
        """Distance driven since the previous usable fix; 0 after a blind gap."""
        self.gap_ms: Final = gap_ms
        """Time since the previous usable fix; 0 at the first."""
        self.coarse: Final = coarse
        """Place as measured of an unusable fix that is BAD only for the error it states, `accuracy_m`; else None. A
        truck that it shows many times that error away is not near."""
        self.sites: Final = sites
        """Sites within `NEARBY_M`, nearest first."""

    def outside_m(self) -> float:
        """Distance beyond a fence from which the fix counts as outside: the receiver may be wrong by so much."""
        return min(self.accuracy_m, STILL_WITHIN_M)


@dataclass(slots=True)
class Motion:
    """State between fixes; x and y in metres on the city's plane."""

    ts: int = 0
    """Time of the last usable fix; 0 before the first."""
    at: XY | None = None
    """Last usable place as measured."""
    held: XY | None = None
    """Last usable place as judged: the anchor while standing."""
    anchor: XY | None = None
    standing_since: int = 0
    """ms; 0 while not standing."""
    stopped_at: XY | None = None
    """Where it began to stand; the anchor follows a truck that shuffles."""
    anchored: int = 0
    """Fixes at the anchor; one alone may be wrong itself."""
    astray: int = 0
    """Fixes in a row away from it."""
    astray_at: XY | None = None
    """The last of them."""
    elsewhere: XY | None = None
    """The last place while it stands, if that was away from `stopped_at`."""
    elsewhere_ts: int = 0
    left: tuple[int, XY] | None = None
    """When and where it stood before the last fix, which is away from there and may be wrong: its speed is worked out.
    """
    suspect_ts: int = 0
    suspect: XY | None = None
    """A fix too far away to accept until another one agrees with it."""
    baseline: tuple[tuple[int, XY], ...] = ()
    satellites: int = 0
    """Fixes with 0 satellites, since the first; negative once one named any."""
    slid_from: XY | None = None
    """Where it began to move at 0 km/h."""
    no_speed: bool = False
    """It sends 0 km/h while it drives: its speed is worked out instead."""
    interval_ms: float = 0.0
    """Its own interval while it drives, measured from its fixes; 0 before the first."""

    def take(self, position: Position, device: Device, city: City, datum: DatumTrack, calendar_ts: int) -> Fix:
        """Take a position reading and return its fix. Sites and routes are those valid at `calendar_ts`, ms.

        A place that fits another datum only is as bad as none: it begins no state, and no second one like it is
        believed either. One outside the city's region arrives here with `located` false.
        """
        ts = position.ts
        if not self.interval_ms:
            self.interval_ms = min(1000.0 * device.report_interval_s, _MOST_INTERVAL_MS)
        blind_after_ms = max(BLIND_AFTER_MS, BLIND_INTERVALS * self.interval_ms)
        sent_in = device.datum
        xy = city.plane.xy(position if sent_in is _WGS84 else place_in_wgs84(position, sent_in))
        if position.satellites is not None and self.satellites >= 0 and position.located:
            self.satellites = -1 if position.satellites else self.satellites + 1
        quality = judge_quality(position, counts_satellites=self.satellites < _NO_SATELLITES_FIXES)
        if quality is _BAD:
            error_m = coarse_error_m(position) if datum.believed else None
            return self._unusable(position, quality, xy, blind_after_ms, error_m)
        if not datum.believes(xy, ts, device, city, calendar_ts) or not self._plausible(ts, xy):
            return self._unusable(position, quality, xy, blind_after_ms)
        gap_ms = ts - self.ts if self.ts else 0
        before = self.held
        speed_kmh = position.speed_kmh
        if speed_kmh is not None:
            self._check_speed(ts, xy, speed_kmh, is_leap=gap_ms > blind_after_ms)
        worked_out = speed_kmh is None or self.no_speed
        if worked_out:
            speed_kmh = self._speed_kmh(position, xy, blind_after_ms)
        self._stand_or_go(ts, xy, speed_kmh, min(accuracy_m(position), STILL_WITHIN_M), worked_out=worked_out)
        self.ts, self.at = ts, xy
        here = self.held = self.anchor or xy
        regained = gap_ms > blind_after_ms
        sites = city.geometry.sites_near(here, NEARBY_M, calendar_ts)
        moving = speed_kmh is not None and speed_kmh >= STILL_KMH
        if gap_ms and (moving or speed_kmh is None):
            self._measure_interval(gap_ms)
        run_m = before.distance_m(here) if before is not None and not regained else 0.0
        return Fix(
            ts, quality, here, accuracy_m(position), speed_kmh,
            usable=True, regained=regained, moving=moving, run_m=run_m, gap_ms=gap_ms, sites=sites,
        )  # fmt: skip

    def _unusable(
        self, position: Position, quality: Quality, xy: XY, blind_after_ms: float, error_m: float | None = None
    ) -> Fix:
        """`error_m`: the error of a fix that is only coarse."""
        ts, speed_kmh = position.ts, position.speed_kmh
        is_near = self.at is None or _reachable(self.at, self.ts, xy, ts)
        coarse = xy if error_m is not None and is_near else None
        moving = coarse is not None and speed_kmh is not None and speed_kmh >= STILL_KMH
        return Fix(
            ts, quality, self.held or xy, error_m if error_m is not None else accuracy_m(position), speed_kmh,
            usable=False, blind=ts - self.ts > blind_after_ms, gap_ms=ts - self.ts if self.ts else 0, moving=moving,
            coarse=coarse,
        )  # fmt: skip

    def _check_speed(self, ts: int, xy: XY, speed_kmh: float, *, is_leap: bool) -> None:
        """Find a terminal that sends 0 km/h while it drives. Over a gap (`is_leap`) nobody saw how it moved: a truck
        that stood before a tunnel may stand behind it.
        """
        if speed_kmh > 0:
            self.slid_from, self.no_speed = None, False
        elif is_leap:
            self.slid_from = None
        elif self.anchor is not None and self.anchor.distance_m(xy) > STILL_WITHIN_M:
            if self.slid_from is None:
                self.slid_from = self.anchor
            self.no_speed |= self.slid_from.distance_m(xy) >= _NO_SPEED_M
        elif self.standing_since and ts - self.standing_since >= _RESTS_MS:
            self.slid_from = None

    def _plausible(self, ts: int, xy: XY) -> bool:
        """True if the truck can have driven here, or if this fix agrees with the suspect one before."""
        if self.at is None or _reachable(self.at, self.ts, xy, ts):
            self.suspect = None
            return True
        if self.suspect is not None and _reachable(self.suspect, self.suspect_ts, xy, ts):
            self.suspect = self.held = self.anchor = None
            self.baseline = ()
            return True
        self.suspect, self.suspect_ts = xy, ts
        return False

    def _measure_interval(self, gap_ms: int) -> None:
        """Follow the median gap; many terminals report less often while they stand, so those gaps are not taken."""
        if gap_ms > self.interval_ms:
            self.interval_ms = min(self.interval_ms * _INTERVAL_STEP, gap_ms, _MOST_INTERVAL_MS)
        else:
            self.interval_ms = max(self.interval_ms / _INTERVAL_STEP, gap_ms)

    def _speed_kmh(self, position: Position, xy: XY, blind_after_ms: float) -> float | None:
        """Work out the speed of a terminal that reports none; None until the baseline is long enough."""
        if not self.baseline or position.ts - self.ts > blind_after_ms:
            self.baseline = ((position.ts, xy),)
            return None
        start_ts, start = self.baseline[0]
        speed = start.distance_m(xy) / max(position.ts - start_ts, 1) * 3600
        if position.ts - self.baseline[-1][0] >= _BASELINE_MS:
            self.baseline = (self.baseline[-1], (position.ts, xy))
        return speed if position.ts - start_ts >= _BASELINE_MS else None

    def _stand_or_go(self, ts: int, xy: XY, speed_kmh: float | None, error_m: float, *, worked_out: bool) -> None:
        """`worked_out`: the speed is of places. One wrong place moves such a truck, and the next brings it back."""
        if speed_kmh is None:
            return
        is_seen = ts - self.ts <= _SEEN_MS
        if speed_kmh >= STILL_KMH:
            self.left = (self.standing_since, self.anchor) if worked_out and self.anchor is not None else None
            self.anchor, self.standing_since = None, 0
        elif self.anchor is not None:
            self._hold_or_move(xy, self.anchor, is_seen=is_seen)
            self._stand_on(ts, xy, STOP_WITHIN_M + error_m, is_seen=is_seen)
        elif self.left is not None and is_seen and self.left[1].distance_m(xy) <= STILL_WITHIN_M:
            self.standing_since, anchor = self.left
            self._anchor_at(anchor, 2)
            self.left, self.baseline = None, ((ts, xy),)
        else:
            self._anchor_at(xy, 1)
            self.standing_since, self.left = ts, None
            self.stopped_at, self.elsewhere = xy, None

    def _hold_or_move(self, xy: XY, anchor: XY, *, is_seen: bool) -> None:
        """Hold a standing truck at its anchor, or move it after others that are away from there."""
        if anchor.distance_m(xy) <= STILL_WITHIN_M:
            self.anchored, self.astray = self.anchored + 1, 0
            return
        self.astray += 1
        agrees = self.astray > 1 and self.astray_at is not None and self.astray_at.distance_m(xy) <= STILL_WITHIN_M
        self.astray_at = xy
        if agrees or self.astray >= _ASTRAY_FIXES or self.anchored < 2 or not is_seen:
            self._anchor_at(xy, 2 if agrees else 1)

    def _anchor_at(self, xy: XY, fixes: int) -> None:
        self.anchor, self.anchored, self.astray = xy, fixes, 0

    def _stand_on(self, ts: int, xy: XY, within_m: float, *, is_seen: bool) -> None:
        """Go on with the stop, or begin another one where two fixes in a row, or one after a gap, are elsewhere."""
        began_at = self.stopped_at or self.anchor
        if began_at is not None and began_at.distance_m(xy) <= within_m:
            self.stopped_at, self.elsewhere = began_at, None
            return
        before = self.elsewhere
        self.elsewhere = xy
        if before is None and is_seen:
            self.elsewhere_ts = ts
            return
        stays = before is not None and before.distance_m(xy) <= within_m
        self._anchor_at(xy, 2 if stays else 1)
        self.standing_since = self.elsewhere_ts if stays else ts
        self.stopped_at, self.elsewhere = xy, None


def _reachable(start: XY, start_ts: int, end: XY, end_ts: int) -> bool:
    return start.distance_m(end) <= MAX_SPEED_M_PER_S * max(end_ts - start_ts, 1) / 1000
