"""`splitclock clean`: remove containers that dead runs left, and on request images and caches."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.old_runs import clean_runs
from harness.commands.session import disks, print_json, say
from harness.config import settings
from harness.errors import ConfigError
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError
from sandbox.reaper import Reaped, reap_abandoned, reap_images


def command(
    runs: Annotated[Path, typer.Argument(help="With --older-than: where run folders lie.")] = Path("runs"),
    *,
    images: Annotated[bool, typer.Option("--images", help="Also every image that Splitclock built.")] = False,
    cache: Annotated[bool, typer.Option("--cache", help="Also the cache: snapshots, clones, environments.")] = False,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Remove old run folders instead: 12h, 30d, 8w.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --older-than: say what would be removed, and remove nothing.")
    ] = False,
    as_json: options.Json = False,
) -> int:
    """Remove containers whose run is dead; goes by Splitclock's own labels, never by name. Run folders are kept.

    With --older-than, remove the run folders in a folder whose last row is older, and nothing else.

    Example: splitclock clean --older-than 30d runs --dry-run
    """
    if older_than is not None:
        if images or cache:
            raise ConfigError("--older-than removes run folders only: give --images and --cache another time")
        return clean_runs(runs, older_than, is_dry=dry_run, as_json=as_json)
    if dry_run:
        raise ConfigError("--dry-run: is for --older-than only")
    found = settings()
    try:
        engine = Engine.connect(found.host_environment)
        gone = reap_abandoned(engine, disks=disks(found))
        gone_images = reap_images(engine).images if images else ()
    except EngineUnavailableError as error:
        say(f"no Docker engine, so no containers or images: {error}")
        gone, gone_images = Reaped(), ()
    if cache:
        shutil.rmtree(found.cache, ignore_errors=True)
    if as_json:
        print_json({"schema": 1, "containers": list(gone.containers), "images": list(gone_images), "cache": cache})
        return 0
    freed = f"; cache {found.cache} removed" if cache else ""
    typer.echo(f"{len(gone.containers)} containers and {len(gone_images)} images removed{freed}")
    return 0
