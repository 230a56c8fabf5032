"""`haulwatch report`: the keys that seal names of informants, and QR codes of sites.

Settings and arguments enter; files and lines for a person leave. One module a command.
"""
