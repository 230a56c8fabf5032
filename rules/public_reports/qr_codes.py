"""Draws the QR codes of sites, by segno."""

from io import BytesIO
from typing import Final
from urllib.parse import quote

import segno

MEDIA_TYPES: Final = {"svg": "image/svg+xml", "png": "image/png"}
"""By the name of the format."""
_SCALE: Final = {"svg": 8, "png": 16}
"""Points and pixels of a module: some 8 cm at 150 dpi, for a sign that is scanned from a step away."""


def address_of(public_url: str, site_id: str) -> str:
    """Where the code of a site leads."""
    return f"{public_url.rstrip('/')}/report/{quote(site_id, safe='')}"


def picture(address: str, form: str) -> bytes:
    """The code as SVG or PNG, with the quiet zone of ISO/IEC 18004. Error correction Q: a quarter may be dirty."""
    buffer = BytesIO()
    code = segno.make_qr(address, error="q", boost_error=False)
    code.save(buffer, kind=form, scale=_SCALE[form], **({"xmldecl": False} if form == "svg" else {}))
    return buffer.getvalue()
