"""The outbox of notices: all of them, or those of one alert."""

from collections.abc import Iterable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, WithJsonSchema

from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.caller import Caller
from api.access.roles import OPERATORS
from api.access.visible import Parts, whole_city
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.paging import CURSOR_HINT, Cursor, Page
from api.http.problems import ProblemKind, invalid, not_found
from api.resources.alerts import AlertPath
from api.resources.notices.in_force import READ, current_rules, shown_error
from ingest.notices.desk.listing import Listed, OutboxFilter
from ingest.notices.model import NoticeRules
from ingest.notices.notice import Kind, State

router = APIRouter(tags=["notices"], dependencies=[*PERSONAL, *OPERATORS])

MAX_NOTICES: Final = 200

NoticeKind = Annotated[str, WithJsonSchema({"type": "string", "enum": [str(kind) for kind in Kind]})]
NoticeState = Annotated[str, WithJsonSchema({"type": "string", "enum": [str(state) for state in State]})]
"""Without names of their own in the document, where other lists have these names."""


class DigestOut(BaseModel):
    """The message that stands for notices beyond the limit of a channel."""

    no: int
    state: NoticeState
    done_at: int | None
    error: str


class NoticeRecipient(BaseModel):
    """A person to whom a notice goes, or who is mentioned in it."""

    name: str = Field(description="As the notice rules name the person")
    display_name: str = Field(description="Of the rules that hold; the name where they do not have the person any more")


class NoticeOut(BaseModel):
    """A notice, and what became of it. Times are wall clock, ms."""

    no: int
    alert_id: str | None = Field(description="Null: a digest of several alerts")
    kind: NoticeKind
    rule: str | None = Field(description="Rule of the alert; null for a digest")
    severity: str
    channel: str
    channel_kind: str | None = Field(description="Its service; null: the rules that hold have no such channel")
    to_group: bool = Field(description="true: it goes to a group or a program; `people` are mentioned in it")
    people: list[NoticeRecipient]
    subject: str
    body: str
    language: str
    state: NoticeState
    planned_at: int
    due_at: int = Field(description="Not before: the next attempt of what waits")
    attempts: int
    unconfirmed: int = Field(description="Attempts after which no answer came")
    attempted_at: int | None
    done_at: int | None
    error: str = Field(description="What the last attempt met, in the service's words; empty: nothing is wrong")
    digest: DigestOut | None = Field(description="The message that stands for it, where its state is `digested`")


class NoticesOfAlert(BaseModel):
    """Who was notified of an alert."""

    items: list[NoticeOut] = Field(description="Oldest first")


_EXAMPLE: Final[dict[str, Any]] = {
    "no": 17,
    "alert_id": "9f86d081884c7d65",
    "kind": "call",
    "rule": "illegal_dumping",
    "severity": "P1",
    "channel": "duty-group",
    "channel_kind": "wecom",
    "to_group": True,
    "people": [{"name": "li", "display_name": "李明"}],
    "subject": "【P1】晋E10001 在核准场所外倾倒",
    "body": "地点：…",
    "language": "zh",
    "state": "sent",
    "planned_at": 1_772_353_051_000,
    "due_at": 1_772_353_051_000,
    "attempts": 1,
    "unconfirmed": 0,
    "attempted_at": 1_772_353_051_400,
    "done_at": 1_772_353_051_700,
    "error": "",
    "digest": None,
}


@router.get(
    "/notices",
    summary="Notices in the outbox",
    response_model=Page[NoticeOut],
    dependencies=[Depends(whole_city), *LARGE],
    responses=answer("Notices, newest first", {"items": [_EXAMPLE], "next_cursor": None})
    | problems(*READ, ProblemKind.TOO_BUSY),
)
def notices(
    parts: Parts,
    caller: CurrentCaller,
    state: Annotated[list[State] | None, Query(description="One or several; default: every state")] = None,
    channel: Annotated[str | None, Query(max_length=40, description="Name of a channel")] = None,
    troubled: Annotated[bool, Query(description="true: only what failed, or waits after an error")] = False,
    limit: Annotated[int, Query(ge=1, le=MAX_NOTICES)] = 50,
    cursor: Cursor = None,
) -> Page[NoticeOut]:
    """What waits, what was sent, what was given up and why. Rows stay: who was notified of what is asked later."""
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise invalid("query.cursor", CURSOR_HINT)
    where = OutboxFilter(states=state or None, channel=channel, troubled=troubled)
    before = None if cursor is None else int(cursor)
    found = parts.notice_desk.page(where, limit=limit + 1, before=before)
    items = _notices(found[:limit], current_rules(parts)[1], caller)
    return Page(items=items, next_cursor=str(items[-1].no) if len(found) > limit else None)


@router.get(
    "/alerts/{alert_id}/notices",
    summary="Who was notified of an alert",
    response_model=NoticesOfAlert,
    responses=answer("Its notices, oldest first", {"items": [_EXAMPLE]}) | problems(*READ, ProblemKind.NOT_FOUND),
)
def notices_of_alert(parts: Parts, caller: CurrentCaller, alert_id: AlertPath) -> NoticesOfAlert:
    """Who was notified, when, by which channel, what was written, and what failed; the newest 500."""
    if parts.journal.alert(alert_id) is None:
        raise not_found("Alert", alert_id, "GET /api/v1/alerts lists all alerts")
    found = parts.notice_desk.of_alert(alert_id)
    return NoticesOfAlert(items=_notices(found, current_rules(parts)[1], caller))


def _notices(found: Iterable[Listed], rules: NoticeRules, caller: Caller) -> list[NoticeOut]:
    return [_notice(listed, rules, caller) for listed in found]


def _notice(listed: Listed, rules: NoticeRules, caller: Caller) -> NoticeOut:
    new, digest = listed.notice.new, listed.digest
    names = (new.recipient,) if new.recipient else new.mentions
    return NoticeOut(
        no=listed.notice.no,
        alert_id=new.alert_id or None,
        kind=str(new.kind),
        rule=new.rule or None,
        severity=new.severity,
        channel=new.channel,
        channel_kind=None if new.channel not in rules.channels else rules.channels[new.channel].kind,
        to_group=not new.recipient,
        people=[NoticeRecipient(name=name, display_name=_display_name(name, rules)) for name in names],
        subject=new.subject,
        body=new.body,
        language=new.language,
        state=str(listed.notice.state),
        planned_at=listed.notice.planned_at,
        due_at=listed.notice.due_at,
        attempts=listed.notice.attempts,
        unconfirmed=listed.notice.unconfirmed,
        attempted_at=listed.attempted_at,
        done_at=listed.done_at,
        error=shown_error(listed.error, caller),
        digest=None
        if digest is None
        else DigestOut(
            no=digest.notice.no,
            state=str(digest.notice.state),
            done_at=digest.done_at,
            error=shown_error(digest.error, caller),
        ),
    )


def _display_name(name: str, rules: NoticeRules) -> str:
    contact = rules.people.get(name)
    return name if contact is None else contact.name
