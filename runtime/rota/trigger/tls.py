"""TLS as the trigger speaks it. Imported where it is needed: `ssl` and the certificates cost a cold start most."""

import ssl
import threading

_lock = threading.Lock()
_made: list[ssl.SSLContext] = []


def context() -> ssl.SSLContext:
    """The one context of the process: certificates and names are checked."""
    with _lock:
        if not _made:
            made = ssl.create_default_context()
            made.set_alpn_protocols(["http/1.1"])
            _made.append(made)
        return _made[0]
