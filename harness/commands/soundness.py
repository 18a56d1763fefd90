"""Whether sandboxes can be trusted here at all, looked at once before anything is run in them."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from harness.errors import ConfigError, InfraError
from harness.features import Feature
from sandbox.contract import DiskQuota, SandboxProvider
from sandbox.errors import SandboxError

if TYPE_CHECKING:
    from sandbox.images import DockerProvider


def refuse_unsound(provider: SandboxProvider, features: Iterable[Feature], allowed: Collection[str]) -> None:
    """What can be told before anything is prepared: names of weaknesses, the disk, bounds that cannot be had.

    Raises ConfigError, and InfraError when so little disk is free that nothing should start.
    """
    check_names(allowed)
    refuse_full_disk(provider)
    refuse_hard_bounds(provider, features)


def refuse_hard_bounds(provider: SandboxProvider, features: Iterable[Feature]) -> None:
    """Raise ConfigError with a line for each target whose hard bound on the disk cannot be had here."""
    targets = {one.target.name: one.target for one in features if one.target.limits.disk_quota is DiskQuota.HARD}
    docker = _docker(provider)
    if targets and docker is not None:
        from sandbox.volume import why_no_hard_bound

        if why := why_no_hard_bound(docker.engine):
            raise ConfigError(*(f"target {name}: {why}" for name in targets))


def refuse_full_disk(provider: SandboxProvider) -> None:
    """Raise InfraError when so little disk is free that nothing should start."""
    docker = _docker(provider)
    if docker is not None and (why := docker.watch.shortage()):
        raise InfraError(why)


def check_names(allowed: Collection[str]) -> None:
    """Raise ConfigError for a weakness that does not exist."""
    if not allowed:
        return
    from sandbox.inspection import expected_names

    for name in allowed:
        if name not in expected_names():
            known = ", ".join(f'"{one}"' for one in expected_names())
            raise ConfigError(f"--allow-weakened {name!r}: there is no such check; there are {known}")


def refuse_weakened(provider: SandboxProvider, image: str, allowed: Collection[str]) -> dict[str, str]:
    """Start one sandbox and look at it from inside; `image` serves where the base image is not here.

    Returns what is weakened and was allowed by name, for the provenance. Raises InfraError naming the rest, and what
    to do.
    """
    docker = _docker(provider)
    if docker is None:
        return {}
    from sandbox.inspection import weaknesses

    try:
        found = weaknesses(docker, image)
    except SandboxError as error:
        raise InfraError(f"no hardened container starts here: {error}; run `splitclock doctor`") from error
    refused = [finding for finding in found if finding.name not in allowed]
    if refused:
        seen = "; ".join(f"{finding.name}: {finding.detail}" for finding in refused)
        names = " ".join(f'--allow-weakened "{finding.name}"' for finding in refused)
        raise InfraError(f"this engine weakens sandboxes ({seen}): {refused[0].fix}; or accept that with {names}")
    return {"sandbox.weakened": ", ".join(finding.name for finding in found)} if found else {}


def _docker(provider: SandboxProvider) -> "DockerProvider | None":
    """The provider, if it is Docker's; no engine's client is loaded to find that it is another."""
    if provider.kind != "docker":
        return None
    from sandbox.images import DockerProvider

    return provider if isinstance(provider, DockerProvider) else None
