"""What was received and what became of it, and what people can mend.

In: the ledger, dead letters, unregistered devices. Out: their answers, letters redriven, devices adopted.
"""
