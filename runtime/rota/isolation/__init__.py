"""Handlers in processes of their own, which can be killed (`Job(isolation="process")`).

`in_parent` is the worker's side: it starts, keeps, tells and kills the children. `in_child` is what runs in them. Why
not `multiprocessing` or a library: docs/adr/0013.
"""

from rota.isolation.in_parent import KILL_AFTER, call, close, prepare

__all__ = ["KILL_AFTER", "call", "close", "prepare"]
