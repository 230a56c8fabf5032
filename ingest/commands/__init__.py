"""Commands to devices. Due commands of the command store enter; MQTT messages leave, and acknowledgements come back.

`haulwatch serve` runs the dispatcher; API and command line issue commands through `devices.commands.store`.
"""
