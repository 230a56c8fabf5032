"""`haulwatch token`: tokens of machines."""

from contextlib import closing
from typing import Annotated, Final

import typer

from devices.people.model import Role, sign_in_name
from devices.people.tokens import ApiToken
from devices.readings.instants import DAY_MS
from haulwatch import migrations
from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.people.visibility import DistrictOption, HaulierOption, limits_of, shown_limits
from haulwatch.commands.shared import JsonFlag, exits_on_error, local_time, machine_user, out, print_json, print_table
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_tokens, people_zone

app = typer.Typer(
    no_args_is_help=True,
    help="""Tokens of machines: programs that use the API under a name of their own, with a role, limits and an end.

    A program sends `Authorization: Bearer <secret>`. What it does bears the name of its token.
    """,
)

_DEFAULT_DAYS: Final = 365
_MAX_DAYS: Final = 1_096

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the program is called: a-z 0-9 . _ @ -")]


@app.command()
@exits_on_error
def add(
    name: NameArgument,
    role: Annotated[Role, typer.Argument(help="What the program may do.")],
    days: Annotated[
        int, typer.Option(min=1, max=_MAX_DAYS, help="How long it holds; a year lets nobody forget it for ever.")
    ] = _DEFAULT_DAYS,
    district: DistrictOption = None,
    haulier: HaulierOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a token. Its secret is shown this once."""
    settings, now = settings_with_data(), now_ms()
    new = ApiToken(
        name=sign_in_name(name),
        role=role,
        created_at=now,
        created_by=machine_user(),
        expires_at=now + days * DAY_MS,
        visibility=limits_of(settings, district, haulier),
    )
    migrations.upgrade(settings.database_url.get_secret_value())
    with closing(open_tokens(settings)) as tokens:
        secret = tokens.add(new)
    write_entry(settings, "token add", f"{new.name} {role} {shown_limits(new.visibility)}")
    if as_json:
        print_json({**_as_json(new), "secret": secret})
        return
    out.print(f"{new.name} may act as {role} until {local_time(new.expires_at, people_zone(settings))}", markup=False)
    out.print(f"secret, shown once: {secret}", markup=False, soft_wrap=True)


@app.command("list")
@exits_on_error
def list_tokens(as_json: JsonFlag = False) -> None:
    """List all tokens, those too that hold no more."""
    settings, now = settings_with_data(), now_ms()
    with closing(open_tokens(settings)) as tokens:
        found = tokens.all()
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    zone = people_zone(settings)
    columns = ("name", "role", "sees", "holds", "until", "made by")
    rows = [
        (
            one.name,
            one.role,
            shown_limits(one.visibility),
            one.holds_at(now),
            local_time(one.expires_at if one.revoked_at is None else one.revoked_at, zone),
            one.created_by,
        )
        for one in found
    ]
    print_table("tokens", columns, rows)


@app.command()
@exits_on_error
def revoke(name: NameArgument) -> None:
    """Let a token hold no more, from the next request on."""
    settings = settings_with_data()
    with closing(open_tokens(settings)) as tokens:
        tokens.revoke(sign_in_name(name), now_ms())
    write_entry(settings, "token revoke", sign_in_name(name))
    out.print(f"{name} holds no more", markup=False)


def _as_json(one: ApiToken) -> dict[str, object]:
    districts, hauliers = one.visibility.districts, one.visibility.hauliers
    return {
        "name": one.name,
        "role": one.role,
        "districts": None if districts is None else sorted(districts),
        "hauliers": None if hauliers is None else sorted(hauliers),
        "created_at": one.created_at,
        "created_by": one.created_by,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
    }
