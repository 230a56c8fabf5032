"""Judges whether weighings can be trusted: of one truck, of one bridge, and of a bridge by all trucks of a day.

A ticket is judged with the bridge that sent it and, in its place among the positions, with the truck that it names.
Each finding on one ticket waits for a person; a share that is typed by hand is an incident that ends.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from devices.city.model import City, DeviceRole
from devices.readings.models import Weighing
from rules.contract.observation import Observation
from rules.contract.rule import FleetRule
from rules.contract.verdicts import Verdict
from rules.detectors.weighbridge_integrity import shifts
from rules.detectors.weighbridge_integrity.bridges import judge_bridge
from rules.detectors.weighbridge_integrity.parameters import WeighbridgeIntegrityParameters
from rules.detectors.weighbridge_integrity.shifts import BridgeDays
from rules.detectors.weighbridge_integrity.state import BridgeState, TicketState
from rules.detectors.weighbridge_integrity.trucks import TARE, TruckTickets

_BRIDGE: Final = DeviceRole.WEIGHBRIDGE


class WeighbridgeIntegrity(FleetRule[TicketState, BridgeDays]):
    """CONFIRMED and LEFT_OPEN at each ticket that cannot be trusted; its memory finds bridges that shifted."""

    name: ClassVar = "weighbridge_integrity"
    version: ClassVar = 3
    roles: ClassVar = frozenset({DeviceRole.WEIGHBRIDGE, DeviceRole.TRUCK})
    state = TicketState
    memory = BridgeDays

    def __init__(self, parameters: WeighbridgeIntegrityParameters | None = None) -> None:
        self.parameters: WeighbridgeIntegrityParameters = parameters or WeighbridgeIntegrityParameters()
        self._trucks = TruckTickets(self.parameters)

    def judge(self, observation: Observation, state: TicketState) -> Sequence[Verdict]:
        """Judge a ticket, or a position of a truck that was weighed lately; other readings mean nothing here."""
        fix = observation.fix
        if fix is not None:
            if not (state.watching or state.ghosts) or not fix.usable:
                return ()
            return [*self._trucks.judge_position(observation, fix, state)]
        ticket = observation.reading
        if not isinstance(ticket, Weighing):
            return ()
        if observation.device.role is _BRIDGE:
            if state.bridge is None:
                state.bridge = BridgeState()
            return [*judge_bridge(ticket, observation, state.bridge, self.parameters)]
        return [*self._trucks.judge_ticket(ticket, observation, state)]

    def publishes_at_once(self, verdict: Verdict, memory: BridgeDays) -> bool:
        """Publish at once what is compared with nothing; an odd tare may be the bridge's."""
        return verdict.part != TARE

    def compare(self, verdict: Verdict, memory: BridgeDays, city: City) -> Iterable[Verdict]:
        """Pass a finding on, but compare tares with those of other trucks."""
        return shifts.compare(verdict, memory, city, self.parameters) if verdict.part == TARE else (verdict,)
