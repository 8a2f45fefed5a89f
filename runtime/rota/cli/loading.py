"""Finding the user's manifest, and the jobs and queues in it."""

import importlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from rota.errors import RotaError
from rota.manifest import Job, Manifest
from rota.targets import TRIGGER, Queue

DEFAULT_ATTRIBUTE = "manifest"


class NotFoundError(RotaError):
    """What was named on the command line is not there."""


@contextmanager
def users_code() -> Iterator[None]:
    """Import the user's modules inside: from the current folder first, and what they print kept off stdout."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    with redirect_stdout(sys.stderr):
        yield


def load_manifest(where: str) -> Manifest:
    """The manifest at "module:attribute".

    Raises `NotFoundError` where there is none, and whatever `RotaError` the declarations in it raise.
    """
    module_name, _, attribute = where.partition(":")
    module = _import(module_name)
    found: Any = module
    for name in (attribute or DEFAULT_ATTRIBUTE).split("."):
        found = getattr(found, name, None)
    if isinstance(found, Manifest):
        return found
    kind = type(found).__name__
    what = f"there is no {where!r}" if found is None else f"{where!r} is of type {kind}, not a rota.Manifest"
    others = [name for name, value in vars(module).items() if isinstance(value, Manifest)]
    hint = f"name it as {module_name}:{others[0]}" if others else "declare it: Manifest(name=..., jobs=[...])"
    raise NotFoundError(f"{what}; {hint}")


def find_job(manifest: Manifest, name: str) -> Job[Any]:
    """The job of that name. Raises `NotFoundError` that names the nearest."""
    return manifest.find(name) or _missing("job", name, manifest, [job.name for job in manifest.jobs])


def find_queue(manifest: Manifest, name: str) -> Queue:
    """The queue of that name; the trigger's too, where there are endpoints. Raises `NotFoundError` that names the
    nearest."""
    queues = {queue.name: queue for queue in all_queues(manifest)}
    return queues.get(name) or _missing("queue", name, manifest, queues)


def all_queues(manifest: Manifest) -> tuple[Queue, ...]:
    """The queues that its runs go through: those of workers, and the trigger's where there are endpoints."""
    return (*manifest.queues, *([TRIGGER] if manifest.endpoints else []))


def _missing(kind: str, name: str, manifest: Manifest, names: Iterable[str]) -> NoReturn:
    known = list(names)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
    raise NotFoundError(f"manifest {manifest.name!r} has no {kind} {name!r}; {hint}")


def _import(name: str) -> ModuleType:
    if name.endswith(".py") or "/" in name:
        module = name.removeprefix("./").removesuffix(".py").replace("/", ".")
        raise NotFoundError(f"{name!r} is a file; name the module: {module}:{DEFAULT_ATTRIBUTE}")
    with users_code():
        try:
            return importlib.import_module(name)
        except RotaError:
            raise
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise _broken(name, error) from error
            raise NotFoundError(
                f"there is no module {name!r} in {Path.cwd()}; name your manifest as module:attribute, or start a new "
                "application: rota init"
            ) from None
        except (Exception, SystemExit) as error:
            raise _broken(name, error) from error


def _broken(name: str, error: BaseException) -> NotFoundError:
    """Says where in the user's code it happened; a SyntaxError says so itself."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)[2:] if not frame.filename.startswith("<")]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return NotFoundError(f"module {name!r} cannot be imported: {type(error).__name__}: {error}{place}")
