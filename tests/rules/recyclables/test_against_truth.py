"""A simulated day of deposits, late and sent twice: sums and accounts equal the simulator's truth to the gram."""

from dataclasses import replace

from devices.city.model import City
from devices.codecs.topics import device_of_deposit_topic
from devices.db.database import open_database
from rules.recyclables import tables
from rules.recyclables.model import By, DepositFilter, IdKind
from rules.recyclables.pseudonyms import PseudonymKey
from rules.recyclables.reading import read_message
from rules.recyclables.store import DepositStore
from rules.recyclables.tariff import Tariffs
from simulators.sites.depositors import Depositors, Sending
from tests.rules.town import town

START = 1_772_294_400_000  # 2026-03-01 00:00 in the city
POINTS = ["P01", "P02", "P03"]
RATES = {"paper": 80, "plastic": 120, "metal": 150}


def city_of_points() -> City:
    """Each point on a site of its own."""
    city = town()
    site = city.sites["point"]
    sites = {f"at-{one}": replace(site, id=f"at-{one}") for one in POINTS}
    devices = {one: replace(city.devices[one], site_id=f"at-{one}") for one in POINTS}
    return replace(city, sites={**city.sites, **sites}, devices={**city.devices, **devices})


def test_sums_and_accounts_equal_the_truth() -> None:
    engine = open_database("sqlite://")
    tables.metadata.create_all(engine)
    key, city = PseudonymKey.new(), city_of_points()
    tariffs = Tariffs.model_validate({"tariffs": [{"name": "t", "unit": "points", "per_kg": RATES}]})
    store = DepositStore(engine, lambda: city, tariffs, lambda: key)
    households = Depositors(POINTS, 12, seed=7)
    for message in households.day(START, 60, Sending(late=0.1, twice=0.2)):
        point = device_of_deposit_topic(message.topic)
        assert not store.take(point, read_message(message.payload), message.at).refused
    truth = households.truth
    lines = store.sums(DepositFilter("2026-03-01", "2026-03-01"), (By.SITE, By.MATERIAL))
    assert {(one.site, one.material): one.weight_kg for one in lines} == {
        (f"at-{point}", material): grams / 1000 for (point, material), grams in truth.grams.items()
    }
    assert sum(one.deposits for one in lines) == truth.deposits == 60
    points = sum(credit.amount for one in lines for credit in one.credits)
    exact = sum(grams * RATES.get(material, 0) for (_, material), grams in truth.grams.items()) / 1000
    assert abs(points - exact) <= 60 * 0.005
    for kind, of_each in ((IdKind.CARD, truth.of_card), (IdKind.CODE, truth.of_code)):
        for said, grams in of_each.items():
            number = store.find(kind, said)
            assert number is not None
            assert store.account(number).weight_kg == grams / 1000
    assert len(store.accounts(limit=1_000).items) == len(truth.of_card) + len(truth.of_code)
    engine.dispose()
