"""The settings of gateways, through which devices that do not speak MQTT reach the broker."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from haulwatch.settings.fields import Group, Token, field

RUN_ALONG: Final = ("jt808", "sparkplug")
"""Gateways that `haulwatch run` can start: those that need no options."""


def _gateways(names: str) -> str:
    unknown = [name for name in names.split() if name not in RUN_ALONG]
    if unknown:
        raise ValueError(f"no such gateway: {unknown[0]}")
    return names


class GatewaySettings(Group):
    """Gateways."""

    run: Annotated[str, AfterValidator(_gateways)] = field(
        "",
        "GATEWAYS",
        f"names with spaces between: {' '.join(RUN_ALONG)}",
        "Gateways that `haulwatch run` starts beside the path. Absent: none, since each opens a port.",
    )
    jt808_host: str = field(
        "127.0.0.1",
        "JT808_HOST",
        "address",
        "Where terminals of JT/T 808 connect. The protocol has neither encryption nor a secret of the terminal, so "
        "another address than this machine's own is for you to name: 0.0.0.0 behind a private APN or a firewall.",
        min_length=1,
    )
    jt808_port: int = field(
        7611,
        "JT808_PORT",
        "TCP port",
        "JT/T 808 has no port of its own. Above 1023, so that it needs no rights, and no other service's here.",
        ge=1,
        le=65_535,
    )
    jt808_secret: Token | None = field(
        None,
        "JT808_SECRET",
        "text, 16 characters or more",
        "From it the code of each terminal is made; another secret makes all terminals register anew. Absent: made at "
        "the first start and kept in the data directory.",
    )
    jt808_registration: Literal["open", "closed"] = field(
        "open",
        "JT808_REGISTRATION",
        "open or closed",
        "open: every terminal that registers gets a code, and an unknown one waits in quarantine until it is adopted. "
        "closed: only terminals that have their code come in: set it when all are installed.",
    )
    jt808_time: Literal["utc", "china"] = field(
        "utc",
        "JT808_TIME",
        "utc or china",
        "In which time a terminal of 2019 gets the time (0x8004). Implementations differ; china is GMT+8.",
    )
    jt808_connections: int = field(
        12_000,
        "JT808_CONNECTIONS",
        "connections",
        "At once: 10,000 terminals, and those of them that connect again before their former connection is found dead.",
        ge=1,
        le=100_000,
    )
    jt808_idle_s: int = field(
        600,
        "JT808_IDLE_S",
        "seconds",
        "A connection that is silent for so long is closed. Terminals send a heartbeat each one to three minutes; "
        "those that sleep, more seldom.",
        ge=30,
        le=86_400,
    )
    jt808_frames_per_s: float = field(
        20.0,
        "JT808_FRAMES_PER_S",
        "frames per second",
        "Of one terminal, after 200 at once. A terminal that sends more is read more slowly, and loses nothing.",
        gt=0,
        le=10_000,
    )
    sparkplug_host_id: str = field(
        "haulwatch",
        "SPARKPLUG_HOST_ID",
        "text, up to 64 of A-Z a-z 0-9 . _ -",
        "Names the host application: edge nodes may wait for spBv1.0/STATE/<id>. Two hosts at one broker need two.",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
    )
    sparkplug_metrics: str = field(
        "*",
        "SPARKPLUG_METRICS",
        "shell patterns with commas between, such as Line/*,Hopper/Level",
        "Names of the metrics that are passed on. At most 256 of a device: each message carries those that did not "
        "change too. Name those that your profiles read where a controller has hundreds.",
        max_length=4_096,
        min_length=1,
    )
    sparkplug_reorder_s: float = field(
        2.0,
        "SPARKPLUG_REORDER_S",
        "seconds",
        "How long missing messages of an edge node are waited for, before it is asked for a rebirth. A broker reorders "
        "by milliseconds, a bridge by a second.",
        ge=0.1,
        le=60,
    )
