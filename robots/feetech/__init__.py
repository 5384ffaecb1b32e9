"""The servo bus: wire, packets, registers, exchange, handshake, calibration."""
