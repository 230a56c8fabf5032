"""The commands `haulwatch device …`; `haulwatch.commands.device.app` is their group.

Device ids and options enter; changes of registry, logins, certificates and commands leave.
"""
