"""Which endpoint a server is behind, and which requests are for it."""

from rota import settings
from rota.envelope import Envelope
from rota.errors import ManifestError
from rota.manifest import Job, Manifest
from rota.targets import Endpoint


def chosen(manifest: Manifest, name: str | None) -> Endpoint:
    """The endpoint of that name, else of `ROTA_ENDPOINT`, else the only one. Raises `ManifestError`."""
    name = name or settings.endpoint()
    known = {endpoint.name: endpoint for endpoint in manifest.endpoints}
    if not known:
        raise ManifestError(f"manifest {manifest.name!r} has no job with an Endpoint as its target: nothing is posted")
    if name is None:
        if len(known) > 1:
            raise ManifestError(
                f"manifest {manifest.name!r} has endpoints {', '.join(known)}: say which one this server is behind, "
                f"RotaMiddleware(..., endpoint={next(iter(known))!r}) or {settings.ENDPOINT_VARIABLE}"
            )
        return next(iter(known.values()))
    if name not in known:
        raise ManifestError(f"manifest {manifest.name!r} has no endpoint {name!r}; it has {', '.join(known)}")
    return known[name]


def is_for(endpoint: Endpoint, envelope: Envelope) -> bool:
    """Whether a request is for a server behind `endpoint`, and if it names one, for this."""
    name, of_one, server = (envelope.endpoint or "").partition("/")
    if name != endpoint.name or (of_one and not server):
        return False
    mine = settings.server()
    return not of_one or mine is None or server == mine


def job_of(manifest: Manifest, endpoint: Endpoint, envelope: Envelope) -> Job[object] | None:
    """The job of a request; None where it is not declared, or not for this endpoint."""
    job = manifest.find(envelope.job)
    return job if job is not None and endpoint in job.endpoints else None
