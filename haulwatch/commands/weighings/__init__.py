"""`haulwatch weighings`, and `haulwatch ledger city`: what trucks weighed, and the tonnes of the city."""
