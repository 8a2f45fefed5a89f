"""What the local AWS raises."""


class LocalAwsError(Exception):
    """The local AWS could not be installed, started, deployed to, or made to fire. The message says the way out."""
