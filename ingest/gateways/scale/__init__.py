"""The gateway of weighing indicators: bytes of a serial port or TCP enter, one weighing leaves for each truck.

`passes` decides when a truck has come, settled and left; it knows no clock and no port. `ticket_book` numbers tickets
on disk before they are published. `gateway` reads the port (`port`), takes plates from the gate (`plates`), publishes.
"""
