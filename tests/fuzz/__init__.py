"""`make fuzz`: random and mutated messages through the whole path, and what must hold for every one of them."""
