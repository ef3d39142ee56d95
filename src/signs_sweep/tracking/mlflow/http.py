"""How this process talks to MLflow's server."""

import socket
from typing import Any


def acknowledge_immediately() -> None:
    """Acknowledge immediately what a server sends, in HTTP connections that begin after this call.

    MLflow's server, with several processes, sends an answer in two parts, and the second only after
    the first was acknowledged (Nagle's algorithm). The operating system waits 40 ms with that, in
    nearly every call: a call then takes 48 ms instead of 5. Only Linux can be asked not to.
    """
    if not hasattr(socket, "TCP_QUICKACK"):
        return
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    for pool in (HTTPConnectionPool, HTTPSConnectionPool):
        if not issubclass(pool.ConnectionCls, _Prompt):
            bases = (_Prompt, pool.ConnectionCls)
            pool.ConnectionCls = type("Connection", bases, {})


class _Prompt:
    sock: Any

    def getresponse(self) -> Any:
        """Wait for an answer. The option does not last, so that each call sets it."""
        if self.sock is not None:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().getresponse()  # type: ignore[misc]
