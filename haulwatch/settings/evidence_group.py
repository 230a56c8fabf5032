"""The settings of evidence packs."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from haulwatch.settings.fields import Group, field, readable_file
from haulwatch.settings.urls import http_url


class EvidenceSettings(Group):
    """Evidence packs."""

    font: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None,
        "EVIDENCE_FONT",
        "path of a .ttf or .ttc file",
        "Font of the record, with Chinese characters and TrueType outlines. Absent: WenQuanYi Micro Hei, if it is "
        "installed; without one there is no Chinese record.",
    )
    tsa_url: Annotated[str, AfterValidator(http_url)] | None = field(
        None,
        "EVIDENCE_TSA_URL",
        "http(s) URL",
        "Authority that `haulwatch evidence export --timestamp` asks for a time stamp (RFC 3161). Absent: none, since "
        "it learns when packs are made.",
    )
