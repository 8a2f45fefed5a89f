"""What the constructs raise at synth."""

from rota.errors import ManifestError


class SynthError(ManifestError):
    """AWS would refuse this deployment, or lose runs in it."""
