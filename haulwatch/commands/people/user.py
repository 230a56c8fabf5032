"""`haulwatch user`: accounts of people."""

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from devices.people.model import Language, Person, Role, Visibility, sign_in_name
from devices.people.passwords import MIN_CHARS
from devices.readings.text import MAX_SHORT_CHARS, unseen_character
from haulwatch import migrations
from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.people.visibility import DistrictOption, HaulierOption, limits_of, shown_limits
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, local_time, out, print_json, print_table
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_accounts, people_zone

app = typer.Typer(
    no_args_is_help=True,
    help="""Accounts of people who use the console and the API.

    viewer reads; operator also acknowledges, comments, assigns, shelves; officer also closes, decides on suspected
    sites, redrives; administrator also applies rule sets, commands devices, reads the audit trail. With the first
    account, reading without one ends.
    """,
)

PASSWORD_VARIABLE: Final = "USER_PASSWORD"  # noqa: S105 - the name of a variable
"""Without the prefix of settings: it is none."""

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name to sign in with: a-z 0-9 . _ @ -")]
RoleArgument = Annotated[Role, typer.Argument(help="What the person may do.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help=f"File with the password, at least {MIN_CHARS} characters. Default: that in the variable "
        f"{PASSWORD_VARIABLE}; without it you are asked.",
    ),
]


@app.command()
@exits_on_error
def add(
    name: NameArgument,
    role: RoleArgument,
    display_name: Annotated[str | None, typer.Option(help="The name that others see, such as 李伟.")] = None,
    district: DistrictOption = None,
    haulier: HaulierOption = None,
    language: Annotated[Language | None, typer.Option(help="Of the console; default: the browser's.")] = None,
    password_file: PasswordFile = None,
) -> None:
    """Add an account. The password comes from a prompt, a file or the environment, never from the command line."""
    settings, sign_in = settings_with_data(), sign_in_name(name)
    shown = (display_name or name).strip()
    if not 0 < len(shown) <= MAX_SHORT_CHARS or unseen_character(shown):
        fail(f"--display-name: give 1 to {MAX_SHORT_CHARS} visible characters")
    new = Person(
        name=sign_in,
        display_name=shown,
        role=role,
        visibility=limits_of(settings, district, haulier),
        language=language,
        created_at=now_ms(),
    )
    migrations.upgrade(settings.database_url.get_secret_value())
    with closing(open_accounts(settings)) as accounts:
        accounts.add(new, _password(password_file))
    write_entry(settings, "user add", f"{new.name} {role} {shown_limits(new.visibility)}")
    out.print(f"{new.name} may sign in as {role}", markup=False)


@app.command("list")
@exits_on_error
def list_people(as_json: JsonFlag = False) -> None:
    """List all accounts, the disabled ones too. Those of an identity provider have its address for a password."""
    settings = settings_with_data()
    with closing(open_accounts(settings)) as accounts:
        found = accounts.all()
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    zone = people_zone(settings)
    columns = ("name", "", "role", "sees", "enabled", "since", "password of")
    rows = [
        (
            one.name,
            one.display_name,
            one.role,
            shown_limits(one.visibility),
            one.enabled,
            local_time(one.created_at, zone),
            one.issuer or local_time(one.password_changed_at, zone),
        )
        for one in found
    ]
    print_table("accounts", columns, rows)


@app.command()
@exits_on_error
def disable(name: NameArgument) -> None:
    """Let a person sign in no more; open sessions end at once. What the person did stays."""
    _set_enabled(name, enabled=False)


@app.command()
@exits_on_error
def enable(name: NameArgument) -> None:
    """Let a person sign in again."""
    _set_enabled(name, enabled=True)


@app.command()
@exits_on_error
def password(name: NameArgument, password_file: PasswordFile = None) -> None:
    """Give a person a new password; open sessions end, and a lock after failures is lifted."""
    settings = settings_with_data()
    with closing(open_accounts(settings)) as accounts:
        accounts.set_password(sign_in_name(name), _password(password_file), now_ms())
    write_entry(settings, "user password", sign_in_name(name))
    out.print(f"{name} has a new password", markup=False)


@app.command()
@exits_on_error
def role(
    name: NameArgument, role: RoleArgument, district: DistrictOption = None, haulier: HaulierOption = None
) -> None:
    """Change what a person may do and see; both are replaced. It holds at once, also in open sessions."""
    settings = settings_with_data()
    visibility = limits_of(settings, district, haulier)
    with closing(open_accounts(settings)) as accounts:
        accounts.set_role(sign_in_name(name), role, visibility)
    write_entry(settings, "user role", f"{sign_in_name(name)} {role} {shown_limits(visibility)}")
    out.print(f"{name} is {role} and sees {shown_limits(visibility)}", markup=False)


def _set_enabled(name: str, *, enabled: bool) -> None:
    settings = settings_with_data()
    with closing(open_accounts(settings)) as accounts:
        accounts.set_enabled(sign_in_name(name), enabled)
    write_entry(settings, f"user {'enable' if enabled else 'disable'}", sign_in_name(name))
    out.print(f"{name} may {'sign in' if enabled else 'sign in no more'}", markup=False)


def _password(file: Path | None) -> str:
    """From the file, the environment, or the terminal, in this order. Ends with a message if there is none.

    Bytes that are no UTF-8 become surrogates, as in the environment: `check_password` refuses them. Some editors begin
    a file with a byte order mark, which nobody types.
    """
    if file is not None:
        return file.read_text(encoding="utf-8-sig", errors="surrogateescape").rstrip("\r\n")
    if given := os.environ.get(PASSWORD_VARIABLE):
        return given
    if not sys.stdin.isatty():
        fail(f"give the password in a file (--password-file) or in the variable {PASSWORD_VARIABLE}")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


def _as_json(one: Person) -> dict[str, object]:
    limits: Visibility = one.visibility
    return {
        "name": one.name,
        "display_name": one.display_name,
        "role": one.role,
        "districts": None if limits.districts is None else sorted(limits.districts),
        "hauliers": None if limits.hauliers is None else sorted(limits.hauliers),
        "language": one.language,
        "enabled": one.enabled,
        "created_at": one.created_at,
        "password_changed_at": one.password_changed_at,
        "issuer": one.issuer,
    }
