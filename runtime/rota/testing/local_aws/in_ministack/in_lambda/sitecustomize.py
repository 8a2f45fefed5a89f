"""What a Lambda function of the local AWS lacks beside one on AWS: a name server that knows load balancers.

Python imports this at the start of each function's process, before its code, which knows nothing of it. In a folder of
its own, since it is on the functions' path.
"""

import os
import socket
from typing import Any

DOORMAN = "ROTA_LOCAL_AWS_DOORMAN"
"""The loopback port to ask, set by the launcher."""
_SUFFIX = ".elb.amazonaws.com"

_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
    """The door of a load balancer's listener for its name and port; any other as ever."""
    if isinstance(host, str) and host.lower().endswith(_SUFFIX) and DOORMAN in os.environ:
        host, port = "127.0.0.1", _door(host, port)
    return _getaddrinfo(host, port, *rest, **more)


def _door(name: str, port: object) -> int:
    with socket.socket() as asking:
        asking.connect(("127.0.0.1", int(os.environ[DOORMAN])))
        asking.sendall(f"{name} {port}\n".encode())
        answer = asking.makefile().readline().strip()
    if not answer:
        raise socket.gaierror(socket.EAI_NONAME, f"no load balancer is named {name}")
    return int(answer)


socket.getaddrinfo = getaddrinfo
