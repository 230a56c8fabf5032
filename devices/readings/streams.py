"""What people call waste streams, and the compartments that hold them, by the words that devices use for them."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from unicodedata import normalize


class StreamName(NamedTuple):
    """A name in English and in Chinese."""

    en: str
    zh: str


STREAM_NAMES: Final[Mapping[str, StreamName]] = {
    "construction": StreamName("construction waste", "建筑垃圾"),
    "spoil": StreamName("spoil", "工程渣土"),
    "slurry": StreamName("slurry", "工程泥浆"),
    "site_waste": StreamName("site waste", "工程垃圾"),
    "demolition": StreamName("demolition waste", "拆除垃圾"),
    "decoration": StreamName("decoration waste", "装修垃圾"),
    "recyclable": StreamName("recyclables", "可回收物"),
    "kitchen": StreamName("kitchen waste", "厨余垃圾"),
    "hazardous": StreamName("hazardous waste", "有害垃圾"),
    "residual": StreamName("residual waste", "其他垃圾"),
    "medical": StreamName("medical waste", "医疗废物"),
    "sludge": StreamName("sludge", "污泥"),
    "paper": StreamName("paper", "纸类"),
    "plastic": StreamName("plastic", "塑料"),
    "metal": StreamName("metal", "金属"),
    "glass": StreamName("glass", "玻璃"),
    "textile": StreamName("textiles", "织物"),
}
"""Another word has no name and is shown as it is."""

_WORDS: Final[Mapping[str, str]] = {
    said.casefold(): word for word, name in STREAM_NAMES.items() for said in (word, name.en, name.zh)
}


def stream_name(word: str) -> StreamName:
    """What people call a stream, or the word itself where it has no name."""
    return STREAM_NAMES.get(word, StreamName(word, word))


def stream_of(text: str) -> str | None:
    """The stream that a site means by the material on its ticket: its word or its name, in any width and case; None if
    it is none of them.
    """
    return _WORDS.get(normalize("NFKC", text).strip().casefold())
