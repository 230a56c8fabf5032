"""Vocabulary of the system: readings, codecs, the city and its registry, access to the broker, commands to devices.

Imports nothing of the other packages; all of them import it. Inner layers, top to bottom: cities, commands and access;
db; city and codecs; readings and geo; errors.
"""
