"""What people call waste streams, and the compartments that hold them, by the words that devices use for them."""

from collections.abc import Mapping
from typing import Final, NamedTuple


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
