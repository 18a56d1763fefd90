"""What commands refuse before they prepare anything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.commands.soundness import refuse_unsound
from harness.errors import ConfigError
from harness.features import Feature
from harness.fixtures import bundled_roots, load_features
from sandbox.contract import DiskQuota, SandboxProvider
from sandbox.engine import Engine
from sandbox.images import DockerProvider, DockerSettings


class Elsewhere(Engine):
    """An engine whose disk is on another machine."""

    def __init__(self) -> None:
        nobody: Any = None
        super().__init__(nobody, nobody)

    def info(self) -> dict[str, Any]:
        """A folder that is not here."""
        return {"DockerRootDir": "/nowhere/docker"}


@pytest.fixture
def features() -> tuple[Feature, ...]:
    """Two features of a target that wants a hard bound on its disk."""
    found = load_features(bundled_roots(), ["bookings/*"], {})[:2]
    target = replace(found[0].target, limits=replace(found[0].target.limits, disk_quota=DiskQuota.HARD))
    return tuple(replace(one, target=target) for one in found)


def test_hard_bound_that_cannot_be_had(features: tuple[Feature, ...], tmp_path: Path) -> None:
    """One line for the target, however many features it has, with what is lacking and what to write instead."""
    provider = DockerProvider(Elsewhere(), DockerSettings(cache=tmp_path))
    with pytest.raises(ConfigError) as caught:
        refuse_unsound(provider, features, ())
    (line,) = caught.value.problems
    assert line.startswith('target bookings: disk_quota = "hard" needs ')
    assert 'disk_quota = "watch"' in line


def test_local_sandbox_has_no_bound_to_refuse(features: tuple[Feature, ...], local_provider: SandboxProvider) -> None:
    """On this machine itself nothing bounds the disk, which its warning says; names are looked at all the same."""
    refuse_unsound(local_provider, features, ("process limit",))
    with pytest.raises(ConfigError, match="no such check"):
        refuse_unsound(local_provider, features, ("proces limit",))
