"""A manifest as judgement knows it: its state, and every transition that led to it. Values only.

Times are true time, ms since 1970 UTC: telemetry is dated by the clock of the truck, corrected as far as it is known to
be wrong.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from devices.readings.manifests import ManifestTerms

MAX_TRANSITIONS: Final = 60
"""Of one manifest: an honest trip has six. Beyond it people can only settle or void it."""
MAX_SEEN_TRANSITIONS: Final = MAX_TRANSITIONS + 12
"""Beyond it telemetry moves it no more: a bridge that sends a ticket with ever other weights moves it each time."""
MAX_REFUSALS: Final = 12
"""Kept of one manifest, the newest."""


class ManifestState(StrEnum):
    """State of a manifest. The values are in the database and stay."""

    DRAFT = "draft"
    SOURCE_CONFIRMED = "source_confirmed"
    IN_TRANSIT = "in_transit"
    ARRIVED = "arrived"
    DISPOSAL_CONFIRMED = "disposal_confirmed"
    CLOSED = "closed"
    REJECTED = "rejected"
    """The disposal site did not take the load; it is on its way back."""
    DISCREPANCY = "discrepancy"
    """What was weighed is not what was declared: a correction or a person's decision is awaited."""
    OVERDUE = "overdue"
    """The load has not arrived in its time."""
    UNDER_CORRECTION = "under_correction"
    VOID = "void"


class Trigger(StrEnum):
    """What moved a manifest: a deed (`devices.readings.manifests.ManifestDeed`), or telemetry. The values stay."""

    ISSUE = "issue"
    CONFIRM_SOURCE = "confirm_source"
    REJECT = "reject"
    REROUTE = "reroute"
    CONFIRM_DISPOSAL = "confirm_disposal"
    SETTLE = "settle"
    BEGIN_CORRECTION = "begin_correction"
    CORRECT = "correct"
    VOID = "void"
    CHECK = "check"
    UNWEIGH = "unweigh"
    """A person took back that a weighing is of its load."""
    WEIGHED_AT_SOURCE = "weighed_at_source"
    LEFT_SOURCE = "left_source"
    ENTERED_DESTINATION = "entered_destination"
    WEIGHED = "weighed"
    LEFT_DESTINATION = "left_destination"
    RETURNED = "returned"
    """The truck brought a rejected load back to its source."""


class Outcome(StrEnum):
    """How a closed manifest ended."""

    DELIVERED = "delivered"
    RETURNED = "returned"


FINAL: Final = frozenset({ManifestState.CLOSED, ManifestState.VOID})
"""Only a correction leads on from the first, nothing from the second."""
UNDER_WAY: Final = frozenset({ManifestState.IN_TRANSIT, ManifestState.OVERDUE})


class Transition(NamedTuple):
    """One step of a manifest. Rows on disk hold it as an array in this order."""

    at: int
    trigger: str
    before: str
    """Empty for the first."""
    after: str
    actor: str
    """Empty for telemetry."""
    evidence: str
    """Number of the person's action, or which reading shows it."""
    reason: str = ""


class Refusal(NamedTuple):
    """An action that its state did not allow, by the time that it was judged."""

    at: int
    trigger: str
    state: str
    actor: str
    evidence: str
    why: str


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest of one truck."""

    number: str
    terms: ManifestTerms
    state: ManifestState = ManifestState.DRAFT
    under_correction: ManifestState | None = None
    """The state that a correction interrupts; telemetry still moves it. None: no correction is under way."""
    leg: int = 1
    corrections: int = 0
    source_net_kg: float | None = None
    """As the source stated or weighed it."""
    net_kg: float | None = None
    """As the disposal site weighed or stated it."""
    ticket: str = ""
    """Number of the ticket that shows it."""
    ticket_of: str = ""
    """The bridge of that ticket: numbers are of one bridge."""
    ticket_at: int = 0
    """When it was weighed first: numbers begin anew."""
    ticket_kg: float | None = None
    """Its last content. A repeat changes nothing, whatever a person corrected meanwhile."""
    source_ticket: str = ""
    source_ticket_of: str = ""
    source_ticket_at: int = 0
    source_ticket_kg: float | None = None
    """Likewise of the ticket at the source."""
    left_at: int = 0
    """When the truck left the source; 0: not yet, as for the next ones."""
    arrived_at: int = 0
    weighed_at: int = 0
    departed_at: int = 0
    """When it left the disposal site."""
    overdue_at: int = 0
    """Since when it is or was overdue."""
    scanned_at: int = 0
    """When a person confirmed its disposal before its truck was seen there; 0: not so."""
    seen_at: int = 0
    """When its truck was seen or weighed there after that."""
    outcome: str = ""
    taken: tuple[int, ...] = ()
    """Numbers of the actions that were taken."""
    transitions: tuple[Transition, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def stage(self) -> ManifestState:
        """The state; while it is under correction, the one that the correction interrupts."""
        return self.state if self.under_correction is None else self.under_correction

    @property
    def is_open(self) -> bool:
        """Telemetry may still move it."""
        return self.stage not in FINAL

    @property
    def passed_by(self) -> bool:
        """It has left the disposal site, and nothing was weighed or confirmed there: it may have driven through."""
        return self.departed_at > 0 and self.net_kg is None

    @property
    def is_unseen(self) -> bool:
        """A person confirmed its disposal, and its truck has not been there yet."""
        return self.scanned_at > 0 and not self.seen_at

    @property
    def is_scanned_early(self) -> bool:
        """A person confirmed its disposal well before its truck was there, if it ever was."""
        return self.is_unseen or (self.scanned_at > 0 and self.seen_at - self.scanned_at > EARLY_MS)

    @property
    def sent_kg(self) -> float | None:
        """The load by the source, else as declared; None where nobody stated one."""
        return self.terms.declared_kg if self.source_net_kg is None else self.source_net_kg

    @property
    def is_estimate(self) -> bool:
        """Nobody weighed it at the source."""
        return self.source_net_kg is None and self.terms.estimated

    @property
    def gained_kg(self) -> float | None:
        """What arrived less what was sent; None where one of them is not known."""
        sent_kg = self.sent_kg
        return None if sent_kg is None or self.net_kg is None else self.net_kg - sent_kg

    @property
    def is_off(self) -> bool:
        """The two weights differ by more than scales, water and volume explain; an estimate is not compared."""
        gained_kg, short_kg, gain_kg = self.gained_kg, self.allowed_short_kg, self.allowed_gain_kg
        if gained_kg is None or short_kg is None or gain_kg is None:
            return False
        return -gained_kg > short_kg if gained_kg < 0 else gained_kg > gain_kg

    @property
    def allowed_short_kg(self) -> float | None:
        """So much less may arrive; None where nothing is compared."""
        sent_kg = self.sent_kg
        if sent_kg is None or self.is_estimate:
            return None
        loss_kg = self.terms.loss_pct / 100 * sent_kg
        return max(SHORT_KG, SHORT_SHARE * sent_kg) + loss_kg + self._declared_error_kg(sent_kg)

    @property
    def allowed_gain_kg(self) -> float | None:
        """So much more may arrive; None where nothing is compared. Water only leaves a load."""
        sent_kg = self.sent_kg
        if sent_kg is None or self.is_estimate:
            return None
        return max(GAIN_KG, GAIN_SHARE * sent_kg) + self._declared_error_kg(sent_kg)

    def _declared_error_kg(self, sent_kg: float) -> float:
        """What a volume × a density may be off, where no scale weighed the load at its source."""
        return 0.0 if self.source_net_kg is not None else self.terms.declared_error_pct / 100 * sent_kg


class TruckManifest(NamedTuple):
    """A manifest, and the terminal of the truck that it is about."""

    device_id: str
    manifest: Manifest


SHORT_KG: Final = 800.0
SHORT_SHARE: Final = 0.05
"""Of a load, less arrives than was sent: beyond both it is a discrepancy. Two bridges of class III, gross and tare
each, are off by 160 kg at worst; spoil loses 2 % of water."""
WEIGHED_MS: Final = 180_000
"""So long before and after a weighing a truck may be seen outside: the clocks of bridge and truck differ by 2 min at
most, or by what was measured."""
EARLY_MS: Final = 300_000
"""A gate may confirm a load so long before its truck is seen inside: trucks queue before it, and report each minute."""
GAIN_KG: Final = 500.0
GAIN_SHARE: Final = 0.03
"""Likewise, more arrives."""
