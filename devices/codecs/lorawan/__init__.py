"""LoRaWAN devices, through the network servers ChirpStack v4 and The Things Stack v3, over MQTT.

An event of the server's JSON enters; a level (`Fill`) and a sign of life (`Status`) leave. `chirpstack` and `ttn` read
the servers, `payloads` the bytes of devices, `profiles` what a city says of a device, `readings` puts them together.
"""
