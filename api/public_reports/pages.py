"""The pages for informants, in one language each."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import quote

from fastapi.responses import HTMLResponse

from api.public_reports.fields import NAMES, Fields
from api.public_reports.markup import NOTHING, Markup, element, filled, joined, page
from api.public_reports.words import CATEGORIES, WORDS
from devices.city.sites import Site
from devices.readings.text import MAX_SHORT_CHARS
from rules.public_reports.model import MAX_ADDRESS, MAX_CONTACT, MAX_TEXT, Category, Report, ReportLanguage
from rules.public_reports.progress import WORDS as PROGRESS

MAX_PHOTOS: Final = 3
"""Of one report."""
EMPTY: Final[Fields] = dict.fromkeys((*NAMES, "number", "code"), "")
_CODES: Final = {ReportLanguage.ZH: "zh-CN", ReportLanguage.EN: "en"}


@dataclass(frozen=True, slots=True)
class Pages:
    """Draws in one language, for one office. `site`: whose QR code led here."""

    language: ReportLanguage
    office: str
    hotline: str
    keep_days: int
    takes_names: bool
    site: Site | None = None

    def form(self, token: str, fields: Fields = EMPTY, faults: Sequence[str] = (), status: int = 200) -> HTMLResponse:
        words = self.words
        has_position = bool(fields["lat"] and fields["lon"])
        body = filled(
            "form.html",
            title=words("title"),
            lead=words("lead"),
            urgent=element("p", words("urgent", hotline=self.hotline), "note") if self.hotline else NOTHING,
            site=self._site(),
            faults=self._faults(faults),
            action=self._address(self._form_path()),
            category=words("category"),
            kinds=self._kinds(fields["category"]),
            text=words("text"),
            text_hint=words("text_hint"),
            text_value=fields["text"],
            max_text=str(MAX_TEXT),
            where=words("where"),
            use_position=words("use_position"),
            position_asking=words("position_asking"),
            position_taken=words("position_taken"),
            position_refused=words("position_refused"),
            position_status=words("position_kept") if has_position else "",
            lat_value=fields["lat"],
            lon_value=fields["lon"],
            accuracy_value=fields["accuracy"],
            address=words("address" if self.site is None else "address_at_site"),
            max_address=str(MAX_ADDRESS),
            address_value=fields["address"],
            when=words("when"),
            when_value=fields["when"],
            plate=words("plate"),
            plate_value=fields["plate"],
            informant=self._informant(fields),
            trap=words("trap"),
            form_token=token,
            send=words("send"),
            state_address=self._address("/report/state"),
            state_link=words("state_link"),
        )
        return self._page(words("title"), body, self._form_path(), status)

    def receipt(self, report: Report, code: str) -> HTMLResponse:
        words = self.words
        body = filled(
            "receipt.html",
            thanks=words("thanks"),
            number=words("number"),
            number_value=report.number,
            code=words("code"),
            code_value=code,
            keep=words("keep"),
            most=str(MAX_PHOTOS),
            photos=words("photos", most=MAX_PHOTOS),
            photos_note=words("photos_note"),
            photo_sending=words("photo_sending"),
            photo_sent=words("photo_sent"),
            photo_failed=words("photo_failed"),
            state_address=self._address("/report/state"),
            state_link=words("state_link"),
            new_address=self._address(self._form_path()),
            new_link=words("new_link"),
        )
        return self._page(words("thanks"), body, self._form_path(), 201)

    def state(
        self, number: str = "", found: Report | None = None, problem: str = "", status: int = 200
    ) -> HTMLResponse:
        """The question, and what was found or what is wrong with it (`problem`: a name of WORDS)."""
        words, answer = self.words, NOTHING
        if found is not None:
            lines = (
                element("strong", words("state_of", number=found.number)),
                Markup("<br>"),
                element("span", getattr(PROGRESS[found.progress], self.language)),
            )
            answer = element("p", joined(lines), "state")
        elif problem:
            answer = self._faults([words(problem)], heading=False)
        body = filled(
            "state.html",
            state_title=words("state_title"),
            answer=answer,
            action=self._address("/report/state"),
            number=words("number"),
            number_value=number,
            code=words("code"),
            ask_state=words("ask_state"),
            new_address=self._address("/report"),
            new_link=words("new_link"),
        )
        return self._page(words("state_title"), body, "/report/state", status)

    def message(self, heading: str, message: str, status: int, headers: dict[str, str] | None = None) -> HTMLResponse:
        """`heading` and `message`: names of WORDS."""
        words = self.words
        body = filled(
            "message.html",
            heading=words(heading),
            message=words(message),
            call=element("p", words("call", hotline=self.hotline)) if self.hotline else NOTHING,
            new_address=self._address("/report"),
            new_link=words("new_link"),
            state_address=self._address("/report/state"),
            state_link=words("state_link"),
        )
        return self._page(words(heading), body, "/report", status, headers)

    def words(self, name: str, **values: object) -> str:
        text: str = getattr(WORDS[name], self.language)
        return text.format(**values) if values else text

    def _page(
        self, title: str, body: Markup, path: str, status: int, headers: dict[str, str] | None = None
    ) -> HTMLResponse:
        other = ReportLanguage.EN if self.language is ReportLanguage.ZH else ReportLanguage.ZH
        return page(
            status,
            headers,
            lang=_CODES[self.language],
            title=title,
            to=self.words("to", office=self.office),
            other_language=self.words("other_language"),
            other_address=f"{path}?lang={other}",
            other_lang=_CODES[other],
            body=body,
        )

    def _site(self) -> Markup:
        if self.site is None:
            return NOTHING
        name = self.site.name_zh if self.language is ReportLanguage.ZH else self.site.name
        return element("p", element("strong", self.words("at_site", site=name)), "state")

    def _faults(self, faults: Sequence[str], *, heading: bool = True) -> Markup:
        if not faults:
            return NOTHING
        items = element("ul", joined(element("li", fault) for fault in faults)) if heading else element("p", faults[0])
        title = element("strong", self.words("faults")) if heading else NOTHING
        return Markup(f'<div class="faults" role="alert">{title}{items}</div>')

    def _kinds(self, chosen: str) -> Markup:
        return joined(
            Markup(
                f'<label><input type="radio" name="category" value="{kind}" required'
                f"{' checked' if kind == chosen else ''}> {escape(getattr(CATEGORIES[kind], self.language))}</label>"
            )
            for kind in Category
        )

    def _informant(self, fields: Fields) -> Markup:
        words = self.words
        if not self.takes_names:
            return element("p", words("no_names"), "note field")
        return filled(
            "informant.html",
            open=Markup(" open") if fields["name"] or fields["contact"] else NOTHING,
            informant=words("informant"),
            privacy=words("privacy", office=self.office, days=self.keep_days),
            name=words("name"),
            name_value=fields["name"],
            max_name=str(MAX_SHORT_CHARS),
            contact=words("contact"),
            contact_value=fields["contact"],
            max_contact=str(MAX_CONTACT),
        )

    def _form_path(self) -> str:
        return "/report" if self.site is None else f"/report/{quote(self.site.id, safe='')}"

    def _address(self, path: str) -> str:
        return f"{path}?lang={self.language}"
