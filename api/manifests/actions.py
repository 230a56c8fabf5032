"""Actions on a manifest: each is a transition that stays, or is refused because of the state."""

from typing import Any, Final

from fastapi import APIRouter

from api.access.acting import acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.caller import Caller
from api.access.roles import OFFICERS, OPERATORS, VIEWERS
from api.access.visible import Parts
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind
from api.manifests.answers import DETAIL_EXAMPLE, NumberPath, refusals
from api.manifests.bodies import (
    ManifestConfirmBody,
    ManifestCorrectBody,
    ManifestReasonBody,
    ManifestRerouteBody,
)
from api.ports import ApiParts
from devices.readings.manifests import ManifestDeed
from rules.manifests.document import ManifestDetail, ManifestRequest

router: Final = APIRouter(prefix="/manifests/{manifest_number}", tags=["manifests"], dependencies=[*PERSONAL, *VIEWERS])

_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
WRITE: Final = (*_READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.NOT_FOUND, ProblemKind.TOO_LARGE)
_ANSWERS: Final = answer("The manifest with its transitions", DETAIL_EXAMPLE) | problems(
    *WRITE, ProblemKind.OUTDATED, ProblemKind.MANIFEST_STATE
)


@router.post(
    "/confirm-source",
    summary="Confirm the source of a manifest",
    response_model=ManifestDetail,
    dependencies=OPERATORS,
    responses=_ANSWERS,
)
def confirm_source(
    parts: Parts, caller: CurrentCaller, number: NumberPath, body: ManifestConfirmBody
) -> ManifestDetail:
    """Confirm what was loaded. The manifest is in transit once the truck leaves the fence of the source."""
    return _act(parts, caller, number, ManifestDeed.CONFIRM_SOURCE, body, net_kg=body.net_kg)


@router.post(
    "/confirm-disposal",
    summary="Confirm the disposal of a load",
    response_model=ManifestDetail,
    dependencies=OPERATORS,
    responses=_ANSWERS,
)
def confirm_disposal(
    parts: Parts, caller: CurrentCaller, number: NumberPath, body: ManifestConfirmBody
) -> ManifestDetail:
    """Confirm that the disposal site took the load, where no weighbridge does it."""
    return _act(parts, caller, number, ManifestDeed.CONFIRM_DISPOSAL, body, net_kg=body.net_kg)


@router.post(
    "/reject",
    summary="Reject a load",
    response_model=ManifestDetail,
    dependencies=OPERATORS,
    responses=_ANSWERS,
)
def reject(parts: Parts, caller: CurrentCaller, number: NumberPath, body: ManifestReasonBody) -> ManifestDetail:
    """Do not take the load: it goes back to its source, where its manifest closes, unless it is rerouted."""
    return _act(parts, caller, number, ManifestDeed.REJECT, body)


@router.post(
    "/reroute",
    summary="Send a load elsewhere",
    response_model=ManifestDetail,
    dependencies=OPERATORS,
    responses=_ANSWERS,
)
def reroute(parts: Parts, caller: CurrentCaller, number: NumberPath, body: ManifestRerouteBody) -> ManifestDetail:
    """Send the load to another disposal site, as a new leg with as much time as the first one."""
    return _act(parts, caller, number, ManifestDeed.REROUTE, body, destination_id=body.destination_id)


@router.post(
    "/settle",
    summary="Settle a discrepancy",
    response_model=ManifestDetail,
    dependencies=OFFICERS,
    responses=_ANSWERS,
)
def settle(parts: Parts, caller: CurrentCaller, number: NumberPath, body: ManifestReasonBody) -> ManifestDetail:
    """Close what does not close by itself: a discrepancy, or a load whose truck was not seen to leave."""
    return _act(parts, caller, number, ManifestDeed.SETTLE, body)


@router.post(
    "/begin-correction",
    summary="Begin to correct a manifest",
    response_model=ManifestDetail,
    dependencies=OFFICERS,
    responses=_ANSWERS,
)
def begin_correction(
    parts: Parts, caller: CurrentCaller, number: NumberPath, body: ManifestReasonBody
) -> ManifestDetail:
    """Take a manifest under correction, also a closed one. Its truck is followed meanwhile."""
    return _act(parts, caller, number, ManifestDeed.BEGIN_CORRECTION, body)


@router.post(
    "/correct",
    summary="Correct a manifest",
    response_model=ManifestDetail,
    dependencies=OFFICERS,
    responses=_ANSWERS,
)
def correct(parts: Parts, caller: CurrentCaller, number: NumberPath, body: ManifestCorrectBody) -> ManifestDetail:
    """End the correction: what is given holds from now on, and weights and time are compared again."""
    document = None if body.manifest is None else body.manifest.document()
    return _act(parts, caller, number, ManifestDeed.CORRECT, body, document=document, net_kg=body.net_kg)


@router.post(
    "/void",
    summary="Declare a manifest void",
    response_model=ManifestDetail,
    dependencies=OFFICERS,
    responses=_ANSWERS,
)
def void(parts: Parts, caller: CurrentCaller, number: NumberPath, body: ManifestReasonBody) -> ManifestDetail:
    """Declare a manifest void. It stays, with its transitions; a closed one is taken under correction first."""
    return _act(parts, caller, number, ManifestDeed.VOID, body)


def _act(parts: ApiParts, caller: Caller, number: str, deed: ManifestDeed, body: Any, **fields: Any) -> ManifestDetail:
    request = ManifestRequest(
        deed=deed,
        actor=acting_name(caller, body.actor),
        at=parts.now(),
        version=body.version,
        reason=getattr(body, "reason", ""),
        **fields,
    )
    with refusals(number):
        return parts.manifests.act(number, request)
