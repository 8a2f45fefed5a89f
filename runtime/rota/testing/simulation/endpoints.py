"""What the trigger makes of a message for endpoints: its own split, with servers that are counted instead of found."""

from dataclasses import replace

from rota.envelope import Envelope
from rota.queues.base import Letter
from rota.trigger.split import EVERY, of_servers, server_of, split


def posts_of(letter: Letter, servers: int) -> list[Envelope]:
    """One for each endpoint, and for each of `servers` where every server is meant; none of what is one already."""
    if Envelope.decode(letter.body).endpoint is not None:
        return []
    found: list[Envelope] = []
    for part in split(letter.body, message_id=letter.id, endpoints=()):
        if isinstance(part, Envelope) and part.post is not None:
            everywhere = server_of(part.post.endpoints[0]) == EVERY
            ids = [f"server-{number}" for number in range(1, servers + 1)]
            found += of_servers(part, ids) if everywhere else [part]
    return [replace(one, endpoint=one.post.endpoints[0]) for one in found if one.post is not None]
