"""Deposits of recycling points over MQTT → database; they are acknowledged when they are there."""
