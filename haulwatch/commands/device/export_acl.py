"""`haulwatch device export-acl`: the logins, as files for Mosquitto."""

from pathlib import Path
from typing import Annotated

import typer

from devices.access import broker_access
from devices.access.broker_access import Service
from devices.access.credentials import HashedSecret
from devices.access.mosquitto_files import reload_mosquitto, write_files
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, fail, out, print_json
from haulwatch.settings.data_files import broker_file_folder
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_logins

PASSWORDS = "passwords"
ACL = "acl"
DYNAMIC_SECURITY = "dynamic-security.json"


@exits_on_error
def export_acl(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder to write to; default: `broker` in the data directory.")
    ] = None,
    services: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Password file with Haulwatch's own logins (from deploy/make_secrets.py); they are written with the "
            "devices' logins, for a broker where one listener serves both.",
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Group (name or number) that may read them: mode 0640. Otherwise 0600.")
    ] = None,
    reload: Annotated[
        Path | None,
        typer.Option("--reload", metavar="PIDFILE", help="Send SIGHUP to the Mosquitto that has this pid_file."),
    ] = None,
    dynamic_security: Annotated[
        bool,
        typer.Option(
            "--dynamic-security",
            help="Write JSON for the dynamic-security plugin instead; it reads the file at its start.",
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the files `passwords` and `acl` for Mosquitto 2.0: who may connect, and which topics each may use.

    A device may publish readings and acknowledgements under its own id and receive its own commands, nothing else. Each
    file is replaced whole. Mosquitto reads them on SIGHUP, and then ends the connections of devices that were disabled
    or got a new secret.
    """
    settings = load_settings()
    with open_logins(settings) as logins:
        all_logins = logins.all().values()
    service_hashes = _services(services)
    disabled = [login.device_id for login in all_logins if not login.enabled]
    hashes = {login.device_id: login.secret for login in all_logins if login.secret is not None}
    if dynamic_security:
        files = {DYNAMIC_SECURITY: broker_access.dynamic_security(hashes, disabled, service_hashes)}
    else:
        enabled = {device: hashed for device, hashed in hashes.items() if device not in disabled}
        acl = [broker_access.service_acl(service_hashes)] if service_hashes else []
        files = {
            PASSWORDS: broker_access.password_file(
                {**enabled, **{str(user): hashed for user, hashed in service_hashes.items()}}
            ),
            ACL: "\n".join([*acl, broker_access.device_acl(disabled)]),
        }
    folder = directory or broker_file_folder(settings)
    try:
        write_files(folder, files, int(group) if group and group.isdigit() else group)
    except LookupError as exc:
        fail(f"--group: {exc}")
    if reload is not None:
        reload_mosquitto(reload)
    counts = {"devices": len(hashes.keys() - set(disabled)), "disabled": len(disabled), "services": len(service_hashes)}
    if as_json:
        print_json({"files": [str(folder / name) for name in files], "reloaded": reload is not None, **counts})
        return
    names = ", ".join(files)
    out.print(f"{folder}: {names}: {', '.join(f'{count} {what}' for what, count in counts.items())}", soft_wrap=True)
    if reload is None:
        action = "restart it (the plugin reads its file only then)" if dynamic_security else "send it SIGHUP"
        err.print(f"Mosquitto still uses the old files: {action}.", style="dim")


def _services(path: Path | None) -> dict[Service, HashedSecret]:
    if path is None:
        return {}
    found = broker_access.read_password_file(path.read_text(encoding="utf-8"))
    unknown = sorted(found.keys() - set(Service))
    if unknown:
        fail(f"{path}: {unknown[0]!r} is not one of {', '.join(Service)}")
    return {Service(user): hashed for user, hashed in found.items()}
