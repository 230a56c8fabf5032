"""Tests of `ingest.gateways.sparkplug`."""
