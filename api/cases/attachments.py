"""Photos and documents of a case."""

from api.access.roles import OFFICERS
from api.access.visible import Parts
from api.attachments.routes import attachment_router
from api.cases.answers import NumberPath, no_such_case
from rules.attachments.model import Owner, OwnerKind


def _owner(parts: Parts, number: NumberPath) -> Owner:
    """Raises RequestRefused."""
    if parts.cases.case(number, parts.now()) is None:
        raise no_such_case(number)
    return Owner(OwnerKind.CASE, number)


router = attachment_router("/cases", "/{case_number}", "a case", _owner, OFFICERS)
