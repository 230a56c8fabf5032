"""Each sender against a server that answers as its service does: what it takes, and every way in which it refuses."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from ingest.notices.channels import AppriseChannel, DingTalkChannel, FeishuChannel, WebhookChannel, WeComChannel
from ingest.notices.model import Contact
from ingest.notices.secrets import secrets_of
from ingest.notices.senders import posting
from ingest.notices.senders.port import Delivery, Message, Outcome
from ingest.notices.senders.registry import ChannelUnusable, sender_of
from tests.ingest.notices.conftest import Tls
from tests.ingest.notices.night import SECRETS, Clock
from tests.ingest.notices.raw_server import answering
from tests.ingest.notices.services import LOST, DingTalk, Feishu, Program, Service, WeCom
from tests.servers import free_port

LI = Contact(name="李明", mobile="13800000000", feishu="ou_1")
WANG = Contact(name="Wang", wecom="wang")
MESSAGE = Message("id-1", '【P1】倾倒 <at user_id="all">', "第一行\n第二行", (LI, WANG), {"alert": {"x": 1}}, "a")
Serve = Callable[[type[Service]], Any]


def channel_of(service: Service) -> Any:
    match service:
        case WeCom():
            return WeComChannel(kind="wecom", key="WECOM", server=service.url)
        case DingTalk():
            return DingTalkChannel(kind="dingtalk", access_token="DING", sign="DING_SIGN", server=service.url)
        case Feishu():
            return FeishuChannel(kind="feishu", hook="FEISHU", sign="FEISHU_SIGN", server=service.url)
        case _:
            return WebhookChannel(kind="webhook", url=f"{service.url}/haulwatch", sign="HOOK")


async def send(
    service: Service, clock: Clock, message: Message = MESSAGE, secrets: dict[str, str] | None = None
) -> Delivery:
    sender = sender_of(channel_of(service), secrets_of(SECRETS if secrets is None else secrets), clock)
    return await sender.send(message)


KINDS: list[type[Service]] = [WeCom, DingTalk, Feishu, Program]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_is_taken(kind: type[Service], serve: Serve, clock: Clock) -> None:
    service = serve(kind)
    assert (await send(service, clock)).outcome is Outcome.SENT
    assert len(service.taken) == 1


async def test_people_are_mentioned_as_each_service_has_it(serve: Serve, clock: Clock) -> None:
    wecom, ding, feishu, program = (serve(kind) for kind in KINDS)
    for service in (wecom, ding, feishu, program):
        await send(service, clock)
    text = wecom.taken[0].json["text"]
    assert (text["mentioned_list"], text["mentioned_mobile_list"]) == (["wang"], ["13800000000"])
    assert ding.taken[0].json["at"]["atMobiles"] == ["13800000000"]
    assert ding.taken[0].json["text"]["content"].endswith("@13800000000")
    assert feishu.taken[0].json["content"]["text"].endswith('<at user_id="ou_1">李明</at>')
    assert program.taken[0].json["people"] == ["李明", "Wang"]


async def test_text_of_others_mentions_nobody(serve: Serve, clock: Clock) -> None:
    feishu = serve(Feishu)
    await send(feishu, clock, MESSAGE._replace(people=()))
    assert "<" not in feishu.taken[0].json["content"]["text"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_long_text_is_cut_where_the_service_would_refuse_it(
    kind: type[Service], serve: Serve, clock: Clock
) -> None:
    service = serve(kind)
    delivery = await send(service, clock, MESSAGE._replace(body="倾倒\n" * 20_000))
    assert delivery.outcome is Outcome.SENT
    service.taken[0].raw.decode()  # no character is cut in two


REFUSALS: list[tuple[type[Service], tuple[int, object], Outcome]] = [
    (WeCom, (200, {"errcode": 93000, "errmsg": "invalid webhook url"}), Outcome.REFUSED),
    (WeCom, (200, {"errcode": 45009, "errmsg": "api freq out of limit"}), Outcome.THROTTLED),
    (WeCom, (200, {"errcode": 40058, "errmsg": "exceed max length"}), Outcome.REFUSED),
    (DingTalk, (200, {"errcode": 130101, "errmsg": "send too fast"}), Outcome.THROTTLED),
    (DingTalk, (200, {"errcode": 410100, "errmsg": "发送速度太快而限流"}), Outcome.THROTTLED),
    (Feishu, (200, {"code": 9499, "msg": "Bad Request"}), Outcome.REFUSED),
    (Feishu, (200, {"code": 9499, "msg": "too many request"}), Outcome.THROTTLED),
    (DingTalk, (200, {"errcode": 310000, "errmsg": "sign not match"}), Outcome.REFUSED),
    (Feishu, (200, {"code": 11232, "msg": "frequency limited"}), Outcome.THROTTLED),
    (Feishu, (200, {"code": 19021, "msg": "sign match fail"}), Outcome.REFUSED),
    (Feishu, (200, {"code": 19024, "msg": "Key Words Not Found"}), Outcome.REFUSED),
    *((kind, (200, b"<html>welcome</html>"), Outcome.UNCONFIRMED) for kind in (WeCom, DingTalk, Feishu)),
    *((kind, (200, {"errcode": "0", "code": True}), Outcome.UNCONFIRMED) for kind in (WeCom, DingTalk, Feishu)),
    *((kind, (429, {}), Outcome.THROTTLED) for kind in KINDS),
    *((kind, (503, {}), Outcome.THROTTLED) for kind in KINDS),
    *((kind, (502, {}), Outcome.UNCONFIRMED) for kind in KINDS),
    *((kind, (404, {}), Outcome.REFUSED) for kind in KINDS),
    *((kind, (302, {}), Outcome.REFUSED) for kind in KINDS),
    *((kind, LOST, Outcome.UNCONFIRMED) for kind in KINDS),
]


@pytest.mark.parametrize(("kind", "answer", "outcome"), REFUSALS)
async def test_an_answer_is_judged_by_what_it_says(
    kind: type[Service], answer: tuple[int, object], outcome: Outcome, serve: Serve, clock: Clock
) -> None:
    service = serve(kind)
    service.script = [answer]
    assert (await send(service, clock)).outcome is outcome
    assert len(service.requests) == 1  # a sender never tries twice


KEYS: list[tuple[type[Service], str]] = [
    (WeCom, "WECOM"),
    (DingTalk, "DING_SIGN"),
    (DingTalk, "DING"),
    (Feishu, "FEISHU_SIGN"),
    (Feishu, "FEISHU"),
    (Program, "HOOK"),
]


@pytest.mark.parametrize(("kind", "name"), KEYS)
async def test_a_wrong_secret_is_refused_and_never_shown(
    kind: type[Service], name: str, serve: Serve, clock: Clock
) -> None:
    service = serve(kind)
    delivery = await send(service, clock, secrets=SECRETS | {f"HAULWATCH_SECRET_{name}": "wrong-secret"})
    assert delivery.outcome is Outcome.REFUSED
    assert delivery.detail
    assert "wrong-secret" not in delivery.detail
    assert service.taken == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_is_not_there_has_nothing(kind: type[Service], clock: Clock) -> None:
    service = kind(clock)
    service.url = f"http://127.0.0.1:{free_port()}"
    delivery = await send(service, clock)
    assert delivery.outcome is Outcome.NOT_SENT
    assert not any(secret in delivery.detail for secret in SECRETS.values())


async def test_a_webhook_has_the_same_id_and_a_new_time_at_each_attempt(serve: Serve, clock: Clock) -> None:
    program = serve(Program)
    await send(program, clock)
    clock.now += 3_600_000
    await send(program, clock)
    assert program.ids == ["id-1"]
    assert len(program.taken) == 2
    assert json.loads(program.taken[0].raw)["alert"] == {"x": 1}


def test_a_missing_secret_names_its_variable(clock: Clock) -> None:
    channel = WeComChannel(kind="wecom", key="WECOM")
    with pytest.raises(ChannelUnusable, match="HAULWATCH_SECRET_WECOM is not set"):
        sender_of(channel, secrets_of({}), clock)


def test_a_secret_comes_from_a_file(tmp_path: Any) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    found = secrets_of({"HAULWATCH_SECRET_KEY_FILE": str(tmp_path / "key")})("KEY")
    assert found == SecretStr("from-a-file")
    assert "from-a-file" not in repr(found)


OF_ITS_PLUGINS = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""Apprise loads a hundred plugins, some of which import what Python will drop."""


def apprise_channel(url: str, clock: Clock) -> Any:
    return sender_of(AppriseChannel(kind="apprise", url="ANY"), secrets_of({"HAULWATCH_SECRET_ANY": url}), clock)


@OF_ITS_PLUGINS
async def test_apprise_reaches_the_long_tail(serve: Serve, clock: Clock) -> None:
    program = serve(Program)
    program.script = [(200, {"code": 0}), (500, {})]
    sender = apprise_channel(program.url.replace("http://", "json://"), clock)
    assert (await sender.send(MESSAGE)).outcome is Outcome.SENT
    assert (await sender.send(MESSAGE)).outcome is Outcome.REFUSED
    assert program.requests[0].json["message"].startswith("第一行")


@OF_ITS_PLUGINS
async def test_what_a_device_sends_is_no_markup_in_apprise(serve: Serve, clock: Clock) -> None:
    program = serve(Program)
    program.script = [(200, {"code": 0})]
    sender = apprise_channel(program.url.replace("http://", "json://") + "?format=html", clock)
    await sender.send(MESSAGE._replace(body="plate <a href='//evil.example'>A1</a>"))
    assert "<a " not in program.requests[0].json["message"]
    assert "&lt;a" in program.requests[0].json["message"]


@OF_ITS_PLUGINS
@pytest.mark.parametrize("url", ["wecombot://key", "dingtalk://secret@token/", "feishu://token", "lark://token"])
def test_apprise_is_refused_where_it_would_take_a_refusal_for_a_success(url: str, clock: Clock) -> None:
    with pytest.raises(ChannelUnusable, match="write `kind: ") as refused:
        apprise_channel(url, clock)
    assert "token" not in str(refused.value)


@OF_ITS_PLUGINS
def test_apprise_names_an_address_that_it_does_not_know(clock: Clock) -> None:
    with pytest.raises(ChannelUnusable, match="does not know this address"):
        apprise_channel("nosuchservice://secret", clock)


async def test_an_answer_that_drips_is_not_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TOTAL_S", 0.2)
    ended = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not ended.is_set():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with answering(drip) as port:
        service = Program(clock)
        service.url = f"http://127.0.0.1:{port}"
        assert (await send(service, clock)).outcome is Outcome.UNCONFIRMED
        ended.set()


async def test_a_certificate_is_checked(tls: Tls, clock: Clock) -> None:
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    outcomes = []
    async with answering(answer, tls.server) as port:
        for ca_file in (None, str(tls.ca_file)):
            channel = WebhookChannel(kind="webhook", url=f"https://localhost:{port}/", sign="HOOK", ca_file=ca_file)
            outcomes.append((await sender_of(channel, secrets_of(SECRETS), clock).send(MESSAGE)).outcome)
    assert outcomes == [Outcome.NOT_SENT, Outcome.SENT]
    assert len(got) == 1
