"""Builds every part from the settings: no other package knows settings and parts at once.

Settings enter, built parts leave; `haulwatch.commands` and `haulwatch.demo` call it. A process imports only the modules
of the parts that it uses.
"""
