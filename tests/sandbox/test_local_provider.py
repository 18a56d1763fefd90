"""The local provider: environments by content, set-up that fails, recipes that only Docker can build."""

import os
import stat
from pathlib import Path

import pytest

from sandbox.contract import BoxSpec, Environment, File, Recipe
from sandbox.errors import ImageError, SandboxDiedError, SandboxLostError
from sandbox.local import LocalProvider
from sandbox.local_box import LocalSandbox
from tests.sandbox.places import run, sh, text

pytestmark = pytest.mark.slow

REQUIREMENTS = File(path="requirements.txt", data=b"words\n")
RECIPE = Recipe(
    name="words",
    image="splitclock/base",
    setup=(
        "mkdir -p $SPLITCLOCK_PREFIX/bin; cat requirements.txt >> $SPLITCLOCK_PREFIX/count",
        "printf '#!/bin/sh\\necho installed\\n' > $SPLITCLOCK_PREFIX/bin/hello; chmod 755 $SPLITCLOCK_PREFIX/bin/hello",
        "mkdir -p pkg; echo made > pkg/generated.txt",
    ),
    inputs=(REQUIREMENTS,),
    path=("$SPLITCLOCK_PREFIX/bin",),
)


@pytest.fixture
def provider(cache: Path) -> LocalProvider:
    """A provider with an empty cache, and nothing of the outside but PATH."""
    return LocalProvider(cache, {"PATH": os.environ["PATH"], "SECRET": "canary", "PIP_INDEX_URL": "x"})


def test_setup_runs_once_and_reaches_every_box(provider: LocalProvider) -> None:
    """What set-up installed is on the path; what it generated lies in the workspace; its inputs do not."""
    lines: list[str] = []
    environment = provider.prepare(RECIPE, lines.append)
    assert provider.prepare(RECIPE, lines.append) == environment
    assert len([line for line in lines if line.startswith("$")]) == len(RECIPE.setup)
    for _ in range(2):
        with provider.open(BoxSpec(environment=environment)) as box:
            assert text(run(box, "hello")) == "installed\n"
            assert [entry.path for entry in box.list("")] == ["pkg"]
            assert box.read("pkg/generated.txt", 10) == b"made\n"


def test_content_decides(provider: LocalProvider) -> None:
    """Another input or line is another environment; another name is the same."""
    key = provider.prepare(RECIPE, lambda _line: None).key
    other_input = Recipe(
        name="words",
        setup=RECIPE.setup,
        inputs=(File(path="requirements.txt", data=b"z"),),
        image=RECIPE.image,
        path=RECIPE.path,
    )
    other_name = Recipe(name="x", setup=RECIPE.setup, inputs=RECIPE.inputs, image=RECIPE.image, path=RECIPE.path)
    assert provider.prepare(other_input, lambda _line: None).key != key
    assert provider.prepare(other_name, lambda _line: None).key == key


def test_setup_sees_the_network_s_settings_and_nothing_else(provider: LocalProvider) -> None:
    """Set-up gets what leads to package indexes; no other variable of the caller's."""
    lines: list[str] = []
    provider.prepare(Recipe(name="env", setup=("env; : $SPLITCLOCK_PREFIX",)), lines.append)
    assert "PIP_INDEX_URL=x" in lines
    assert not any("canary" in line for line in lines)


def test_failing_setup_is_said_and_not_kept(provider: LocalProvider) -> None:
    """The failing line and its last words are in the error; the next try starts anew."""
    recipe = Recipe(name="broken", setup=("echo cause >&2; test -e $SPLITCLOCK_PREFIX && exit 7; false",))
    for _ in range(2):
        with pytest.raises(ImageError, match=r"set-up of `broken` failed with exit code 1: .*cause"):
            provider.prepare(recipe, lambda _line: None)


def test_setup_outside_the_prefix_is_refused(provider: LocalProvider) -> None:
    """Lines that would install into this machine itself are never run."""
    with pytest.raises(ImageError, match="can only be built in Docker"):
        provider.prepare(Recipe(name="system", setup=("apt-get install -y x",)), lambda _line: None)
    with pytest.raises(ImageError, match="can only be built in Docker"):
        provider.prepare(Recipe(name="docker", dockerfile="FROM scratch"), lambda _line: None)


def test_unprepared_environment_is_said(provider: LocalProvider) -> None:
    """A box of an environment that is not in the cache is an error at once."""
    with pytest.raises(ImageError, match="prepare it first"):
        provider.open(BoxSpec(environment=Environment(key="k", digest="none", workdir="/workspace")))


def test_folder_is_gone_afterwards(provider: LocalProvider) -> None:
    """Leaving deletes all, read-only tools and locked folders too; the kept environment stays."""
    environment = provider.prepare(RECIPE, lambda _line: None)
    tools = [File(path="deep/tool", data=b"")]
    with provider.open(BoxSpec(environment=environment, tools=tools)) as box:
        place = Path(box.workspace).parent
        assert stat.S_IMODE((place / "tools/deep/tool").stat().st_mode) == 0o444
        sh(box, "mkdir -p shut/in; touch shut/in/f; chmod 000 shut/in shut; ln -s / root")
    assert not place.exists()
    with provider.open(BoxSpec(environment=environment)) as box:
        assert text(run(box, "hello")) == "installed\n"


def test_processes_die_with_a_killed_executor(provider: LocalProvider) -> None:
    """What fell to this machine's init because a command killed the executor is found, and killed."""
    environment = provider.prepare(RECIPE, lambda _line: None)
    with provider.open(BoxSpec(environment=environment)) as box:
        with pytest.raises(SandboxDiedError):
            sh(box, "sleep 311 & sleep 0.3; kill -9 $PPID; sleep 312")
        survivors = box.kill()
    assert "sleep 311" in survivors


def test_who_ended_a_box_that_never_began_is_told(provider: LocalProvider) -> None:
    """What was lost while it started is nobody's fault in there, as it would be a moment later."""
    box = provider.open(BoxSpec(environment=provider.prepare(RECIPE, lambda _line: None)))
    assert isinstance(box, LocalSandbox)
    box._hang_up("the disk is full", SandboxLostError)  # noqa: SLF001 - as the disk's watch does
    with pytest.raises(SandboxLostError, match="the disk is full"), box:
        pass
