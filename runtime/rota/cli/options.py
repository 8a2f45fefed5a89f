"""The arguments and options that commands share."""

from typing import Annotated

import typer

DEFAULT_MANIFEST = "jobs:manifest"

_WHERE = "Where the manifest is, as module:attribute; the current folder is looked in first."

ManifestArgument = Annotated[str, typer.Argument(metavar="MANIFEST", help=_WHERE)]
ManifestOption = Annotated[str, typer.Option("--manifest", "-m", metavar="MANIFEST", help=_WHERE)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
