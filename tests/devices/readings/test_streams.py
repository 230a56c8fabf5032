"""The words of waste streams, as sites write them."""

import pytest

from devices.readings.streams import STREAM_NAMES, stream_name, stream_of


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("kitchen", "kitchen"),
        (" Kitchen waste ", "kitchen"),
        ("厨余垃圾", "kitchen"),
        ("\uff2b\uff29\uff34\uff23\uff28\uff25\uff2e", "kitchen"),  # in full width
        ("SITE_WASTE", "site_waste"),
        ("mud", None),
        ("", None),
    ],
)
def test_a_stream_is_known_by_its_word_and_names(text: str, word: str | None) -> None:
    assert stream_of(text) == word


def test_no_two_streams_share_a_name() -> None:
    for word, name in STREAM_NAMES.items():
        assert [stream_of(said) for said in (word, name.en, name.zh)] == [word] * 3


def test_a_word_without_a_name_is_shown_as_it_is() -> None:
    assert stream_name("mud") == ("mud", "mud")
    assert stream_name("sludge").zh == "污泥"
