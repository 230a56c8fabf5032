"""The settings of a city's own sign-on, by OpenID Connect."""

from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, model_validator

from devices.sign_on.addresses import is_protected
from haulwatch.settings.fields import Group, field, readable_file

_NEEDED: Final = {"client_id": "CLIENT_ID", "url": "URL", "mapping": "MAPPING"}


def _issuer(url: str) -> str:
    parts = urlsplit(url)
    if not is_protected(url) or parts.username or parts.query or parts.fragment:
        raise ValueError("is not https://host[:port][/path] without a query (http on this machine only)")
    return url


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if not is_protected(url) or url.rstrip("/") != f"{parts.scheme}://{parts.netloc}" or parts.username:
        raise ValueError("is not https://host[:port] (http on this machine only)")
    return url.rstrip("/")


class SignOnSettings(Group):
    """An identity provider of the city."""

    issuer: Annotated[str, AfterValidator(_issuer)] | None = field(
        None,
        "OIDC_ISSUER",
        "https://host[:port][/path]",
        "The identity provider, exactly as its discovery document names itself. Absent: people sign in with accounts "
        "of Haulwatch only, which work beside a provider too.",
    )
    client_id: str | None = field(
        None, "OIDC_CLIENT_ID", "text", "The name of this server at the provider.", min_length=1, max_length=255
    )
    client_secret: SecretStr | None = field(
        None,
        "OIDC_CLIENT_SECRET",
        "text",
        "What the provider gave with it. Absent: a public client, which PKCE alone protects.",
        min_length=1,
    )
    scopes: str = field(
        "openid profile",
        "OIDC_SCOPES",
        "words, with spaces between",
        "What is asked for; many providers give groups for one more, such as groups.",
        pattern=r"^openid( [!#-\[\]-~]+)*$",
    )
    url: Annotated[str, AfterValidator(_origin)] | None = field(
        None,
        "OIDC_URL",
        "https://host[:port]",
        "The address at which people open the console. Register this address with /api/v1/sign-on/callback at the "
        "provider as redirect URI, and with / as post-logout redirect URI.",
    )
    mapping: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None,
        "OIDC_MAPPING",
        "YAML file",
        "Which groups get which role and what they see (docs/people.md). Who is in none of them gets no account.",
    )
    ca_file: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None,
        "OIDC_CA_FILE",
        "file in PEM",
        "Certificates that are trusted to vouch for the provider, in place of the system's.",
    )
    title: str | None = field(
        None,
        "OIDC_TITLE",
        "text, up to 64 characters",
        'What the button says, in the city\'s language. Absent: "City sign-on" or 统一身份认证.',
        min_length=1,
        max_length=64,
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        missing = [f"HAULWATCH_OIDC_{variable}" for name, variable in _NEEDED.items() if getattr(self, name) is None]
        if self.issuer is not None and missing:
            raise ValueError(f"HAULWATCH_OIDC_ISSUER is set: set {', '.join(missing)} too")
        return self
