"""The faults of `make chaos`, one module for each part that fails; `tests.chaos.rounds` lists them all."""
