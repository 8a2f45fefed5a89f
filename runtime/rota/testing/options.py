"""What pytest's command line says to helpers that are no fixtures. Set by the plugin."""

update_snapshots = False
"""Whether snapshots are written anew: `pytest --rota-update`."""
