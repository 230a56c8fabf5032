"""The models whose bytes are read, by the name that a profile gives."""

from collections.abc import Mapping
from typing import Final

from devices.codecs.lorawan.payloads import makers, milesight
from devices.codecs.lorawan.payloads.cayenne import decode_cayenne
from devices.codecs.lorawan.payloads.decoded import Decoder

CAYENNE: Final = "cayenne-lpp"
"""Needs a mapping: the channels of a device have no agreed meaning."""

DECODERS: Final[Mapping[str, Decoder]] = {**milesight.DECODERS, **makers.DECODERS, CAYENNE: decode_cayenne}
