"""Bodies of requests about manifests."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR
from api.http.instants import Instant
from api.manifests.answers import DOCUMENT_EXAMPLE
from devices.readings.text import ShortText
from rules.manifests.document import Address, ManifestDocument, Number, Quantity, Reason

_NetKg = Annotated[float, Field(gt=0, le=200_000, allow_inf_nan=False)]
_NOT_ASKED: Final = {"haulier", "route_version", "permits"}
_EXAMPLE: Final[dict[str, Any]] = {
    name: value for name, value in DOCUMENT_EXAMPLE.items() if name not in _NOT_ASKED and value is not None
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    actor: ShortText | None = Field(None, description=ACTOR)


class ManifestFields(BaseModel):
    """What stands on a manifest, as a person fills it in."""

    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, frozen=True, json_schema_extra={"examples": [_EXAMPLE]}
    )

    vehicle_id: ShortText
    source_id: ShortText = Field(description="Site where the load comes from")
    destination_id: ShortText = Field(description="Site where it goes to; a permit must let the vehicle tip there")
    stream: ShortText = Field(description="Waste stream: `spoil`, `sludge`, …")
    quantity: Quantity
    depart_at: Instant
    arrive_by: Instant = Field(description="End of the planned time window, at most a week after `depart_at`")
    source_address: Address | None = None
    haulier: ShortText | None = Field(None, description="Default: that of the vehicle")
    driver: ShortText | None = None
    route_id: ShortText | None = None
    route_version: int | None = Field(None, description="Default: the newest")
    disposal_method: ShortText | None = None
    permits: Annotated[tuple[ShortText, ...], Field(max_length=20)] = Field(
        (), description="Default: those of the vehicle that are valid at `depart_at`"
    )

    def document(self) -> ManifestDocument:
        return ManifestDocument.model_validate(self.model_dump())


class ManifestIssueBody(_Body):
    """A manifest is to be issued as a draft."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"manifest": _EXAMPLE, "actor": "li.wei"}]})
    manifest: ManifestFields
    number: Number | None = Field(None, description="That of another system. Default: the day and a serial number")


class _Changing(_Body):
    version: int = Field(ge=1, description="That of the manifest as it was read; 409 if somebody acted meanwhile")


class ManifestConfirmBody(_Changing):
    """What was loaded, or taken, is confirmed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"net_kg": 14_480, "version": 1, "actor": "li.wei"}]})
    net_kg: _NetKg | None = Field(None, description="The load as weighed there. Default: as declared")


class ManifestReasonBody(_Changing):
    """Why something is done."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Wrong stream", "version": 3, "actor": "li.wei"}]}
    )
    reason: Reason


class ManifestRerouteBody(ManifestReasonBody):
    """The load goes elsewhere."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"destination_id": "spoil-02", "reason": "Full", "version": 3, "actor": "li.wei"}]
        }
    )
    destination_id: ShortText


class ManifestCorrectBody(ManifestReasonBody):
    """What holds from now on; the correction ends."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"manifest": _EXAMPLE, "reason": "Misread weight", "version": 4, "actor": "li.wei"}]
        }
    )
    manifest: ManifestFields | None = Field(None, description="All fields as they hold now. Default: as before")
    net_kg: _NetKg | None = Field(None, description="What the disposal site weighed, where that was wrong")
