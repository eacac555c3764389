"""The development stack: a Functions host, a table service and the simulator on loopback. Never deployed."""
