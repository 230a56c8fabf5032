"""Passwords as they are kept."""

from argon2.low_level import Type, verify_secret

from devices.people.passwords import hash_password, is_password


def test_a_hash_is_argon2id_with_the_memory_of_rfc_9106_and_salted() -> None:
    one, other = (hash_password("四个词 of a sentence") for _ in range(2))
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # RFC 9106, 4: second recommended option
    assert one != other
    assert verify_secret(one.encode(), "四个词 of a sentence".encode(), Type.ID)
    assert is_password("四个词 of a sentence", one)
    assert not is_password("四个词 of a sentencE", one)


def test_nobody_and_a_spoiled_hash_have_no_password() -> None:
    for spoiled in (None, "", "$argon2id$", "plain text"):
        assert not is_password("This is no password of anybody!!", spoiled)
