"""`make chaos`: real processes under a steady stream of readings; one fault in each round; every reading is counted.

Called by `make chaos` (`python -m tests.chaos`). A round's verdict leaves as a row of a table, or as JSON.

yard    an installation with its broker, store, and stream of devices, in which rounds run one after the other
round   a fault under the stream, and afterwards the account of all its messages
slice   600 s of device time of the stream, the same incidents in each
"""
