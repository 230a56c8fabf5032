"""`haulwatch device authority` and `certificate`: TLS certificates for the broker and for devices."""

from pathlib import Path
from typing import Annotated

import typer

from devices.access.certificates import Authority, Issued, now_utc
from devices.access.mosquitto_files import write_files
from devices.access.new_device import check_device_id
from haulwatch.commands.device.login import DeviceArgument, require_registered
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json
from haulwatch.settings.data_files import authority_folder, device_certificate_folder
from haulwatch.settings.load import load_settings

CA_CERTIFICATE, CA_KEY = "ca.crt", "ca.key"
SERVER_CERTIFICATE, SERVER_KEY = "server.crt", "server.key"

AuthorityOption = Annotated[
    Path | None,
    typer.Option("--ca", metavar="DIR", help="The authority's folder; default: `authority` in the data directory."),
]


@exits_on_error
def authority(
    hosts: Annotated[
        list[str], typer.Argument(metavar="HOST", help="Names and addresses under which devices reach the broker.")
    ],
    ca: AuthorityOption = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the broker's files; default: the authority's folder."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Group (name or number) that may read the broker's files: mode 0640.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a small certificate authority, and the broker's TLS certificate, signed by it.

    The authority is created once and kept: every device trusts its ca.crt. The broker's server.crt is renewed when a
    HOST changes or 60 days are left, so this may run at every start. Keep ca.key away from the broker.
    """
    settings = load_settings()
    ca_folder = ca or authority_folder(settings)
    now = now_utc()
    present = [name for name in (CA_KEY, CA_CERTIFICATE) if (ca_folder / name).exists()]
    if len(present) == 1:
        absent = CA_KEY if present == [CA_CERTIFICATE] else CA_CERTIFICATE
        fail(f"{ca_folder} holds {present[0]} without {absent}: put it back, because devices trust this authority only")
    if not present:
        issued = Authority.create(now).own
        write_files(ca_folder, {CA_KEY: issued.key, CA_CERTIFICATE: issued.certificate})
    signer = Authority.read(ca_folder / CA_CERTIFICATE, ca_folder / CA_KEY)
    folder = to or ca_folder
    renewed = not _is_valid(signer, folder, hosts)
    if renewed:
        server = signer.for_server(hosts, now)
        files = {SERVER_KEY: server.key, SERVER_CERTIFICATE: server.certificate, CA_CERTIFICATE: signer.own.certificate}
        try:
            write_files(folder, files, int(group) if group and group.isdigit() else group)
        except LookupError as exc:
            fail(f"--group: {exc}")
    report = {
        "authority": str(ca_folder / CA_CERTIFICATE),
        "server": str(folder / SERVER_CERTIFICATE),
        "renewed": renewed,
    }
    if as_json:
        print_json(report)
    else:
        state = "renewed" if renewed else "still valid"
        out.print(f"{report['server']}: {state}; devices trust {report['authority']}", soft_wrap=True)


@exits_on_error
def certificate(
    device_id: DeviceArgument,
    ca: AuthorityOption = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write to; default: `certificates` in the data directory."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Days for which it is valid.")] = 365,
    as_json: JsonFlag = False,
) -> None:
    """Create a certificate for a registered device, with the device id as its name, and the private key.

    Use it at a listener with `require_certificate` and `use_identity_as_username` (deploy/mosquitto/certificates.conf).
    `haulwatch device disable` locks out certificates too, so no revocation list is needed.
    """
    check_device_id(device_id)
    settings = load_settings()
    require_registered(settings, device_id)
    ca_folder = ca or authority_folder(settings)
    if not (ca_folder / CA_KEY).exists():
        fail(f"{ca_folder} holds no authority: create one with `haulwatch device authority HOST`")
    issued = Authority.read(ca_folder / CA_CERTIFICATE, ca_folder / CA_KEY).for_device(device_id, now_utc(), days)
    folder = to or device_certificate_folder(settings)
    files = {f"{device_id}.key": issued.key, f"{device_id}.crt": issued.certificate}
    write_files(folder, files)
    expires = issued.expires.date().isoformat()
    if as_json:
        print_json({"device": device_id, "files": [str(folder / name) for name in files], "expires": expires})
    else:
        out.print(f"{folder}: {', '.join(files)}, valid until {expires}", soft_wrap=True)


def _is_valid(signer: Authority, folder: Path, hosts: list[str]) -> bool:
    certificate_file, key_file = folder / SERVER_CERTIFICATE, folder / SERVER_KEY
    if not certificate_file.exists() or not key_file.exists():
        return False
    return signer.serves(Issued(certificate_file.read_text(), key_file.read_text()), hosts, now_utc())
