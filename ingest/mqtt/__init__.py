"""Everything that speaks MQTT. Packets of the broker enter; raw messages, acknowledgements and its counters leave.

The collector uses `source`; alert sink, command dispatcher and broker statistics use `client`.
"""
