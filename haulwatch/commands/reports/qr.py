"""`haulwatch report qr`: draws the QR code of a site, to be printed."""

from pathlib import Path
from typing import Annotated

import typer

from haulwatch.commands.shared import exits_on_error, fail, out
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_registry
from rules.public_reports.qr_codes import MEDIA_TYPES, address_of, picture


@exits_on_error
def qr(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Id of the site.")],
    to: Annotated[Path, typer.Option("--out", metavar="FILE", dir_okay=False, help="A .svg or .png file.")],
) -> None:
    """Write the QR code that leads to the form with this site filled in (HAULWATCH_REPORT_PUBLIC_URL)."""
    settings = settings_with_data()
    form = to.suffix.lower().removeprefix(".")
    if form not in MEDIA_TYPES:
        fail(f"--out {to}: give a file name that ends in .svg or .png")
    if settings.reports.public_url is None:
        fail("set HAULWATCH_REPORT_PUBLIC_URL to the address under which the public reaches the form")
    with open_registry(settings) as registry:
        if site not in registry.load_city().sites:
            fail(f"SITE {site}: no such site: give an id of sites.geojson")
    address = address_of(settings.reports.public_url, site)
    to.write_bytes(picture(address, form))
    out.print(f"{to}: leads to {address}", markup=False, highlight=False, soft_wrap=True)
