"""`haulwatch deposits`: key, sums, accounts by a card that is piped in, and their end."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from haulwatch.cli import command_line
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import deposit_key_path
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.desk.recyclables import open_deposits, open_materials, pseudonym_key
from rules.recyclables.reading import read_message

CARD = "3501020304"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("HAULWATCH_DATA_DIR", str(tmp_path / "data"))
    app = command_line(["city", "deposits", "audit"])

    def invoke(*arguments: str, said: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=said)

    assert invoke("city", "import", "jincheng").exit_code == 0
    return invoke


def take(number: str, kg: float = 2.0) -> int:
    """Returns how many ids were dropped."""
    settings = load_settings()
    with open_registry(settings) as registry:
        city = registry.load_city()
    point = next(one.id for one in city.devices.values() if one.role == "recycling_point")
    said = {"number": number, "ts": now_ms(), "material": "paper", "weight_kg": kg, "card": CARD}
    with open_deposits(settings, lambda: city) as store:
        return store.take(point, read_message(json.dumps(said).encode()), now_ms()).ids_dropped


def test_the_key_is_made_once_and_kept_for_this_user(run: Run) -> None:
    assert take("0") == 1
    made = json.loads(run("deposits", "key", "--json").stdout)
    again = json.loads(run("deposits", "key", "--json").stdout)
    assert (made["new"], again) == (True, {"id": made["id"], "new": False})
    path = deposit_key_path(load_settings())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in run("deposits", "key").stdout
    assert take("1") == 0
    path.chmod(0o644)
    assert "chmod 600" in run("deposits", "account", "--of", "card", said=CARD).stderr


def test_no_key_is_made_in_place_of_one_that_is_only_away(run: Run) -> None:
    run("deposits", "key")
    take("1")
    deposit_key_path(load_settings()).unlink()
    refused = run("deposits", "key")
    assert (refused.exit_code != 0, "the key of 1 account(s) is not there" in refused.stderr) == (True, True)
    assert not deposit_key_path(load_settings()).exists()
    assert json.loads(run("deposits", "key", "--begin-anew", "--json").stdout)["new"]


def test_sites_of_tariffs_that_are_not_registered_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "tariffs.yaml"
    file.write_text("tariffs: [{name: t, unit: points, per_kg: {paper: 1}, sites: [nowhere]}]\n")
    monkeypatch.setenv("HAULWATCH_DEPOSIT_TARIFFS", str(file))
    settings = load_settings()
    with open_registry(settings) as registry:
        city = registry.load_city()
    with open_materials(settings, lambda: city):
        pass
    assert "nowhere" in caplog.text


def test_a_key_of_the_setting_holds_before_the_file(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run("deposits", "key")
    own = pseudonym_key(load_settings())
    assert own is not None
    (tmp_path / "secret").write_text("A" * 43 + "=\n")
    monkeypatch.setenv("HAULWATCH_DEPOSIT_KEY_FILE", str(tmp_path / "secret"))
    found = pseudonym_key(load_settings())
    assert found is not None
    assert found.id != own.id
    monkeypatch.setenv("HAULWATCH_DEPOSIT_KEY_FILE", "")
    monkeypatch.setenv("HAULWATCH_DEPOSIT_KEY", "nonsense")
    shown = run("deposits", "key")
    assert shown.exit_code == 2
    assert "nonsense" not in shown.stderr


def test_sums_and_accounts_and_the_end_of_one(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tariffs = Path("devices/cities/jincheng/tariffs.yaml").resolve()
    monkeypatch.setenv("HAULWATCH_DEPOSIT_TARIFFS", str(tariffs))
    run("deposits", "key")
    take("1")
    take("2", 0.5)
    span = ("--from", "2026-01-01", "--to", "2099-12-31")
    [line] = json.loads(run("deposits", "sums", *span, "--by", "material", "--json").stdout)
    assert (line["weight_kg"], line["credits"]) == (2.5, [{"unit": "points", "amount": 200.0}])
    assert run("deposits", "sums", *span, "--by", "material", "--csv").stdout.splitlines() == [
        "material,deposits,weight_kg,identified,without_tariff,points,CNY",
        "paper,2,2.5,2,0,200.0,",
    ]
    assert "纸类 paper" in run("deposits", "sums", *span, "--by", "material").stdout
    shown = json.loads(run("deposits", "account", "--of", "card", "--json", said=f"{CARD}\n").stdout)
    assert (shown["account"], shown["deposits"]) == (1, 2)
    assert "200.00 points" in run("deposits", "accounts").stdout
    erased = run("deposits", "erase", "--of", "card", "--json", said=CARD)
    assert json.loads(erased.stdout) == {"account": 1, "deposits": 2}
    assert "no account 1" in run("deposits", "account", "1").stderr
    assert "no account of this card" in run("deposits", "erase", "--of", "card", said=CARD).stderr
    assert "give the number" in run("deposits", "erase").stderr
    trail = run("audit", "--json").stdout
    assert "haulwatch deposits erase" in trail
    assert CARD not in trail
    assert json.loads(run("deposits", "refused", "--json").stdout) == []
