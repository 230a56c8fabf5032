"""People by name, to assign alerts to."""

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel

from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import OPERATORS
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind
from api.ports import WholeParts
from devices.people.model import Role

router = APIRouter(prefix="/people", tags=["people"], dependencies=[*PERSONAL, *OPERATORS])


class PersonOut(BaseModel):
    """A person who can be assigned to."""

    name: str
    display_name: str
    role: Role


class PeopleOut(BaseModel):
    """All that the caller may assign to."""

    items: list[PersonOut]


_EXAMPLE: Final = {"items": [{"name": "li.wei", "display_name": "李伟", "role": "officer"}]}


@router.get(
    "",
    summary="People to assign alerts to",
    response_model=PeopleOut,
    responses=answer("People by name", _EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.UNAVAILABLE),
)
def people(parts: WholeParts, caller: CurrentCaller) -> PeopleOut:
    """Enabled accounts; of those, who sees some of the caller's districts and hauliers."""
    found = (one for one in parts.people.accounts.all() if one.enabled and one.visibility.overlaps(caller.visibility))
    return PeopleOut(items=[PersonOut(name=one.name, display_name=one.display_name, role=one.role) for one in found])
