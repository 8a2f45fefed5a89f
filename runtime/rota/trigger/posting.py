"""A run posted: tried again at once where it cannot have started, and signed anew where a signature was refused."""

import random
import time
from collections.abc import Callable
from hashlib import sha256

from rota.envelope import Envelope
from rota.errors import BackendError, SignatureError
from rota.keys import KeyRing
from rota.trigger.request import CONNECT, Answer, NoAnswer, Place, exchange, signed_request

TRIES = 3
"""Within one delivery."""
SOON = 2.0
"""Seconds: the longest `Retry-After` that is waited for on the spot."""
KEPT_BACK = 4.0
"""Seconds of the function's time for what follows a request: word to SQS."""


class Poster:
    """Posts to endpoints, with the keys of `ring`. Safe to share among threads."""

    def __init__(self, ring: KeyRing, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ring, self._sleep = ring, sleep

    def post(self, place: Place, message_id: str, body: bytes, remaining: Callable[[], float]) -> Answer | NoAnswer:
        """Post it; `remaining` tells how many seconds the function has left."""
        tries, resent = 1, False
        while True:
            try:
                secrets = self._ring.secrets()
            except (BackendError, SignatureError) as error:
                return NoAnswer(f"the keys could not be read: {error}")
            request = signed_request(place, secrets, message_id, body, time.time())
            came = exchange(place, request, time.monotonic() + remaining() - KEPT_BACK)
            if isinstance(came, Answer) and came.status == 401 and not resent:
                # Another thread may have read them meanwhile.
                if self._ring.refresh() or self._ring.secrets() != secrets:
                    resent = True
                    continue
                return came
            wait = _wait(came)
            if wait is None or tries == TRIES or remaining() - wait - KEPT_BACK < place.timeout + CONNECT:
                return came
            self._sleep(wait)
            tries += 1


def _wait(came: Answer | NoAnswer) -> float | None:
    """Seconds until the next try, with jitter; None for none at once."""
    jitter = random.uniform(0.1, 0.5)
    if isinstance(came, NoAnswer):
        return jitter if came.passing and not came.begun else None
    if came.status in (503, 429) and came.retry_after is not None and came.retry_after <= SOON:
        return came.retry_after + jitter
    return None


def message_id(envelope: Envelope, endpoint: str) -> str:
    """The `webhook-id` of a run at an endpoint."""
    said = "\n".join([envelope.job, envelope.run or "", endpoint])
    return "msg_" + sha256(said.encode(errors="surrogatepass")).hexdigest()[:32]
