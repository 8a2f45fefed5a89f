"""Where runs wait: one protocol, a backend a file."""
