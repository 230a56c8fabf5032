"""A yard as a city runs it: the deployed configuration of the broker, TLS, a login for each process, and PostgreSQL."""

import random
from pathlib import Path
from typing import Final

import httpx

from tests.chaos.yard import Broker, Servers, Yard
from tests.installation import Running
from tests.servers import HTTP, free_port
from tests.servers.deployed_broker import DeployedBroker
from tests.servers.postgres import Postgres

_GATEWAY: Final = "chaos"
_LOGINS: Final = {"collect": "haulwatch-collector", "judge": "haulwatch-alerts", "serve": "haulwatch-commander"}
"""Users at the broker. The recorder speaks to no broker."""


class DeployedYard(Yard):
    """Its processes connect with TLS, as where the broker is on another machine; devices come over one gateway at the
    inner listener. (The outer one takes the user name for the client id, and the API has two connections.)
    """

    def __init__(self, folder: Path, servers: Servers, dice: random.Random) -> None:
        """Starts PostgreSQL, since the city is imported into it."""
        self.postgres = Postgres()
        self.postgres.start()
        try:
            super().__init__(folder, servers, dice)
        except BaseException:
            self.postgres.close()
            raise

    def make_broker(self, folder: Path) -> Broker:
        (folder / "broker").mkdir()
        self.deployed = DeployedBroker(folder / "broker")
        self.deployed.add_gateway(_GATEWAY)
        self._tls_port, access = free_port(), self.deployed.access
        with self.deployed.config.open("a") as config:
            config.write(f"listener {self._tls_port} 127.0.0.1\n")
            config.write(f"certfile {access}/server.crt\nkeyfile {access}/server.key\n")
        return self.deployed

    def variables(self) -> dict[str, str]:
        authorities = str(self.deployed.access / "ca.crt")
        return {"HAULWATCH_DATABASE_URL": self.postgres.new_database(), "SSL_CERT_FILE": authorities}

    def login(self) -> tuple[str, str] | None:
        return _GATEWAY, self.deployed.passwords[_GATEWAY]

    def start(self, *arguments: str, name: str = "") -> Running:
        common, user = self.environment, _LOGINS.get(arguments[0])
        if user is not None:
            address = f"{user}:{self.deployed.passwords[user]}@127.0.0.1:{self._tls_port}"
            self.environment = {**common, "HAULWATCH_MQTT_URL": f"mqtts://{address}"}
        try:
            return super().start(*arguments, name=name)
        finally:
            self.environment = common

    def close(self) -> None:
        super().close()
        self.postgres.close()

    def state(self, check: str) -> tuple[str, str]:
        """State and detail of one check of /readyz; empty while the API does not answer."""
        try:
            answer = HTTP.get(f"http://127.0.0.1:{self.api_port}/readyz").json()
        except httpx.TransportError:
            return "", ""
        return next(
            ((found["state"], found["detail"]) for found in answer["checks"] if found["name"] == check), ("", "")
        )
