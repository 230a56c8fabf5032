"""Which role a route needs. Each route of `/api/v1` has one of these lists among its dependencies."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Query, Request

from api.access.authentication import SAFE, FirstAccount, MaybeCaller, unauthorized
from api.access.caller import CallerKind
from api.http.problems import ProblemKind, RequestRefused
from api.ports import options_of
from devices.people.model import Role


def _needs(role: Role) -> Callable[..., Awaitable[None]]:
    """A dependency that refuses callers without the role. Raises RequestRefused."""

    async def check(request: Request, caller: MaybeCaller) -> None:
        if caller is not None and caller.role.covers(role):
            return
        if caller is not None and caller.kind in {CallerKind.PERSON, CallerKind.MACHINE}:
            detail = f"This needs the role {role}; {caller.name} is {caller.role}."
            raise RequestRefused(ProblemKind.FORBIDDEN, detail)
        if request.method not in SAFE and options_of(request).token is None and not await _accounts_exist(request):
            raise RequestRefused(
                ProblemKind.WRITES_OFF,
                "This server accepts no writes because it has neither accounts nor a token. Add an account with "
                "`haulwatch user add`, or set HAULWATCH_API_TOKEN (or HAULWATCH_API_TOKEN_FILE) and restart it.",
            )
        raise unauthorized()

    return check


async def _accounts_exist(request: Request) -> bool:
    first_account: FirstAccount = request.app.state.first_account
    return await first_account.exists()


async def _may_see_map(
    request: Request,
    caller: MaybeCaller,
    token: Annotated[str | None, Query(max_length=256, description="That of HAULWATCH_API_MAP_TOKEN")] = None,
) -> None:
    """A map layer of another page can name a token in its address only."""
    options = options_of(request)
    if caller is not None or options.public_map:
        return
    if token is None or not options.map_token or not hmac.compare_digest(token.encode(), options.map_token.encode()):
        raise unauthorized()


VIEWERS: Final = [Depends(_needs(Role.VIEWER))]
OPERATORS: Final = [Depends(_needs(Role.OPERATOR))]
OFFICERS: Final = [Depends(_needs(Role.OFFICER))]
ADMINISTRATORS: Final = [Depends(_needs(Role.ADMINISTRATOR))]
MAP_VIEWERS: Final = [Depends(_may_see_map)]
"""Of the map layers that hold sites and corridors but no vehicles: everybody, or who has their token, if the settings
say so."""
