"""Who stands beside an action: the person who is signed in, or whom a shared token acts for."""

from typing import Final

from api.access.caller import Caller, CallerKind
from api.http.problems import invalid

ACTOR: Final = "Only with HAULWATCH_API_TOKEN: the person who acts. Else the caller's own name is taken"
"""Describes `actor` in the body of an action."""


def acting_name(caller: Caller, actor: str | None, field: str = "body.actor") -> str:
    """The name of the caller; for a token of the settings, which names nobody, `actor` of the request.

    Raises RequestRefused if that is needed and missing.
    """
    if caller.kind is not CallerKind.SETTING:
        return caller.name
    if actor is None:
        raise invalid(field, "name the person you act for: this server's token does not say who you are")
    return actor
