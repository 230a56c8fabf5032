"""`make chaos`: the real processes under a steady stream, one fault at a time, every reading accounted for."""
