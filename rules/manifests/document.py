"""A manifest as people fill it in and read it. Times are wall clock, ms since 1970 UTC.

ManifestError
├── UnknownManifest    no manifest has this number
├── OutdatedManifest   somebody changed it meanwhile: read it again
├── ManifestRefused    a field cannot stand; names it and says what to do
└── WrongState         its state does not allow the action
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from devices.errors import OperatorError
from devices.readings.manifests import ManifestDeed, ManifestTerms
from devices.readings.text import ShortText, unseen_character
from rules.manifests.model import ManifestState

NUMBER_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""It stands in addresses and QR codes."""
CODE_PATTERN: Final = r"^[A-Za-z0-9_-]{16,32}$"
MAX_REASON: Final = 500
MAX_ADDRESS: Final = 200
MAX_WINDOW_MS: Final = 7 * 86_400_000
"""A planned time window is at most a week: a trip is an hour, and a day across a province."""


class ManifestError(OperatorError):
    """A manifest cannot be changed as asked; base class."""


class UnknownManifest(ManifestError):
    """No manifest has this number."""


class OutdatedManifest(ManifestError):
    """Somebody changed the manifest since it was read."""


class ManifestRefused(ManifestError):
    """A field of the request cannot stand."""

    def __init__(self, field: str, hint: str) -> None:
        super().__init__(f"{field}: {hint}")
        self.field, self.hint = field, hint


class WrongState(ManifestError):
    """The state of the manifest does not allow the action."""


def _visible(text: str) -> str:
    if (unseen := unseen_character(text)) is not None:
        raise PydanticCustomError("unseen", "has an invisible character: {unseen}", {"unseen": unseen})
    return text


Reason = Annotated[str, StringConstraints(min_length=1, max_length=MAX_REASON), AfterValidator(_visible)]
Number = Annotated[str, StringConstraints(pattern=NUMBER_PATTERN)]
Address = Annotated[str, StringConstraints(max_length=MAX_ADDRESS), AfterValidator(_visible)]
_Tonnes = Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)]
_Volume = Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)]
_Density = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Quantity(_Value):
    """How much is hauled: by mass, or by volume."""

    tonnes: _Tonnes | None = None
    volume_m3: _Volume | None = None
    density_t_per_m3: _Density | None = None
    """By which a volume is a mass."""
    estimated: bool = False
    """Nobody weighed it."""

    @property
    def declared_kg(self) -> float | None:
        """The mass; None where only the volume is stated."""
        if self.tonnes is not None:
            return self.tonnes * 1000
        if self.volume_m3 is None or self.density_t_per_m3 is None:
            return None
        return self.volume_m3 * self.density_t_per_m3 * 1000


class LoadBudget(_Value):
    """By what the weights of an honest load of a stream differ, beside the errors of scales."""

    loss_pct: float = 0.0
    """Of the load: water that leaves it on the way."""
    volume_error_pct: float = 0.0
    """Of a mass that is a volume × a density."""


class ManifestDocument(_Value):
    """What stands on a manifest."""

    vehicle_id: ShortText
    source_id: ShortText
    """The site where the load comes from."""
    destination_id: ShortText
    """The site where it goes to."""
    stream: ShortText
    """Waste stream: `spoil`, `sludge`, …"""
    quantity: Quantity
    depart_at: int
    arrive_by: int
    """The planned time window."""
    source_address: Address | None = None
    haulier: ShortText | None = None
    """None: that of the vehicle."""
    driver: ShortText | None = None
    route_id: ShortText | None = None
    route_version: int | None = None
    disposal_method: ShortText | None = None
    permits: tuple[ShortText, ...] = ()
    """Ids of the permits that it rests on. None: those of the vehicle that are valid when it departs."""
    budget: LoadBudget = LoadBudget()
    """By the rule set that holds when it is issued or corrected."""

    def terms(self) -> ManifestTerms:
        """The part by which its trip is judged."""
        return ManifestTerms(
            source=self.source_id,
            destination=self.destination_id,
            depart_at=self.depart_at,
            arrive_by=self.arrive_by,
            declared_kg=self.quantity.declared_kg,
            estimated=self.quantity.estimated,
            loss_pct=self.budget.loss_pct,
            declared_error_pct=self.budget.volume_error_pct if self.quantity.tonnes is None else 0.0,
        )


@dataclass(frozen=True, slots=True)
class ManifestRequest:
    """What somebody asks to do with a manifest."""

    deed: ManifestDeed
    actor: str
    at: int
    version: int
    """Of the manifest as the person saw it."""
    reason: str = ""
    destination_id: str | None = None
    net_kg: float | None = None
    document: ManifestDocument | None = None
    """With `correct`."""


class TransitionView(_Value):
    """A step of a manifest."""

    at: int
    trigger: str
    before: str
    """Empty for the first."""
    after: str
    actor: str
    """Empty for telemetry."""
    evidence: str
    reason: str
    withdrawn_at: int | None = None
    """Late readings showed that it did not happen, or otherwise; wall clock."""


class RefusalView(_Value):
    """An action that the state of the manifest did not allow when its turn came."""

    at: int
    trigger: str
    state: str
    actor: str
    evidence: str
    why: str


class ManifestView(_Value):
    """A manifest in its present state."""

    number: str
    code: str
    """Of its short link."""
    version: int
    """One more with each action of a person; state it to act."""
    state: ManifestState
    under_correction: ManifestState | None = None
    """The state that a correction interrupts."""
    leg: int = 1
    corrections: int = 0
    document: ManifestDocument
    device_id: str
    issued_at: int
    issued_by: str
    source_net_kg: float | None = None
    """As weighed or stated at the source; null: the load is only declared."""
    sent_kg: float | None = None
    """That, else as declared."""
    net_kg: float | None = None
    """As weighed or stated at the disposal site."""
    left_at: int | None = None
    arrived_at: int | None = None
    weighed_at: int | None = None
    overdue_at: int | None = None
    scanned_at: int | None = None
    """A person confirmed its disposal then, before its truck was seen there."""
    seen_at: int | None = None
    """Its truck was seen or weighed there only then."""
    closed_at: int | None = None
    outcome: str | None = None
    gained_kg: float | None = None
    """What arrived less what was sent."""
    allowed_short_kg: float | None = None
    """So much less may arrive: scales, water, and what is uncertain of a volume. Null: nothing is compared."""
    allowed_gain_kg: float | None = None
    pending: int = 0
    """Actions that judgement has not taken yet; the state counts them in."""


class ManifestDetail(_Value):
    """A manifest with every transition."""

    manifest: ManifestView
    transitions: tuple[TransitionView, ...]
    refusals: tuple[RefusalView, ...]


class ManifestPage(_Value):
    """One page of manifests, newest first."""

    items: tuple[ManifestView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ManifestFilter:
    """Selects manifests; an empty field selects all. `start` (inclusive) and `end` (exclusive) bound `issued_at`."""

    state: ManifestState | None = None
    """As judged."""
    device_ids: frozenset[str] | None = None
    vehicle_id: str | None = None
    vehicle_ids: frozenset[str] | None = None
    source_id: str | None = None
    destination_id: str | None = None
    start: int | None = None
    end: int | None = None


def detail_of(request: ManifestRequest) -> dict[str, Any]:
    """What is kept of an action beside its columns."""
    found = {
        "destination_id": request.destination_id,
        "net_kg": request.net_kg,
        "document": None if request.document is None else request.document.model_dump(mode="json"),
    }
    return {name: value for name, value in found.items() if value is not None}
