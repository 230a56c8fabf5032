"""Evidence packs: one signed archive of all that an alert rests on, and its verification on any machine.

Raw log, journal, registry and audit trail enter through `export`; `verify` needs nothing but the file.
"""
