"""The durable record of runs: rules, and what applies them to a store."""
