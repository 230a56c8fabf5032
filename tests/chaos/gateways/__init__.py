"""Gateways under load, faults and kills."""
