"""The channels of notices: whether they work, and test messages."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.concurrency import run_in_threadpool

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL, note_target
from api.access.authentication import CurrentCaller
from api.access.roles import ADMINISTRATORS, OPERATORS
from api.access.visible import Parts, whole_city
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid, not_found
from api.resources.notices.in_force import READ, current_rules, shown_error, where_of
from devices.people.model import Role
from devices.readings.text import ShortText
from ingest.notices.desk.desk import TooManyTests
from ingest.notices.desk.listing import ChannelTimes
from ingest.notices.senders.port import Outcome
from ingest.notices.summary import ChannelSummary

router = APIRouter(
    prefix="/notice-channels", tags=["notices"], dependencies=[*PERSONAL, *OPERATORS, Depends(whole_city)]
)

MAX_REASON: Final = 150
"""Characters: the entry of the audit trail, which keeps the reason, takes 256 with channel and person."""


class NoticeChannelOut(BaseModel):
    """A channel: what it needs, what waits for it, and what the last day brought. Times are wall clock, ms."""

    name: str
    kind: str | None = Field(description="Null: the rules that hold have no such channel any more")
    server: str = Field(description="Host of the service; empty where the address is a secret")
    language: str | None = Field(description="Of its texts; null: the person's, else the file's")
    to_group: bool = Field(description="true: one message reaches a group or a program; false: each person gets one")
    can_send: bool = Field(description="false: a secret or a file is missing, and its notices wait")
    fault: str | None = Field(description="Why it cannot send; for administrators only")
    waiting: int
    oldest_waiting_at: int | None
    retried: int = Field(description="Of those that wait: were tried before")
    sent: int = Field(description="Within 24 h, as the next three")
    digested: int
    failed: int
    unconfirmed: int
    last_sent_at: int | None = Field(description="The last message that the service confirmed")
    last_digest_at: int | None = Field(description="When notices were last put into a digest")
    last_error: str = Field(description="Of what waits, was given up or never confirmed; empty: nothing is wrong")
    last_error_at: int | None


class NoticeChannels(BaseModel):
    """All channels: those of the rules first, then those of which notices are left."""

    items: list[NoticeChannelOut]


class ChannelTestBody(BaseModel):
    """A test message."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        frozen=True,
        json_schema_extra={"examples": [{"person": "li", "reason": "New robot of the duty group"}]},
    )

    person: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="To this person, or mentioning the person in the group; a channel of mail needs one"
    )
    actor: ShortText | None = Field(None, description=ACTOR)
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]


class ChannelTested(BaseModel):
    """What the service answered."""

    outcome: Annotated[str, WithJsonSchema({"type": "string", "enum": [str(outcome) for outcome in Outcome]})]
    detail: str = Field(description="In the service's words, without secrets; may be empty")


_CHANNEL: Final = {
    "name": "duty-group",
    "kind": "wecom",
    "server": "qyapi.weixin.qq.com",
    "language": None,
    "to_group": True,
    "can_send": True,
    "fault": None,
    "waiting": 2,
    "oldest_waiting_at": 1_790_000_000_000,
    "retried": 1,
    "sent": 40,
    "digested": 0,
    "failed": 0,
    "unconfirmed": 0,
    "last_sent_at": 1_790_000_000_000,
    "last_digest_at": None,
    "last_error": "errcode 45009: api freq out of limit",
    "last_error_at": 1_790_000_001_000,
}


@router.get(
    "",
    summary="Channels of notices",
    response_model=NoticeChannels,
    responses=answer("Each channel with its state", {"items": [_CHANNEL]}) | problems(*READ),
)
def channels(parts: Parts, caller: CurrentCaller) -> NoticeChannels:
    """Whether each channel works: last success, last error, what waits, what was given up."""
    _, rules, _ = current_rules(parts)
    summaries = {one.channel: one for one in parts.notice_desk.summary()}
    names = list(dict.fromkeys([*rules.channels, *summaries]))
    times = parts.notice_desk.times(names)
    is_administrator = caller.role.covers(Role.ADMINISTRATOR)
    found = []
    for name in names:
        channel = rules.channels.get(name)
        fault = "" if channel is None else parts.notice_desk.unusable(channel)
        summary = summaries.get(name, _NOTHING)
        when = times.get(name, _NEVER)
        found.append(
            NoticeChannelOut(
                name=name,
                kind=None if channel is None else channel.kind,
                server="" if channel is None else where_of(channel),
                language=None if channel is None else channel.language,
                to_group=channel is None or channel.is_group,
                can_send=channel is not None and not fault,
                fault=(fault or None) if is_administrator else None,
                waiting=summary.waiting,
                oldest_waiting_at=summary.oldest_waiting_at,
                retried=summary.retried,
                sent=summary.sent,
                digested=summary.digested,
                failed=summary.failed,
                unconfirmed=summary.unconfirmed,
                **(when._asdict() | {"last_error": shown_error(when.last_error, caller)}),
            )
        )
    return NoticeChannels(items=found)


@router.post(
    "/{channel}/test",
    summary="Send a test message",
    response_model=ChannelTested,
    dependencies=ADMINISTRATORS,
    responses=answer("What the service answered", {"outcome": "sent", "detail": "errcode 0"})
    | problems(*READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.NOT_FOUND, ProblemKind.TOO_BUSY,
               ProblemKind.TOO_LARGE),
)  # fmt: skip
async def send_test(
    request: Request,
    parts: Parts,
    caller: CurrentCaller,
    channel: Annotated[str, Path(max_length=40, description="Name of a channel")],
    body: ChannelTestBody,
) -> ChannelTested:
    """Send a test message now, and show what the service answered. It names who tests; at most six in a minute.

    An answer 200 says that the attempt was made: `outcome` says what came of it.
    """
    note_target(request, " ".join(filter(None, [body.person, body.reason])))
    by = acting_name(caller, body.actor)
    _, rules, _ = await run_in_threadpool(current_rules, parts)
    if channel not in rules.channels:
        raise not_found("Channel", channel, "`GET /api/v1/notice-channels` lists them")
    if body.person is None and not rules.channels[channel].is_group:
        raise invalid("body.person", "name a person with an address: this channel writes to people")
    if body.person is not None and body.person not in rules.people:
        raise invalid("body.person", "name a person of the notice rules: `GET /api/v1/notice-rules` lists them")
    if body.person is not None and not rules.channels[channel].is_group and not rules.reaches(channel, body.person):
        raise invalid("body.person", "has no address for this channel: name another person")
    try:
        found = await parts.notice_desk.test(rules, channel, body.person, by)
    except TooManyTests as exc:
        detail = f"{exc}: they use up what the services allow. Try again in {exc.wait_s} s."
        raise RequestRefused(ProblemKind.TOO_BUSY, detail, headers={"Retry-After": str(exc.wait_s)}) from exc
    request.state.outcome = str(found.outcome)
    return ChannelTested(outcome=str(found.outcome), detail=found.detail)


_NOTHING: Final = ChannelSummary("", 0, None, 0, 0, 0, 0, 0, None, "")
_NEVER: Final = ChannelTimes(None, None, "", None)
