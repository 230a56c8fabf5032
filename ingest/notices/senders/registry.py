"""The sender of each channel, and how fast its service takes messages."""

import ssl
from collections.abc import Callable
from typing import Final

from ingest.notices.channels import (
    AppriseChannel,
    Channel,
    DingTalkChannel,
    FeishuChannel,
    MailChannel,
    WebhookChannel,
    WeComChannel,
)
from ingest.notices.secrets import SecretMissing, Secrets
from ingest.notices.senders.dingtalk import DingTalkSender
from ingest.notices.senders.feishu import FeishuSender
from ingest.notices.senders.mail import MailSender
from ingest.notices.senders.others import AppriseSender, AppriseUnusable
from ingest.notices.senders.port import Sender
from ingest.notices.senders.posting import public_certificates
from ingest.notices.senders.webhook import WebhookSender
from ingest.notices.senders.wecom import WeComSender

PER_MINUTE: Final = {"wecom": 20, "dingtalk": 20, "feishu": 100, "webhook": 600, "mail": 60, "apprise": 20}
"""Messages in any minute. Of WeCom, DingTalk and Feishu these are their own limits; 60 mails a minute are few enough
for a provider that limits users to some hundreds an hour, and for people."""
PER_SECOND: Final = {"feishu": 5}


class ChannelUnusable(Exception):
    """A channel cannot send: a secret or a file is missing. The message says what to do and shows no secret."""


def sender_of(channel: Channel, secrets: Secrets, now: Callable[[], int]) -> Sender:
    """`now`: the wall clock, ms. Raises ChannelUnusable."""
    try:
        match channel:
            case WeComChannel():
                return WeComSender(channel.server, secrets(channel.key))
            case DingTalkChannel():
                return DingTalkSender(channel.server, secrets(channel.access_token), secrets(channel.sign), now)
            case FeishuChannel():
                return FeishuSender(channel.server, secrets(channel.hook), secrets(channel.sign), now)
            case WebhookChannel():
                return WebhookSender(channel.url, secrets(channel.sign), now, _trusted(channel.ca_file))
            case MailChannel():
                password = secrets(channel.password) if channel.password is not None else None
                return MailSender(channel, password, _trusted(channel.ca_file))
            case AppriseChannel():
                return AppriseSender(secrets(channel.url))
    except (SecretMissing, AppriseUnusable) as exc:
        raise ChannelUnusable(str(exc)) from exc


def _trusted(ca_file: str | None) -> ssl.SSLContext:
    """Raises ChannelUnusable."""
    if ca_file is None:
        return public_certificates()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as exc:
        raise ChannelUnusable(f"ca_file: cannot read {ca_file}: {exc.strerror or exc}") from exc
