"""`splitclock clean`: remove containers that dead runs left, and on request images and caches."""

import shutil
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.session import disks, print_json, say
from harness.config import settings
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError
from sandbox.reaper import Reaped, reap_abandoned, reap_images


def command(
    *,
    images: Annotated[bool, typer.Option("--images", help="Also every image that Splitclock built.")] = False,
    cache: Annotated[bool, typer.Option("--cache", help="Also the cache: snapshots, clones, environments.")] = False,
    as_json: options.Json = False,
) -> None:
    """Remove containers whose run is dead; goes by Splitclock's own labels, never by name. Run folders are kept.

    Example: splitclock clean --images
    """
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
        return
    freed = f"; cache {found.cache} removed" if cache else ""
    typer.echo(f"{len(gone.containers)} containers and {len(gone_images)} images removed{freed}")
