"""The settings of the HTTP API."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from haulwatch.settings.fields import Group, Token, field
from haulwatch.settings.urls import host_names, http_origins


class ApiSettings(Group):
    """The HTTP API."""

    token: Token | None = field(
        None,
        "API_TOKEN",
        "text, at least 16 characters",
        "Bearer token that may do everything, for all who have it. Absent: changes need an account (`haulwatch user`).",
    )
    read_token: Token | None = field(
        None,
        "API_READ_TOKEN",
        "text, at least 16 characters",
        "Bearer token for reading only. Absent: on this machine itself reading needs no token until there is an "
        "account; from elsewhere it always needs a token or an account.",
    )
    session_h: int = field(
        12,
        "API_SESSION_H",
        "hours",
        "How long a person stays signed in. A shift, with its hand-over.",
        ge=1,
        le=168,
    )
    audit_keep_days: int = field(
        1_096,
        "AUDIT_KEEP_DAYS",
        "days",
        "Age beyond which `haulwatch audit prune` removes entries of the audit trail; nothing else does. Three years, "
        "as long as people ask who closed a case; China's Cybersecurity Law asks for six months at least.",
        ge=180,
        le=36_525,
    )
    host: str = field(
        "127.0.0.1",
        "API_HOST",
        "address",
        "Where the API listens. Loopback, so that no other machine reaches it until you decide so.",
        min_length=1,
    )
    port: int = field(8_080, "API_PORT", "TCP port", "Where the API listens.", ge=1, le=65_535)
    max_connections: int = field(
        512,
        "API_MAX_CONNECTIONS",
        "connections",
        "Open at once, idle ones included. Beyond it those that wait for a request are closed for new ones. Each needs "
        "a file descriptor; 512 fit into the usual 1,024 beside all other files.",
        ge=16,
        le=60_000,
    )
    max_connections_per_address: int = field(
        256,
        "API_MAX_CONNECTIONS_PER_ADDRESS",
        "connections",
        "Likewise from one address: half, so that one machine leaves room for others. Behind a reverse proxy all come "
        "from its address.",
        ge=8,
        le=60_000,
    )
    max_streams: int = field(
        200,
        "API_MAX_STREAMS",
        "streams",
        "Live streams open at once, one for each desk; never more than three quarters of "
        "HAULWATCH_API_MAX_CONNECTIONS, so that requests have the rest. One account has a quarter of them at most.",
        ge=1,
        le=50_000,
    )

    @property
    def streams(self) -> int:
        return min(self.max_streams, self.max_connections * 3 // 4)

    hosts: Annotated[str, AfterValidator(host_names)] = field(
        "",
        "API_HOSTS",
        "names, with spaces between",
        "Host names under which people and machines reach the API. localhost, every IP address and HAULWATCH_API_HOST "
        "always work; other names are refused, since a hostile page could give its name our address (DNS rebinding).",
    )

    origins: Annotated[str, AfterValidator(http_origins)] = field(
        "",
        "API_ORIGINS",
        "http[s]://host[:port], with spaces between",
        "Web pages that may read the API in a browser: Grafana's address, for map layers. Absent: our own only.",
    )
    public_map: Literal["on", "off"] = field(
        "off",
        "API_PUBLIC_MAP",
        "on or off",
        "on: /geo (places, no vehicles) needs no token, because a map layer in Grafana cannot send one in a header.",
    )
    map_token: Token | None = field(
        None,
        "API_MAP_TOKEN",
        "text, at least 16 characters of A-Z a-z 0-9 _ -",
        "Opens /geo (places, no vehicles) and nothing else, as `?token=…` of its address. `haulwatch grafana` writes "
        "it into the map layers of the boards, where all who see a board can read it. Absent: HAULWATCH_API_PUBLIC_MAP "
        "alone counts.",
    )

    @model_validator(mode="after")
    def _map_token(self) -> Self:
        if self.map_token is None:
            return self
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.map_token.get_secret_value()):
            raise ValueError("HAULWATCH_API_MAP_TOKEN stands in addresses: give characters of A-Z a-z 0-9 _ - only")
        if self.map_token in (self.token, self.read_token):
            raise ValueError("HAULWATCH_API_MAP_TOKEN is read by all who see a board: give one that opens nothing else")
        return self

    @model_validator(mode="after")
    def _two_tokens(self) -> Self:
        if self.token is not None and self.token == self.read_token:
            raise ValueError("the reading token equals HAULWATCH_API_TOKEN, so readers could write: use another token")
        return self
