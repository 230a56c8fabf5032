"""Names of informants: sealed for one report by one key, and read by no other."""

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from rules.public_reports.model import Informant
from rules.public_reports.sealing import (
    BLOCK_BYTES,
    NO_KEYS,
    BadInformantKey,
    InformantKeys,
    NoInformantKey,
    Sealed,
    Unsealable,
)

WANG = Informant(name="王某", contact="138 0000 0000")


def test_what_was_sealed_opens_again_and_shows_nothing_meanwhile() -> None:
    keys = NO_KEYS.with_new()
    sealed = keys.seal(7, WANG)
    assert keys.open(7, sealed) == WANG
    assert "王某".encode() not in sealed.content
    assert b"138" not in sealed.content


def test_it_is_aes_256_gcm_bound_to_the_report_as_another_program_reads_it() -> None:
    keys = NO_KEYS.with_new()
    sealed = keys.seal(7, WANG)
    key = base64.b64decode(keys.text().split()[1])
    assert len(key) == 32
    assert sealed.key_id == sha256(key).hexdigest()[:16]
    plain = AESGCM(key).decrypt(sealed.nonce, sealed.content, f"haulwatch informant 1 7 {sealed.key_id}".encode())
    assert "王某" in plain.decode()


def test_the_row_of_one_report_does_not_open_at_another() -> None:
    keys = NO_KEYS.with_new()
    with pytest.raises(Unsealable):
        keys.open(8, keys.seal(7, WANG))


def test_a_changed_byte_is_seen() -> None:
    keys = NO_KEYS.with_new()
    sealed = keys.seal(7, WANG)
    for place in range(len(sealed.content)):
        changed = bytearray(sealed.content)
        changed[place] ^= 1
        with pytest.raises(Unsealable):
            keys.open(7, Sealed(sealed.key_id, sealed.nonce, bytes(changed)))


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens() -> None:
    first = NO_KEYS.with_new()
    old = first.seal(7, WANG)
    both = first.with_new()
    new = both.seal(8, WANG)
    assert new.key_id == both.ids[0] != old.key_id
    assert both.open(7, old) == both.open(8, new) == WANG
    with pytest.raises(NoInformantKey, match=old.key_id):
        both.only_newest().open(7, old)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(NoInformantKey, match="haulwatch report key"):
        NO_KEYS.seal(7, WANG)


def test_the_length_tells_little() -> None:
    keys = NO_KEYS.with_new()
    lengths = {len(keys.seal(7, Informant(name="王" * count)).content) for count in (1, 2, 20, 60)}
    assert len(lengths) == 1
    assert lengths == {BLOCK_BYTES + 16}


def test_a_ring_is_read_as_it_was_written_and_shows_no_key() -> None:
    keys = NO_KEYS.with_new().with_new()
    again = InformantKeys.parse(keys.text())
    assert again.ids == keys.ids
    assert again.text() == keys.text()
    secrets = [line.split()[1] for line in keys.text().splitlines()]
    assert not any(secret in f"{keys!r} {keys}" for secret in secrets)


def test_a_spoiled_ring_is_refused_without_being_repeated() -> None:
    line = NO_KEYS.with_new().text().strip()
    for spoiled in (line[:-8], "0" * 16 + line[16:], "key", line + "\n" + line.replace(" ", "")):
        with pytest.raises(BadInformantKey) as refused:
            InformantKeys.parse(spoiled)
        assert line.split()[1] not in str(refused.value)


@given(st.text(max_size=40))
def test_any_name_survives_that_may_be_given(name: str) -> None:
    try:
        informant = Informant(name=name)
    except ValueError:
        return
    keys = NO_KEYS.with_new()
    assert keys.open(1, keys.seal(1, informant)) == informant


def test_an_informant_shows_no_name_in_a_trace() -> None:
    assert "王某" not in f"{WANG} {WANG!r}"
