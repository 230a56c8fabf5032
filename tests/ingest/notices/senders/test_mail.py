"""Mail, against a real SMTP server (aiosmtpd) with TLS and logins, and one that ends the connection at any point."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as ReceivedMail
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

from ingest.notices.channels import MailChannel
from ingest.notices.model import Contact
from ingest.notices.secrets import secrets_of
from ingest.notices.senders import mail as mail_sender
from ingest.notices.senders.port import Delivery, Message, Outcome
from ingest.notices.senders.registry import sender_of
from tests.ingest.notices.conftest import MakeNight, Tls
from tests.ingest.notices.night import SECRETS, Clock
from tests.ingest.notices.raw_server import answering
from tests.servers import free_port
from tests.waiting import PATIENCE_S

LI = Contact(name="李明", mail="li@example.com")
MESSAGE = Message("0123abcd", "【P1】倾倒", "第一行\n第二行", (LI,), None, "alert-a")


class Mailbox:
    """The handler of the server: keeps what it takes, unless it is told to refuse."""

    def __init__(self) -> None:
        self.mails: list[ReceivedMail] = []
        self.refuse_recipient = self.refuse_data = ""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for it
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _o: Any
    ) -> str:
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuse_data:
            return self.refuse_data
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


def check_login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, found: Any) -> AuthResult:
    success = (found.login, found.password) == (b"haulwatch", b"mail-password")
    return AuthResult(success=success, handled=False)


@contextmanager
def mail_server(mailbox: Mailbox, tls: Tls, security: str) -> Iterator[int]:
    """The port of a server that takes mail of people who are signed in."""
    port = free_port()
    options: dict[str, Any] = {"authenticator": check_login, "auth_required": True}
    if security == "tls":
        options |= {"ssl_context": tls.server, "auth_require_tls": False, "auth_required": False}
    elif security == "starttls":
        options |= {"tls_context": tls.server, "require_starttls": True}
    else:
        options = {}
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE_S, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def channel(port: int, tls: Tls | None, security: str, password: str = "MAIL") -> MailChannel:
    given: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": security}
    if security != "none":
        given |= {"user": "haulwatch", "password": password}
    ca_file = None if tls is None else str(tls.ca_file)
    return MailChannel(kind="mail", sender="haulwatch@example.org", ca_file=ca_file, **given)


async def send(found: MailChannel, clock: Clock, message: Message = MESSAGE) -> Delivery:
    return await sender_of(found, secrets_of(SECRETS), clock).send(message)


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
async def test_a_mail_arrives(security: str, tls: Tls, clock: Clock) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox, tls, security) as port:
        assert (await send(channel(port, tls, security), clock)).outcome is Outcome.SENT
    [mail] = mailbox.mails
    assert str(make_header(decode_header(mail["Subject"]))) == "【P1】倾倒"
    assert str(make_header(decode_header(mail["To"]))) == "李明 <li@example.com>"
    assert mail["Message-ID"] == "<0123abcd.haulwatch@example.org>"
    assert mail["References"] == "<alert-a.haulwatch@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().splitlines() == ["第一行", "第二行"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_server_with_a_certificate_of_nobody_gets_neither_password_nor_mail(
    security: str, tls: Tls, clock: Clock
) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox, tls, security) as port:
        delivery = await send(channel(port, None, security), clock)
    assert delivery.outcome is Outcome.NOT_SENT
    assert "CERTIFICATE_VERIFY_FAILED" in delivery.detail
    assert mailbox.mails == []


async def test_a_wrong_password_is_shown_without_it(tls: Tls, clock: Clock) -> None:
    with mail_server(Mailbox(), tls, "tls") as port:
        delivery = await send(channel(port, tls, "tls", password="HOOK"), clock)
    assert delivery.outcome is Outcome.NOT_SENT
    assert "535" in delivery.detail
    assert SECRETS["HAULWATCH_SECRET_HOOK"] not in delivery.detail


@pytest.mark.parametrize(
    ("reply", "outcome"), [("550 no such user", Outcome.REFUSED), ("450 greylisted", Outcome.THROTTLED)]
)
@pytest.mark.parametrize("where", ["refuse_recipient", "refuse_data"])
async def test_a_refusal_of_recipient_or_message(
    where: str, reply: str, outcome: Outcome, tls: Tls, clock: Clock
) -> None:
    mailbox = Mailbox()
    setattr(mailbox, where, reply)
    with mail_server(mailbox, tls, "none") as port:
        delivery = await send(channel(port, tls, "none"), clock)
    assert (delivery.outcome, delivery.detail) == (outcome, f"SMTP {reply}")
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("ends_at", "outcome"),
    [
        (b"EHLO", Outcome.NOT_SENT),
        (b"MAIL", Outcome.NOT_SENT),
        (b"RCPT", Outcome.NOT_SENT),
        (b".\r\n", Outcome.UNCONFIRMED),
    ],
)
async def test_a_connection_that_ends(ends_at: bytes, outcome: Outcome, tls: Tls, clock: Clock) -> None:
    """A server that speaks SMTP until a line and then ends the connection: after the last one it may have the mail."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        in_data = False
        while line := (await reader.readline()).upper():
            if line.startswith(ends_at) and (in_data or ends_at != b".\r\n"):
                break
            if not in_data:
                writer.write(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 OK\r\n")
            in_data = in_data or line.startswith(b"DATA")

    async with answering(speak) as port:
        delivery = await send(channel(port, tls, "none"), clock)
    assert delivery.outcome is outcome


async def test_a_line_break_in_a_title_adds_no_header(tls: Tls, clock: Clock) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox, tls, "none") as port:
        await send(channel(port, tls, "none"), clock, MESSAGE._replace(subject="a\r\nBcc: all@example.com"))
    [mail] = mailbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "a Bcc: all@example.com"


async def test_each_person_gets_a_mail_in_their_language_and_its_amendment(
    tls: Tls, clock: Clock, make_night: MakeNight
) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox, tls, "none") as port:
        night = make_night(f"""
people:
  li: {{name: 李明, mail: li@example.com}}
  wang: {{name: Wang, mail: wang@example.com, language: en}}
channels: {{post: {{kind: mail, host: 127.0.0.1, port: {port}, security: none, sender: haulwatch@example.org}}}}
rules: [{{name: all, steps: [{{by: [post], tell: {{people: [li, wang]}}}}]}}]
""")
        mailbox.refuse_data = "451 later"
        night.alert()
        await night.pass_on()
        mailbox.refuse_data = ""
        await night.pass_minutes(10)
    subjects = {
        mail["To"].partition("<")[2]: str(make_header(decode_header(mail["Subject"]))) for mail in mailbox.mails
    }
    assert subjects == {"li@example.com>": "【P1】倾倒 a", "wang@example.com>": "[P1] Dumping a"}
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == len(mailbox.mails) == 2
    assert len({mail["References"] for mail in mailbox.mails}) == 1


async def test_a_mail_server_that_drips_is_not_waited_for(
    tls: Tls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_sender, "TOTAL_S", 0.2)
    ended = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not ended.is_set():
            writer.write(b"220-wait\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with answering(drip) as port:
        try:
            delivery = await send(channel(port, tls, "none"), clock)
        finally:
            ended.set()
    assert delivery.outcome is Outcome.UNCONFIRMED
