"""`haulwatch device authority` and `certificate`: TLS for the broker, and certificates for devices."""

from pathlib import Path
from typing import Annotated

import typer

from devices.access.certificates import Authority, Issued, now_utc
from devices.access.mosquitto_files import write_files
from devices.access.new_device import check_device_id
from haulwatch import wiring
from haulwatch.commands.shared import JsonFlag, fail, out, plainly, print_json
from haulwatch.settings.load import Settings, load_settings

CA_CERTIFICATE, CA_KEY = "ca.crt", "ca.key"
SERVER_CERTIFICATE, SERVER_KEY = "server.crt", "server.key"

AuthorityOption = Annotated[
    Path | None,
    typer.Option("--ca", metavar="DIR", help="The authority's folder; `authority` in the data directory by default."),
]


@plainly
def authority(
    hosts: Annotated[
        list[str], typer.Argument(metavar="HOST", help="Names and addresses under which devices reach the broker.")
    ],
    ca: AuthorityOption = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the broker's files go; the authority's folder by default."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Group (name or number) that may read the broker's files: mode 0640.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a small certificate authority and the broker's TLS certificate, signed by it.

    The authority is made once and kept: every device trusts its ca.crt. The broker's server.crt is made anew when HOSTs
    change or 60 days are left, so this may run at every start. Keep ca.key away from the broker.
    """
    settings = load_settings()
    home = ca or _home(settings)
    now = now_utc()
    held = [name for name in (CA_KEY, CA_CERTIFICATE) if (home / name).exists()]
    if len(held) == 1:
        gone = CA_KEY if held == [CA_CERTIFICATE] else CA_CERTIFICATE
        fail(f"{home} holds {held[0]} without {gone}: put it back, since devices trust this authority and no other")
    if not held:
        made = Authority.create(now).own
        write_files(home, {CA_KEY: made.key, CA_CERTIFICATE: made.certificate})
    signer = Authority.read(home / CA_CERTIFICATE, home / CA_KEY)
    folder = to or home
    renewed = not _serves(signer, folder, hosts)
    if renewed:
        server = signer.for_server(hosts, now)
        files = {SERVER_KEY: server.key, SERVER_CERTIFICATE: server.certificate, CA_CERTIFICATE: signer.own.certificate}
        try:
            write_files(folder, files, int(group) if group and group.isdigit() else group)
        except LookupError as exc:
            fail(f"--group: {exc}")
    report = {"authority": str(home / CA_CERTIFICATE), "server": str(folder / SERVER_CERTIFICATE), "renewed": renewed}
    if as_json:
        print_json(report)
    else:
        state = "made" if renewed else "still good"
        out.print(f"{report['server']}: {state}; devices trust {report['authority']}", soft_wrap=True)


@plainly
def certificate(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE", help="Device id.")],
    ca: AuthorityOption = None,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to; `certificates` in the data directory by default.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How long it is good.")] = 365,
    as_json: JsonFlag = False,
) -> None:
    """Make a certificate for a registered device, whose name in it is the device id, and its private key.

    For a listener with `require_certificate` and `use_identity_as_username` (deploy/mosquitto/certificates.conf).
    `haulwatch device disable` locks out a certificate as well: there is no revocation list to hand around.
    """
    check_device_id(device_id)
    settings = load_settings()
    with wiring.registry(settings) as registry:
        if device_id not in registry.load_city().devices:
            fail(f"{device_id!r} is not registered; `haulwatch device list` shows those that are")
    home = ca or _home(settings)
    if not (home / CA_KEY).exists():
        fail(f"{home} holds no authority: make one with `haulwatch device authority HOST`")
    made = Authority.read(home / CA_CERTIFICATE, home / CA_KEY).for_device(device_id, now_utc(), days)
    folder = to or settings.paths.data_dir / "certificates"
    files = {f"{device_id}.key": made.key, f"{device_id}.crt": made.certificate}
    write_files(folder, files)
    expires = made.expires.date().isoformat()
    if as_json:
        print_json({"device": device_id, "files": [str(folder / name) for name in files], "expires": expires})
    else:
        out.print(f"{folder}: {', '.join(files)}, good until {expires}", soft_wrap=True)


def _home(settings: Settings) -> Path:
    return settings.paths.data_dir / "authority"


def _serves(signer: Authority, folder: Path, hosts: list[str]) -> bool:
    held, key = folder / SERVER_CERTIFICATE, folder / SERVER_KEY
    if not held.exists() or not key.exists():
        return False
    return signer.serves(Issued(held.read_text(), key.read_text()), hosts, now_utc())
