"""Senders: one module a service. A message enters, and how far it got leaves; every foreign answer is judged here.

`ingest.notices.delivery` and `haulwatch notify test` call them. No sender retries, and none raises for a service that
refuses, answers nonsense or is away.
"""
