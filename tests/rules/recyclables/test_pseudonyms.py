"""Pseudonyms: a keyed hash that only the key leads back from."""

import base64
import hmac

import pytest

from rules.recyclables.model import IdKind, comparable_id
from rules.recyclables.pseudonyms import BadPseudonymKey, PseudonymKey

KEY = PseudonymKey.parse(base64.b64encode(bytes(range(32))).decode())


def test_it_is_hmac_sha256_of_the_plain_number() -> None:
    expected = hmac.new(bytes(range(32)), b"haulwatch deposit 1 card 0012AB34", "sha256").hexdigest()
    assert {KEY.pseudonym(IdKind.CARD, said) for said in ("0012AB34", " 0012-ab34", "００１２ＡＢ 34")} == {expected}


def test_what_a_reader_adds_around_a_number_makes_no_other_person() -> None:
    written = ("0012AB34\r\n", "\ufeff0012AB34", "0012–ab34", "0012\u200bab34\x00", "0012\xa0ab34", "0012_AB34")
    assert {KEY.pseudonym(IdKind.CARD, said) for said in written} == {KEY.pseudonym(IdKind.CARD, "0012AB34")}


@pytest.mark.parametrize("said", ["", " - ", "\r\n", "\u3000", "12\ud800"])
def test_what_names_nobody_is_told_apart_from_a_number(said: str) -> None:
    assert comparable_id(said) == ""
    assert comparable_id("0") == "0"


def test_card_and_code_other_keys_and_leading_zeros_make_other_pseudonyms() -> None:
    one = KEY.pseudonym(IdKind.CARD, "0012")
    others = (
        KEY.pseudonym(IdKind.CODE, "0012"),
        KEY.pseudonym(IdKind.CARD, "12"),
        PseudonymKey.new().pseudonym(IdKind.CARD, "0012"),
    )
    assert one not in others


def test_the_key_shows_itself_only_as_text() -> None:
    assert PseudonymKey.parse(KEY.text()) == KEY
    secret = KEY.text().strip()
    assert secret not in repr(KEY)
    assert repr(bytes(range(32))) not in repr(KEY)
    assert KEY.id not in secret


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 31).decode(), "ä" * 44])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadPseudonymKey) as caught:
        PseudonymKey.parse(text)
    assert not text or text not in str(caught.value)
