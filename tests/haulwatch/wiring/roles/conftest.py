"""A PostgreSQL whose processes have roles of their own."""

import pytest

from devices.access.logins import Logins
from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.db.registry import Registry
from haulwatch import migrations
from haulwatch.wiring.database_roles import grant
from tests.haulwatch.wiring.roles.as_process import PROCESSES, of_role


@pytest.fixture
def url(postgres_url: str) -> str:
    """A database with a city, a login and the three roles, as its owner."""
    migrations.upgrade(postgres_url)
    registry, logins = Registry(postgres_url), Logins(postgres_url)
    registry.import_city(read_city(JINCHENG))
    registry.close()
    logins.close()
    for _ in range(2):  # a second run changes nothing
        granted = grant(postgres_url, {process: of_role(postgres_url, process) for process in PROCESSES})
    assert granted == {process: f"haulwatch_{process}" for process in PROCESSES}
    return postgres_url
