"""What guarded writes raise."""

from rota.errors import RotaError


class FencingError(RotaError):
    """The write cannot be guarded as it is written."""


class StaleTokenError(RotaError):
    """The write was refused: a newer token has written there. Stop: another server runs this now."""

    token: int | None = None
    """The token that was refused."""
    stored: int | None = None
    """The token that stands in the store; None where the store does not say."""

    @classmethod
    def of(cls, token: int, message: str, *, stored: int | None = None) -> "StaleTokenError":
        """The refusal of `token`."""
        error = cls(message)
        error.token, error.stored = token, stored
        return error
