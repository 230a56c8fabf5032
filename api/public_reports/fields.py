"""The fields of the form: read from what was sent, checked, and made a report; each fault in words for the informant.

Pure: the clock, the city and what was sent come in.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from api.public_reports.words import WORDS
from devices.city.model import City
from devices.city.sites import Site
from devices.readings.instants import DAY_MS
from devices.readings.text import MAX_SHORT_CHARS, unseen_character
from rules.public_reports.model import (
    AHEAD_MS,
    MAX_ADDRESS,
    MAX_CONTACT,
    MAX_TEXT,
    OLDEST_MS,
    Category,
    Channel,
    Informant,
    NewReport,
    ReportLanguage,
)

NAMES: Final = (
    "category", "text", "lat", "lon", "accuracy", "address", "when", "plate", "name", "contact", "website", "form",
)  # fmt: skip
MAX_PLATE: Final = 16
_MAX_FIELDS: Final = 32
_LABELS: Final = {
    "text": ("text", MAX_TEXT),
    "address": ("address", MAX_ADDRESS),
    "plate": ("plate", MAX_PLATE),
    "name": ("name", MAX_SHORT_CHARS),
    "contact": ("contact", MAX_CONTACT),
}
"""Label and most characters of each field with free text."""

Fields = Mapping[str, str]


class Unreadable(ValueError):
    """What was sent is no form."""


def read_fields(body: bytes) -> Fields:
    """The fields of `application/x-www-form-urlencoded`; unknown ones are passed over, missing ones are empty.

    Raises Unreadable.
    """
    try:
        sent = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError as exc:  # also of the two codecs
        raise Unreadable("the body is no form") from exc
    values = dict.fromkeys((*NAMES, "number", "code"), "")
    return values | {name: value.strip() for name, value in sent if name in values}


@dataclass
class Checked:
    """What the form holds. With faults there is no report."""

    faults: list[str] = field(default_factory=list)
    report: NewReport | None = None
    informant: Informant | None = None
    lost_position: bool = False
    """The position lies elsewhere: it is not shown again."""


def checked(fields: Fields, city: City, site: Site | None, language: ReportLanguage, now: int) -> Checked:
    """Make the report of the fields. `site`: whose QR code was scanned."""
    found = Checked()

    def fault(name: str, **values: object) -> None:
        found.faults.append(getattr(WORDS[name], language).format(**values))

    category = _category(fields["category"], fault)
    text = fields["text"].replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if not text or len(text) > MAX_TEXT:
        fault("fault_text")
    _check_characters({**fields, "text": text}, language, fault)
    position = _position(fields)
    if position is not None and not city.region.covers(*position[:2]):
        found.lost_position, position = True, None
        fault("fault_position", city=getattr(city, "name_zh" if language is ReportLanguage.ZH else "name"))
    elif position is None and site is None and not fields["address"]:
        fault("fault_place")
    seen_at = _instant(fields["when"], ZoneInfo(city.timezone), now)
    if seen_at is None:
        fault("fault_when", days=OLDEST_MS // DAY_MS)
    if fields["website"]:
        fault("fault_trap")
    if found.faults or category is None or seen_at is None:
        return found
    lat, lon, accuracy_m = position or (*_centre(site), None)
    found.report = NewReport(
        channel=Channel.WEB if site is None else Channel.QR,
        category=category,
        text=text,
        seen_at=seen_at,
        lat=lat,
        lon=lon,
        accuracy_m=accuracy_m,
        site_id=None if site is None else site.id,
        district=None if site is None else site.district,
        address=fields["address"],
        plate=fields["plate"],
        language=language,
        received_at=now,
    )
    informant = Informant(name=fields["name"], contact=fields["contact"])
    found.informant = informant if informant.is_named else None
    return found


def filled_in(fields: Fields, site: Site | None) -> list[str]:
    """All that the informant says, in an order of its own: by it a form that is sent twice is told from another one."""
    return ["" if site is None else site.id, *(fields[name] for name in NAMES if name != "form")]


def centre_of(site: Site) -> tuple[float, float]:
    """Latitude and longitude of a point in the site."""
    point = site.area.representative_point()
    return point.y, point.x


def _centre(site: Site | None) -> tuple[float, float] | tuple[None, None]:
    return (None, None) if site is None else centre_of(site)


_Fault = Callable[..., None]


def _category(text: str, fault: _Fault) -> Category | None:
    try:
        return Category(text)
    except ValueError:
        fault("fault_category")
        return None


def _check_characters(fields: Fields, language: ReportLanguage, fault: _Fault) -> None:
    for name, (label, longest) in _LABELS.items():
        title = getattr(WORDS[label], language)
        if (char := unseen_character(fields[name].replace("\n", "") if name == "text" else fields[name])) is not None:
            fault("fault_characters", field=title, char=char)
        if name != "text" and len(fields[name]) > longest:
            fault("fault_long", field=title, max=longest)


def _position(fields: Fields) -> tuple[float, float, float | None] | None:
    """Latitude, longitude and accuracy in metres, as the script wrote them; None where it wrote none."""
    numbers = [_number(fields[name]) for name in ("lat", "lon", "accuracy")]
    lat, lon, accuracy_m = numbers
    if lat is None or lon is None:
        return None
    return lat, lon, accuracy_m if accuracy_m is not None and 0 <= accuracy_m <= 100_000 else None


def _number(text: str) -> float | None:
    try:
        number = float(text[:24])
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _instant(text: str, zone: ZoneInfo, now: int) -> int | None:
    """The instant that the field `when` names, ms; now if it is empty; None if it is none that may be."""
    if not text:
        return now
    try:
        moment = datetime.fromisoformat(text[:32])
        instant = round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return instant if now - OLDEST_MS <= instant <= now + AHEAD_MS else None
