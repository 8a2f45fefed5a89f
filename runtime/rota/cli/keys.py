"""`rota keys`: the keys with which requests to endpoints are signed."""

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rota.cli import records
from rota.cli.deployment import Deployment, deployment
from rota.cli.loading import NotFoundError
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import err, out, print_json, print_table
from rota.cli.times import iso, now, spell_duration
from rota.envelope import instant_text, read_instant
from rota.errors import EnvelopeError, RotaError, SettingsError

if TYPE_CHECKING:
    from rota.aws.key_store import KeyStore
    from rota.keys import Key

COLUMNS = ("key", "since", "age")

SOON = timedelta(minutes=10)
"""How long after a rotation another one is refused: twice as long as trigger and servers take to read the keys anew."""

FOLLOW = "servers and trigger follow within 5 minutes, and when a request is refused, within one"

keys = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


@keys.callback()
def _keys() -> None:
    """The keys with which requests to endpoints are signed: which there are, a new one, one less."""


@keys.command("list")
def list_keys(manifest: ManifestOption = DEFAULT_MANIFEST, as_json: JsonOption = False) -> None:
    """List the keys, the newest first: never what they are, only which.

    Requests are signed with each of them, and a server accepts any.
    """
    found, at = _store(deployment(manifest)).read().keys, now()
    if as_json:
        print_json({"keys": [_record(key, at) for key in reversed(found)]})
    else:
        print_table(COLUMNS, [_row(key, at) for key in reversed(found)])


@keys.command()
def rotate(
    force: Annotated[
        bool, typer.Option("--force", help="Also within 10 minutes of the last time, though requests may be refused.")
    ] = False,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Add a new key, and keep it and the one before it.

    No request is refused for it: who has not read the new key yet knows the one before. So it is not done twice within
    10 minutes.
    """
    from rota.key_rotation import rotated

    store, at = _store(deployment(manifest)), now()
    stored = store.read()
    if since := _recent(stored.keys, at):
        trouble = (
            f"the keys were rotated at {records.spell_time(since)}, and servers and trigger read them every 5 minutes: "
            "who knows those of before alone would understand nobody"
        )
        if not force:
            raise RotaError(f"{trouble}; wait until {records.spell_time(since + SOON)}, or add --force")
        err().print(f"{trouble} for up to 5 minutes; runs that are refused are posted again", style="yellow")
    after = rotated(stored.keys, since=instant_text(at.replace(microsecond=0)))
    store.replace(stored, after)
    gone = [key.id for key in stored.keys if key not in after]
    if as_json:
        print_json({"added": after[-1].id, "removed": gone, "keys": [_record(key, at) for key in reversed(after)]})
        return
    without = f", {', '.join(gone)} is gone" if gone else ""
    out().print(f"key {after[-1].id} is added{without}; {FOLLOW}")
    if len(after) > 1:
        wait = f"in {spell_duration(SOON)}, once all have read the new one"
        out().print(f"to be rid of {after[0].id} too, {wait}: rota keys revoke {after[0].id}", style="dim")


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="Which, as `rota keys list` says.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Take a key away: nothing signed with it is accepted any more, once the servers have read the keys anew.

    Where it is the only one, a new one takes its place.
    """
    from rota.key_rotation import revoked

    store, at = _store(deployment(manifest)), now()
    stored = store.read()
    known = [key.id for key in stored.keys]
    if key_id not in known:
        raise NotFoundError(f"there is no key {key_id!r}; there is {', '.join(known)}: rota keys list")
    if not yes:
        _ask(key_id, last=known == [key_id])
    after = revoked(stored.keys, key_id, since=instant_text(at.replace(microsecond=0)))
    store.replace(stored, after)
    added = [key.id for key in after if key not in stored.keys]
    if as_json:
        print_json(
            {
                "added": added[0] if added else None,
                "removed": [key_id],
                "keys": [_record(key, at) for key in reversed(after)],
            }
        )
        return
    instead = f", {added[0]} is in its place" if added else ""
    out().print(f"key {key_id} is revoked{instead}; {FOLLOW}")


def _ask(key_id: str, *, last: bool) -> None:
    what = f"revoke key {key_id}"
    if last:
        what += ", the only one (a new one takes its place, and requests may be refused and posted again meanwhile)"
    if not sys.stdin.isatty():
        raise RotaError(f"nobody is there to ask whether to {what}; add --yes")
    typer.confirm(f"{what}?", abort=True, err=True)


def _store(deployed: Deployment) -> "KeyStore":
    if (arn := deployed.settings.keys) is None:
        if deployed.manifest.endpoints:
            raise SettingsError("the deployed settings name no keys; deploy again: `cdk deploy`")
        raise SettingsError(
            f"manifest {deployed.manifest.name!r} has no endpoints, so nothing is signed and there are no keys; name "
            "an Endpoint as a job's target, and deploy: `cdk deploy`"
        )
    from rota.aws.key_store import KeyStore
    from rota.aws.session import client

    return KeyStore(client("secretsmanager"), arn)


def _since(key: "Key") -> datetime | None:
    try:
        return read_instant("since", key.since) if key.since else None
    except EnvelopeError:  # others may have written it
        return None


def _recent(found: "tuple[Key, ...]", at: datetime) -> datetime | None:
    """When the newest key was made, if that is not long ago. A clock that is behind says so too."""
    since = _since(found[-1])
    return since if since is not None and at - since < SOON else None


def _row(key: "Key", at: datetime) -> list[str]:
    since = _since(key)
    return [
        records.one_line(key.id),
        records.spell_time(since) or "the first deploy",
        spell_duration(max(at - since, timedelta())) if since else "",
    ]


def _record(key: "Key", at: datetime) -> dict[str, Any]:
    since = _since(key)
    return {
        "key": key.id,
        "since": iso(since) if since else None,
        "seconds": (at - since).total_seconds() if since else None,
    }
