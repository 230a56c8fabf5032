"""What cameras make of plates."""

from random import Random


def misread(plate: str, rng: Random) -> str:
    """Another reading of a plate that can only be this one: no Chinese plate has an O (GA 36-2018)."""
    if rng.random() < 0.5:
        return plate.replace("0", "O", 1)
    return plate[1:]  # without the character of its province


def of_nobody(plate: str) -> str:
    """A reading that may be right, and of no registered truck."""
    return plate[:3] + "8" + plate[4:]
