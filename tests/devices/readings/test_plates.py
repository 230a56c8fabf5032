import pytest

from devices.readings.plates import comparable_plate

SPELLINGS = [
    "晋E·D0101", "晋ED0101", "晋E D0101", "晋E-D0101", "晋E.D0101", "晋e·d0101", "晋Ｅ·Ｄ０１０１", "晋E・D0101",
    "晋E･D0101", "晋E•D0101", "晋E‧D0101", "晋E－D0101", "晋E–D0101", "晋E．D0101", "晋E。D0101", " 晋 E D 0 1 0 1 ",
    "晋E\u3000D0101", "晋E\u00a0D0101", "晋E−D0101", "晋E∙D0101", "晋E_D0101", "晋E／D0101",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_one_plate_are_equal(spelling: str) -> None:
    assert comparable_plate(spelling) == "晋ED0101"


def test_other_plates_are_not() -> None:
    plates = ["晋E·D0101", "晋E·D0107", "晋A·D0101", "晋E·D01011", "晋E·D0101挂", "E·D0101", "---", "· ·"]
    assert len({comparable_plate(plate) for plate in plates}) == len(plates)


def test_comparing_twice_changes_nothing() -> None:
    for text in [*SPELLINGS, "ﬁ", "ß", "ŉ", "ᾳ", "'; DROP SERIES", "ﷺﷺ", "𠮷野家"]:
        assert comparable_plate(comparable_plate(text)) == comparable_plate(text)
