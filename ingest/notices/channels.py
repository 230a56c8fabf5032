"""Channels of notices: which service, and what it needs to be reached."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

Language = Literal["en", "zh"]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
"""Of a channel, a person, a table or a rule; the outbox keeps it."""
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
"""Names a secret, which stands in the environment or in a file (`ingest.notices.secrets`)."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1", "[::1]")


class Part(BaseModel):
    """A part of the notice rules; an unknown key is a typing error and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Unconfirmed(StrEnum):
    """What becomes of a notice whose answer did not arrive, where the service cannot tell a repeat from a new one."""

    REPEAT = "repeat"
    """Send it again, marked as a repeat with its number: somebody may see it twice, nobody is forgotten."""
    HOLD = "hold"
    """Do not: it stays unconfirmed, where an operator sees it."""


class AnyChannel(Part):
    language: Language | None = None
    """Of its texts; None: the person's, else the file's."""
    per_minute: Annotated[int, Field(ge=2, le=6_000)] | None = None
    """Messages in any minute at most; None: as many as the service allows."""

    @property
    def is_group(self) -> bool:
        """True where one message reaches a group, in which people are mentioned."""
        return True


class _Bot(AnyChannel):
    unconfirmed: Unconfirmed = Unconfirmed.REPEAT

    @field_validator("server", check_fields=False)
    @classmethod
    def _server(cls, url: str) -> str:
        return secure_url(url)


class WeComChannel(_Bot):
    """A group robot of WeCom 企业微信."""

    kind: Literal["wecom"]
    key: SecretName
    """Secret: the `key` of the robot's webhook address."""
    server: str = "https://qyapi.weixin.qq.com"


class DingTalkChannel(_Bot):
    """A custom robot of DingTalk 钉钉, with the security setting "sign" (加签)."""

    kind: Literal["dingtalk"]
    access_token: SecretName
    sign: SecretName
    server: str = "https://oapi.dingtalk.com"


class FeishuChannel(_Bot):
    """A custom bot of Feishu 飞书 (or Lark), with signature check (签名校验)."""

    kind: Literal["feishu"]
    hook: SecretName
    """Secret: the last part of the webhook address."""
    sign: SecretName
    server: str = "https://open.feishu.cn"


class WebhookChannel(AnyChannel):
    """A program of the city, which gets JSON that is signed."""

    kind: Literal["webhook"]
    url: str
    sign: SecretName
    ca_file: str | None = None
    """Certificates that are trusted in place of the system's."""

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        return secure_url(url)


class MailChannel(AnyChannel):
    """Mail by SMTP; each person gets one of their own."""

    kind: Literal["mail"]
    host: str
    port: Annotated[int, Field(ge=1, le=65_535)]
    security: Literal["tls", "starttls", "none"]
    sender: Annotated[str, StringConstraints(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]
    user: str | None = None
    password: SecretName | None = None
    ca_file: str | None = None

    @property
    def is_group(self) -> bool:
        return False

    @field_validator("security")
    @classmethod
    def _encrypted(cls, security: str, info: ValidationInfo) -> str:
        if security == "none" and info.data.get("host") not in _LOOPBACK:
            raise ValueError("none is for a server on this machine only: write tls or starttls")
        return security


class AppriseChannel(AnyChannel):
    """Any other service, by Apprise."""

    kind: Literal["apprise"]
    url: SecretName
    """Secret: an address of Apprise, such as `pover://…`."""


Channel = Annotated[
    WeComChannel | DingTalkChannel | FeishuChannel | WebhookChannel | MailChannel | AppriseChannel,
    Field(discriminator="kind"),
]
CHANNEL_KINDS: Final[Mapping[str, type[AnyChannel]]] = {
    "wecom": WeComChannel,
    "dingtalk": DingTalkChannel,
    "feishu": FeishuChannel,
    "webhook": WebhookChannel,
    "mail": MailChannel,
    "apprise": AppriseChannel,
}


def secure_url(url: str) -> str:
    """Check the address of a service. Raises ValueError."""
    scheme, found, rest = url.partition("://")
    host = rest.partition("/")[0]
    if not found or "@" in host or not host or any(character.isspace() for character in url):
        raise ValueError("is no address: write https://host[:port][/path], without a login in it")
    bare = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
    if scheme == "https" or (scheme == "http" and bare in _LOOPBACK):
        return url.rstrip("/")
    raise ValueError("is not encrypted: write https://…; http is for a server on this machine only")
