"""Weighing sessions: weighings of weighbridges enter, what one visit of one truck weighed leaves.

Rules, manifests and the ledger of tonnes read sessions; nobody else pairs gross with tare.
"""
