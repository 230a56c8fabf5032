"""`haulwatch device export-acl`: who may connect to the broker and what each may do, as files for Mosquitto."""

from pathlib import Path
from typing import Annotated

import typer

from devices.access.broker_access import access_list, password_file, read_password_file
from devices.access.credentials import HashedSecret
from devices.access.mosquitto_files import reload_mosquitto, write_files
from devices.readings.ids import Service
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, fail, out, print_json
from haulwatch.settings.data_files import broker_file_folder
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_logins, open_registry

PASSWORDS = "passwords"
ACCESS_LIST = "dynamic-security.json"


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
            help="Password file with the logins of Haulwatch's own processes (deploy/secrets/mosquitto_services); "
            "without it they cannot connect.",
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Group (name or number) that may read them: mode 0640. Otherwise 0600.")
    ] = None,
    reload: Annotated[
        Path | None,
        typer.Option("--reload", metavar="PIDFILE", help="Send SIGHUP to the Mosquitto that has this pid_file."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the files `passwords` and `dynamic-security.json` for Mosquitto 2.0: who may connect, and what each may do.

    A device may publish the kinds of readings of its role and acknowledgements, under its own id, and subscribe to its
    own commands, nothing else. Each file is replaced whole. Mosquitto reads the passwords on SIGHUP, and then ends the
    connections of devices that were disabled or got a new secret. It reads the access list at its start: restart it
    when devices were added, disabled or enabled, or have another role.
    """
    settings = load_settings()
    with open_registry(settings) as registry:
        devices = registry.load_city().devices.values()
    with open_logins(settings) as logins:
        all_logins = logins.all().values()
    service_hashes = _services(services)
    disabled = {login.device_id for login in all_logins if not login.enabled}
    hashes = {login.device_id: login.secret for login in all_logins if login.enabled and login.secret is not None}
    files = {
        PASSWORDS: password_file({**hashes, **service_hashes}),
        ACCESS_LIST: access_list(devices, disabled),
    }
    folder = directory or broker_file_folder(settings)
    restart = _differs(folder / ACCESS_LIST, files[ACCESS_LIST])
    try:
        write_files(folder, files, int(group) if group and group.isdigit() else group)
    except LookupError as exc:
        fail(f"--group: {exc}")
    if reload is not None:
        reload_mosquitto(reload)
    counts = {"devices": len(hashes), "disabled": len(disabled), "services": len(service_hashes)}
    if as_json:
        names = [str(folder / name) for name in files]
        print_json({"files": names, "reloaded": reload is not None, "restart": restart, **counts})
        return
    out.print(
        f"{folder}: {', '.join(files)}: {', '.join(f'{count} {what}' for what, count in counts.items())}",
        soft_wrap=True,
    )
    if not service_hashes:
        err.print("No login of Haulwatch's own processes is in these files: give --services FILE.", style="yellow")
    if restart:
        err.print("The access list has changed: restart Mosquitto, which reads it at its start only.", style="dim")
    elif reload is None:
        err.print(
            "Mosquitto still uses the old passwords: send it SIGHUP, or restart it if the access list has changed "
            "since its start.",
            style="dim",
        )


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text(encoding="utf-8") != text


def _services(path: Path | None) -> dict[str, HashedSecret]:
    if path is None:
        return {}
    found = read_password_file(path.read_text(encoding="utf-8"))
    unknown = sorted(found.keys() - set(Service))
    if unknown:
        fail(f"{path}: {unknown[0]!r} is not one of {', '.join(Service)}")
    return found
