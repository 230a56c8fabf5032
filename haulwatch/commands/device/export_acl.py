"""`haulwatch device export-acl`: the registry's logins as Mosquitto's files."""

from pathlib import Path
from typing import Annotated

import typer

from devices.access import broker_access
from devices.access.credentials import HashedSecret
from devices.access.mosquitto_files import reload_mosquitto, write_files
from devices.readings.ids import Service
from haulwatch import wiring
from haulwatch.commands.shared import JsonFlag, err, fail, out, plainly, print_json
from haulwatch.settings.load import load_settings

PASSWORDS = "passwords"
ACL = "acl"
DYNAMIC_SECURITY = "dynamic-security.json"


@plainly
def export_acl(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Where to; `broker` in the data directory by default.")
    ] = None,
    services: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Password file with Haulwatch's own logins (deploy/make_secrets.py makes one), to be written with the "
            "devices' where one listener serves both.",
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Group (name or number) that may read them: mode 0640. Otherwise 0600.")
    ] = None,
    reload: Annotated[
        Path | None,
        typer.Option("--reload", metavar="PIDFILE", help="Send SIGHUP to the Mosquitto whose pid_file this is."),
    ] = None,
    dynamic_security: Annotated[
        bool,
        typer.Option("--dynamic-security", help="Write the dynamic-security plugin's JSON instead; read at its start."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write who may connect, and to which topics, for Mosquitto 2.0: `passwords` and `acl`.

    A device publishes readings and acknowledgements under its own id and is given its own commands, nothing else. Each
    file is replaced whole. Mosquitto reads them when it gets SIGHUP, and then ends the connections of devices that were
    disabled or got another secret.
    """
    settings = load_settings()
    with wiring.logins(settings) as logins:
        held = logins.all().values()
    own = _services(services)
    disabled = [login.device_id for login in held if not login.enabled]
    hashes = {login.device_id: login.secret for login in held if login.secret is not None}
    if dynamic_security:
        files = {DYNAMIC_SECURITY: broker_access.dynamic_security(hashes, disabled, own)}
    else:
        enabled = {device: hashed for device, hashed in hashes.items() if device not in disabled}
        acl = [broker_access.service_acl(own)] if own else []
        files = {
            PASSWORDS: broker_access.password_file({**enabled, **{str(user): hashed for user, hashed in own.items()}}),
            ACL: "\n".join([*acl, broker_access.device_acl(disabled)]),
        }
    folder = directory or settings.paths.data_dir / "broker"
    try:
        write_files(folder, files, int(group) if group and group.isdigit() else group)
    except LookupError as exc:
        fail(f"--group: {exc}")
    if reload is not None:
        reload_mosquitto(reload)
    counts = {"devices": len(hashes.keys() - set(disabled)), "disabled": len(disabled), "services": len(own)}
    if as_json:
        print_json({"files": [str(folder / name) for name in files], "reloaded": reload is not None, **counts})
        return
    names = ", ".join(files)
    out.print(f"{folder}: {names}: {', '.join(f'{count} {what}' for what, count in counts.items())}", soft_wrap=True)
    if reload is None:
        how = "restart it (the plugin reads its file only then)" if dynamic_security else "send it SIGHUP"
        err.print(f"Mosquitto does not know yet: {how}.", style="dim")


def _services(path: Path | None) -> dict[Service, HashedSecret]:
    if path is None:
        return {}
    found = broker_access.read_password_file(path.read_text(encoding="utf-8"))
    unknown = sorted(found.keys() - set(Service))
    if unknown:
        fail(f"{path}: {unknown[0]!r} is not one of {', '.join(Service)}")
    return {Service(user): hashed for user, hashed in found.items()}
