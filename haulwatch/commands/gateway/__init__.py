"""`haulwatch gateway`: processes through which devices that do not speak MQTT reach the broker."""
