"""`haulwatch ledger indicators`, `report` and `assessment`: the figures by which a city's programme is measured."""
