"""Registration plates of vehicles: written in many ways, compared in one.

Registry, weighbridge and camera write one plate as `晋E·D0101`, `晋ED0101`, `晋Ｅ－Ｄ０１０１` or `晋e.d 0101`. Plates
are compared by `comparable_plate` and shown as they were written. Pure.
"""

from unicodedata import category, normalize

_KEPT = frozenset("LNM")
"""Letters, numbers and the marks on letters; not spaces, dots, hyphens and other signs between them."""


def comparable_plate(plate: str) -> str:
    """Return a plate in the form that equals that of its other spellings: width, case and separators do not count.

    A text without letters and numbers, which is no plate, stays as it is.
    """
    plain = normalize("NFKC", plate).upper()
    kept = "".join([char for char in normalize("NFC", plain) if category(char)[0] in _KEPT])
    return kept or plate
