"""The settings of the raw log on Apache Kafka."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, model_validator

from haulwatch.settings.fields import Group, field, readable_file

_SERVER: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_ON_THIS_MACHINE: Final = re.compile(r"127\.[0-9.]+|localhost|\[::1\]")
PLAIN: Final = "kafka"
ENCRYPTED: Final = "kafkas"
SHARED: Final = "shared"


def _kafka_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {PLAIN, ENCRYPTED}:
        raise ValueError(f"must begin with {PLAIN}:// or {ENCRYPTED}://")
    if "@" in parts.netloc:
        raise ValueError("carries a password: put it into HAULWATCH_KAFKA_USER and HAULWATCH_KAFKA_PASSWORD")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("has more than servers: give host:port, several with commas between")
    wrong = [server for server in parts.netloc.split(",") if not _SERVER.fullmatch(server)]
    if wrong:
        raise ValueError(f"{wrong[0] or 'nothing'} is not host:port")
    return url.rstrip("/")


class KafkaSettings(Group):
    """The raw log on Kafka. Without a URL it is in the data directory."""

    url: Annotated[str, AfterValidator(_kafka_url)] | None = field(
        None,
        "KAFKA_URL",
        "kafka[s]://host:port, several with commas between",
        "Keep the raw log on this Apache Kafka (`haulwatch kafka init` creates the topic); kafkas encrypts. Needs the "
        "extra `kafka`. Absent: in the data directory, enough for one machine.",
    )
    prefix: str = field(
        "haulwatch",
        "KAFKA_PREFIX",
        "text, up to 64 of A-Z a-z 0-9 . _ -",
        "Begins the names of topic and groups, so that cities can share a cluster: the topic is <prefix>.raw.",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
    )
    partitions: int = field(
        64,
        "KAFKA_PARTITIONS",
        "partitions",
        "Of the topic, for ever: another number moves devices between partitions, and is refused. As many processes "
        "can share the work; 64 are a province.",
        ge=1,
        le=1_024,
    )
    replicas: int = field(
        3,
        "KAFKA_REPLICAS",
        "brokers",
        "Copies of each message that `haulwatch kafka init` asks for. Of three, one broker may be lost. 1: for one "
        "broker, whose disk is then synced for each append.",
        ge=1,
        le=9,
    )
    judge: Literal["one", "shared"] = field(
        "one",
        "KAFKA_JUDGE",
        "one or shared",
        "one: a single judge reads all partitions, its state in its data directory. shared: any number of judges, each "
        "with a data directory of its own, share the partitions, and another goes on where one ends; their state is on "
        "Kafka. Changing it judges the log again from its start; no alert is raised twice.",
    )
    user: str | None = field(None, "KAFKA_USER", "text", "Sign in to Kafka by SASL. Absent: without.", min_length=1)
    password: SecretStr | None = field(
        None, "KAFKA_PASSWORD", "text", "The password of HAULWATCH_KAFKA_USER.", min_length=1
    )
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = field(
        "SCRAM-SHA-512",
        "KAFKA_MECHANISM",
        "SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN",
        "How the password is shown. SCRAM never sends it; PLAIN does, and so needs kafkas.",
    )
    ca_file: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None,
        "KAFKA_CA_FILE",
        "file in PEM",
        "Certificates that are trusted to vouch for the brokers, in place of the system's.",
    )
    certificate: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None, "KAFKA_CERTIFICATE", "file in PEM", "Our certificate, where the brokers ask for one."
    )
    key: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None, "KAFKA_KEY", "file in PEM", "The private key of HAULWATCH_KAFKA_CERTIFICATE."
    )

    @property
    def servers(self) -> str:
        return urlsplit(self.url or "").netloc

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("HAULWATCH_KAFKA_USER and HAULWATCH_KAFKA_PASSWORD go together: set both or none")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("HAULWATCH_KAFKA_CERTIFICATE and HAULWATCH_KAFKA_KEY go together: set both or none")
        if self.url is None:
            return self
        encrypted = urlsplit(self.url).scheme == ENCRYPTED
        if not encrypted and (self.ca_file or self.certificate):
            raise ValueError("HAULWATCH_KAFKA_URL is not encrypted, and a certificate is set: begin it with kafkas://")
        hosts = [server.rpartition(":")[0] for server in self.servers.split(",")]
        here = all(_ON_THIS_MACHINE.fullmatch(host) for host in hosts)
        if self.user is not None and self.mechanism == "PLAIN" and not encrypted and not here:
            raise ValueError(
                "HAULWATCH_KAFKA_MECHANISM PLAIN would send the password in the clear: begin HAULWATCH_KAFKA_URL with "
                "kafkas://, or use SCRAM-SHA-512"
            )
        return self
