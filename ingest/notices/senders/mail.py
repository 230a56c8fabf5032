"""Mail by SMTP (RFC 5321), each person a message of their own. Here smtplib is translated.

The certificate is verified. Message-ID is the same at each attempt: servers and programs that look for repeats
(Exchange, Dovecot's `duplicate`, Gmail) show one of them. SMTP itself cannot say whether a message that was sent
without an answer was taken (RFC 1047).
"""

import asyncio
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from pydantic import SecretStr

from ingest.notices.channels import MailChannel
from ingest.notices.model import Contact
from ingest.notices.senders.port import Delivery, Message, Outcome, one_line

TIMEOUT_S: Final = 20.0
"""For each reply of the server."""
TOTAL_S: Final = 60.0
"""For all of it: a server may take its time at each of a dozen replies."""


class MailSender:
    """Implements `Sender`."""

    knows_repeats, acts_once = True, False

    def __init__(self, channel: MailChannel, password: SecretStr | None, context: ssl.SSLContext) -> None:
        self._channel, self._password, self._context = channel, password, context

    async def send(self, message: Message) -> Delivery:
        """A message to the one person in `people`."""
        person = message.people[0] if message.people else None
        if person is None or person.mail is None:
            return Delivery(Outcome.REFUSED, "the person has no mail address in the notice rules any more")
        mail = mail_of(message, person, self._channel.sender)
        try:
            async with asyncio.timeout(TOTAL_S):
                return await asyncio.to_thread(self._send, mail, person.mail)
        except TimeoutError:
            return Delivery(Outcome.UNCONFIRMED, f"did not answer within {TOTAL_S:.0f} s")

    def _send(self, mail: EmailMessage, to: str) -> Delivery:
        try:
            server = self._connect()
        except smtplib.SMTPAuthenticationError as exc:
            return Delivery(
                Outcome.NOT_SENT, f"the mail server refuses the login: {_reply(exc.smtp_code, exc.smtp_error)}"
            )
        except (smtplib.SMTPException, OSError) as exc:
            return Delivery(Outcome.NOT_SENT, f"cannot be reached: {one_line(exc)}")
        try:
            return self._hand_over(server, mail, to)
        finally:
            server.close()

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage, to: str) -> Delivery:
        """One mail over an open connection."""
        try:
            for code, reply in (server.mail(self._channel.sender), server.rcpt(to)):
                if code not in {250, 251}:
                    return _refused(code, reply)
        except (smtplib.SMTPException, OSError) as exc:
            return Delivery(Outcome.NOT_SENT, f"the connection broke before the message: {one_line(exc)}")
        try:
            code, reply = server.data(mail.as_bytes(policy=SMTP))
        except smtplib.SMTPDataError as exc:
            return _refused(exc.smtp_code, exc.smtp_error)
        except (smtplib.SMTPException, OSError) as exc:
            return Delivery(Outcome.UNCONFIRMED, f"the connection broke before an answer: {one_line(exc)}")
        return Delivery(Outcome.SENT, _reply(code, reply)) if code == 250 else _refused(code, reply)

    def _connect(self) -> smtplib.SMTP:
        """Raises SMTPException, OSError (a wrong certificate, too)."""
        channel = self._channel
        server: smtplib.SMTP
        if channel.security == "tls":
            server = smtplib.SMTP_SSL(channel.host, channel.port, timeout=TIMEOUT_S, context=self._context)
        else:
            server = smtplib.SMTP(channel.host, channel.port, timeout=TIMEOUT_S)
        try:
            if channel.security == "starttls":
                server.starttls(context=self._context)
            if channel.user is not None and self._password is not None:
                server.login(channel.user, self._password.get_secret_value())
            else:
                server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server


def mail_of(message: Message, person: Contact, sender: str) -> EmailMessage:
    """The mail, with headers by which programs know a repeat and keep what belongs together (RFC 5322, RFC 3834)."""
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = f"<{message.id}.haulwatch@{domain}>"
    if message.thread:
        mail["References"] = f"<{message.thread}.haulwatch@{domain}>"
    mail["Date"] = formatdate(localtime=False)
    mail["From"] = Address("Haulwatch", addr_spec=sender)
    mail["To"] = Address(person.name, addr_spec=person.mail or "")
    mail["Subject"] = " ".join(message.subject.split())
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    return mail


def _refused(code: int, reply: bytes | str) -> Delivery:
    """421: the server closes; 450, 451, 452: later (greylisting, too many)."""
    outcome = Outcome.THROTTLED if code in {421, 450, 451, 452} else Outcome.REFUSED
    return Delivery(outcome, _reply(code, reply), 60.0 if outcome is Outcome.THROTTLED else None)


def _reply(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return f"SMTP {code} {one_line(text)}"
