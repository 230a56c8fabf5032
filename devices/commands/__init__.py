"""Commands to devices: their contract, and the store of all commands and answers in the registry's database.

API and command line issue commands, `ingest.commands` sends them, simulated devices read and answer them.
"""
