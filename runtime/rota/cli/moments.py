"""Days and zones as they are typed."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import typer


def read_zone(name: str | None) -> str | None:
    """The IANA name of a zone. Raises `typer.BadParameter` for what is none."""
    try:
        return ZoneInfo(name).key if name else None
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise typer.BadParameter(f"{name!r} is not an IANA name such as Europe/Berlin") from None


def read_day(option: str, text: str | None, zone: str = "UTC") -> datetime | None:
    """The first instant of a day in `zone`, or an instant with its offset. Raises `typer.BadParameter` for neither."""
    if text is None:
        return None
    try:
        if len(text) == len("2027-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), ZoneInfo(zone)).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"{option} {text!r} is neither a day such as 2027-01-31 nor an instant with its offset")
