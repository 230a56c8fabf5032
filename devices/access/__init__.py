"""Access of devices and of Haulwatch's processes to the broker: secrets, logins, certificates, Mosquitto's files.

Registered devices and their secrets enter, password and access files leave. `haulwatch device` calls it.
"""
