"""The settings of the base map: which fit together, and that a token stands nowhere but in the URLs."""

from pathlib import Path

import pytest

from haulwatch.settings.load import SettingsError, load_settings
from haulwatch.settings.table import describe
from tests.servers.tiles import plain, pmtiles

TOKEN = "0123456789abcdef"
OWN = "https://tiles.example/{z}/{x}/{y}.png"


def templates(**env: str) -> tuple[str, ...]:
    return load_settings({f"HAULWATCH_MAP_{name}": value for name, value in env.items()}).map.templates


def wrong(**env: str) -> str:
    with pytest.raises(SettingsError) as caught:
        templates(**env)
    return str(caught.value)


def test_nothing_set_asks_nobody() -> None:
    found = load_settings({}).map
    assert (found.templates, found.pmtiles, found.datum) == ((), None, "wgs84")


@pytest.mark.parametrize(("name", "layers"), [("tianditu", ["vec", "cva"]), ("tianditu-satellite", ["img", "cia"])])
def test_tianditu_has_two_layers_in_web_mercator_and_its_token(name: str, layers: list[str]) -> None:
    found = templates(TILES=name, TILES_TOKEN=TOKEN)
    assert [url.split("LAYER=")[1].split("&")[0] for url in found] == layers
    for url in found:
        assert url.startswith("https://t0.tianditu.gov.cn/")
        assert url.endswith(f"TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={TOKEN}")
    assert load_settings({"HAULWATCH_MAP_TILES": name, "HAULWATCH_MAP_TILES_TOKEN": TOKEN}).map.shown_attribution


def test_own_tiles_have_layers_and_a_place_for_the_token() -> None:
    keyed = "https://tiles.example/{token}/{z}/{x}/{y}?style=a"
    assert templates(TILES=f"{OWN}  {keyed}", TILES_TOKEN=TOKEN) == (
        OWN, f"https://tiles.example/{TOKEN}/{{z}}/{{x}}/{{y}}?style=a",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("env", "hint"),
    [
        ({"TILES": "https://tiles.example/{z}/{x}"}, "{z}, {x} and {y}"),
        ({"TILES": "ftp://tiles.example/{z}/{x}/{y}"}, "must begin with http"),
        ({"TILES": "https://{s}.tiles.example/{z}/{x}/{y}"}, "write it out"),
        ({"TILES": "https://tiles.example/{z}/{x}/{y}{r}"}, "of braces only"),
        ({"TILES": "https://me:secret@tiles.example/{z}/{x}/{y}"}, "no user or password"),
        ({"TILES": OWN + "?Key=secret"}, "write {token}"),
        ({"TILES": " ".join([OWN] * 5)}, "one to four"),
        ({"TILES": "tianditu"}, "set HAULWATCH_MAP_TILES_TOKEN"),
        ({"TILES": OWN, "TILES_TOKEN": TOKEN}, "HAULWATCH_MAP_TILES_TOKEN has no place"),
        ({"TILES_TOKEN": TOKEN}, "HAULWATCH_MAP_TILES_TOKEN has no place"),
        ({"TILES": "tianditu", "TILES_TOKEN": TOKEN, "DATUM": "gcj02"}, "not in GCJ-02"),
        ({"DATUM": "bd09"}, "wgs84 or gcj02"),
        ({"PMTILES": "missing.pmtiles"}, "no such file"),
    ],
)
def test_what_does_not_fit_is_named(env: dict[str, str], hint: str) -> None:
    text = wrong(**env)
    assert hint in text
    assert "HAULWATCH_MAP_" in text or "天地图" in text
    assert "secret" not in text
    assert TOKEN not in text


def test_an_archive_is_looked_at_and_excludes_tiles(tmp_path: Path) -> None:
    file = tmp_path / "city.pmtiles"
    file.write_bytes(pmtiles(plain((1, 2, 3)), max_zoom=2))
    assert load_settings({"HAULWATCH_MAP_PMTILES": str(file)}).map.pmtiles == file
    assert "keep one" in wrong(PMTILES=str(file), TILES=OWN)
    file.write_bytes(b"SQLite format 3\0")
    assert "pmtiles convert" in wrong(PMTILES=str(file))


def test_the_token_is_masked_where_settings_are_shown() -> None:
    settings = load_settings({"HAULWATCH_MAP_TILES": "tianditu", "HAULWATCH_MAP_TILES_TOKEN": TOKEN})
    assert TOKEN not in repr(settings)
    assert TOKEN not in str([(variable.name, value) for variable, value in describe(settings)])
