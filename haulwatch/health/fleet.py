"""The check of the judges that share partitions: one of them compares devices and publishes, or no alert is raised."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from api.ports import Check, ReadinessResult, ReadinessState
from haulwatch.health.readiness import Growth, TroubleLog
from ingest.log.errors import RawLogError
from ingest.log.kafka.figures import FleetFigures

HANDED_OVER_S: Final = 180.0
"""Four times as long as Kafka needs, by default, to notice that a judge has died."""
_DAMAGED: Final = "damaged"


def fleet_check(fleet: Callable[[], FleetFigures], damaged: Callable[[], int]) -> Check:
    """The check of /readyz. `fleet` raises RawLogError; `damaged`: records that this machine's judge passed."""
    look = FleetReadiness(fleet, damaged, partial(TroubleLog().warn, "the group of judges"))
    return Check("fleet", partial(asyncio.to_thread, look.result))


class FleetReadiness:
    """Notes since when nobody has the verdicts, as far as this process is asked."""

    def __init__(
        self,
        fleet: Callable[[], FleetFigures],
        damaged: Callable[[], int],
        warn: Callable[[Exception], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet, self._damaged, self._warn, self._monotonic = fleet, damaged, warn, monotonic
        self._growth = Growth({_DAMAGED: damaged()}, monotonic)
        self._without_since: float | None = None

    def result(self) -> ReadinessResult:
        """Failed once nobody has had the verdicts for longer than a hand-over takes."""
        try:
            found = self._fleet()
        except RawLogError as exc:
            self._warn(exc)
            return ReadinessResult(ReadinessState.DEGRADED, "the group of judges cannot be read: see the check kafka")
        if not found.owner:
            return self._without_owner()
        self._without_since = None
        if grown := self._growth.within_the_hour({_DAMAGED: self._damaged()}):
            detail = (
                f"{grown[_DAMAGED]:,} records with verdicts were damaged and passed within the last hour, alerts may "
                "be missing: see the judge's log"
            )
            return ReadinessResult(ReadinessState.DEGRADED, detail)
        return ReadinessResult(ReadinessState.OK, f"one judge compares devices, {found.members - 1} would take over")

    def _without_owner(self) -> ReadinessResult:
        now = self._monotonic()
        self._without_since = now if self._without_since is None else self._without_since
        waited_s = now - self._without_since
        if waited_s <= HANDED_OVER_S:
            return ReadinessResult(ReadinessState.DEGRADED, "the verdicts go from one judge to another")
        detail = f"no judge has had the verdicts for {waited_s:.0f} s, no alert is raised: start `haulwatch judge`"
        return ReadinessResult(ReadinessState.FAILED, detail)
