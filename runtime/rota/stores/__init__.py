"""Where ledger and locks keep what they know: one protocol, a backend a file."""
