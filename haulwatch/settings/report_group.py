"""The settings of public reports."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from devices.readings.text import MAX_SHORT_CHARS, unseen_character
from haulwatch.settings.fields import Group, field
from haulwatch.settings.urls import http_url


def _public_url(url: str) -> str:
    if any(char in url for char in "?#"):
        raise ValueError("is more than an address: give scheme and host, with a path at most")
    return http_url(url)


def _shown(text: str) -> str:
    if len(text) > MAX_SHORT_CHARS or unseen_character(text):
        raise ValueError(f"stands on a page: give at most {MAX_SHORT_CHARS} visible characters")
    return text


class ReportSettings(Group):
    """Public reports."""

    form: Literal["on", "off"] = field(
        "off",
        "REPORT_FORM",
        "on or off",
        "on: whoever reaches the API's address can send reports by the form at /report. Off, since it takes text from "
        "anybody: switch it on when somebody reads it.",
    )
    public_url: Annotated[str, AfterValidator(_public_url)] | None = field(
        None,
        "REPORT_PUBLIC_URL",
        "http[s]://host[:port]",
        "Address under which the public reaches the form; QR codes lead there, and its host name is answered. Absent: "
        "no QR codes. Phones give their position to https only.",
    )
    office: Annotated[str, AfterValidator(_shown)] = field(
        "",
        "REPORT_OFFICE",
        "text, at most 64 characters",
        "Who receives the reports and keeps names, as the form says it. Absent: the name of the city.",
    )
    hotline: Annotated[str, AfterValidator(_shown)] = field(
        "",
        "REPORT_HOTLINE",
        "text, at most 64 characters",
        "Telephone that the form names for what is urgent, and when it takes no more. Absent: it names none.",
    )
    max_per_day: int = field(
        500,
        "REPORT_MAX_PER_DAY",
        "reports",
        "Taken by the form within 24 h, from all together; beyond it the form names the hotline. Some ten times what a "
        "city of two million sends, 2 MB a day; those of operators do not count.",
        ge=1,
        le=100_000,
    )
    per_address: int = field(
        10,
        "REPORT_PER_ADDRESS_AND_H",
        "reports per hour",
        "Taken by the form from one address. Phones of one mobile network often share an address, so not one or two.",
        ge=1,
        le=10_000,
    )
    informant_keep_days: int = field(
        180,
        "REPORT_INFORMANT_KEEP_DAYS",
        "days",
        "Names and contacts of informants are erased so long after their report; the report stays. Time to look into "
        "it, to answer, and for an objection. No longer, since the law asks for the shortest time (decision 98).",
        ge=1,
        le=3_650,
    )
    keys: SecretStr | None = field(
        None,
        "REPORT_KEYS",
        "content of the file that `haulwatch report key` writes",
        "Seals names of informants. Absent: the file in the data directory; without either no names are taken.",
        min_length=1,
    )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host name of the public address: the API answers to it."""
        name = urlsplit(self.public_url or "").hostname
        return () if name is None else (name,)
