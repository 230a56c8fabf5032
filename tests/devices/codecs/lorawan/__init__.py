"""Tests of `devices.codecs.lorawan`."""
