"""Environments and checkouts: built once, owned by the agent, without the host's secrets."""

import json
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import labels
from sandbox.base_image import BaseImage
from sandbox.build import BuildContainer
from sandbox.checkout import Checkouts
from sandbox.contract import BoxSpec, Command, Environment, File, Recipe, Sandbox, fingerprint, sha256
from sandbox.engine import Engine
from sandbox.errors import ImageError
from sandbox.host_settings import HostSettings, read_host_settings
from sandbox.images import DockerProvider, DockerSettings
from sandbox.system import is_debian

pytestmark = pytest.mark.docker

CANARY = "s3cret-canary"
BASE = "splitclock/base:bookworm"
Maker = Callable[[Mapping[str, str]], DockerProvider]


@pytest.fixture
def provider_with(docker_provider: DockerProvider, tmp_path: Path) -> Iterator[Maker]:
    """Providers whose host has these variables; the images of this test's recipes are removed afterwards."""
    engine = docker_provider.engine
    docker_provider.prepare_base(_quiet)

    def make(host: Mapping[str, str]) -> DockerProvider:
        return DockerProvider(engine, DockerSettings(cache=tmp_path / "cache", host_environment=host))

    yield make
    for kind in ("checkout", "environment", "dockerfile"):
        for found in engine.images({labels.KIND: kind, labels.NAME: _name(tmp_path)}):
            for name in found.names:
                engine.remove_image(name)


def _name(tmp_path: Path) -> str:
    return f"sample-{sha256(str(tmp_path).encode())[:12]}"


@pytest.fixture
def provider(provider_with: Maker) -> DockerProvider:
    """A provider of a host without any settings."""
    return provider_with({"PIP_CONFIG_FILE": "/dev/null"})


def _recipe(tmp_path: Path, **changes: object) -> Recipe:
    """A recipe that no other test run has built."""
    plain = Recipe(name=_name(tmp_path), image="splitclock/base")
    changed = replace(plain, **changes)  # type: ignore[arg-type]
    return replace(changed, setup=(*changed.setup, f": {time.monotonic_ns()}"))


def _quiet(_line: str) -> None:
    """Look away."""


def _out(box: Sandbox, script: str) -> str:
    result = box.run(Command(argv=("sh", "-c", script), deadline_s=60, merge_stderr=True))
    assert result.exit_code == 0, result.stdout.head
    return result.stdout.head.decode().strip()


def test_environment_is_built_once(provider: DockerProvider, tmp_path: Path) -> None:
    """Set-up sees its inputs and its prefix; afterwards the inputs are gone, its work stays and is the agent's."""
    recipe = _recipe(
        tmp_path,
        setup=("cp deep/er/need.txt ../opt/environment/got", "mkdir $SPLITCLOCK_PREFIX/bin && echo made > generated",
               "cd $SPLITCLOCK_PREFIX/bin; printf '#!/bin/sh\\necho tool\\n' > tool; chmod +x tool", "tool"),
        inputs=(File(path="deep/er/need.txt", data=tmp_path.name.encode()), File(path="top.txt", data=b"")),
        path=("$SPLITCLOCK_PREFIX/bin",),
    )  # fmt: skip
    lines: list[str] = []
    environment = provider.prepare(recipe, lines.append)
    assert lines[-1] == "tool"
    lines.clear()
    assert provider.prepare(recipe, lines.append) == environment
    assert lines == []
    with provider.open(BoxSpec(environment=environment)) as box:
        assert _out(box, "pwd; ls; cat /opt/environment/got; tool") == f"/workspace\ngenerated\n{tmp_path.name}tool"
        assert _out(box, "id -un; echo $HOME; stat -c %U . generated /opt/environment ~") == (
            "agent\n/home/agent\nagent\nagent\nagent\nagent"
        )


def test_changed_input_is_another_environment(provider: DockerProvider, tmp_path: Path) -> None:
    """The key is content: what set-up reads, what it runs, where it runs; the name does not matter."""
    one = _recipe(tmp_path, inputs=(File(path="a", data=b"1"),))
    environment = provider.prepare(one, _quiet)
    assert provider.prepare(replace(one, name="renamed"), _quiet) == environment
    assert provider.prepare(replace(one, inputs=(File(path="a", data=b"2"),)), _quiet).key != environment.key


def test_failing_line_is_shown_with_its_output(provider: DockerProvider, tmp_path: Path) -> None:
    """The error holds the recipe, the line, the exit code and the last lines; nothing is left behind."""
    recipe = _recipe(tmp_path, setup=("true", "echo reason >&2; exit 3"))
    with pytest.raises(ImageError) as caught:
        provider.prepare(recipe, _quiet)
    assert "sample" in str(caught.value)
    assert "`echo reason >&2; exit 3` failed (exit 3):\nreason" in str(caught.value)
    assert not provider.engine.containers({labels.KIND: "build", labels.OWNER: labels.owner()})


def test_threads_build_once(provider: DockerProvider, tmp_path: Path) -> None:
    """Three trials that need an environment at once make it once and all get it."""
    recipe = _recipe(tmp_path, setup=("echo building-now",))
    lines: list[str] = []
    found: list[Environment] = []
    takers = [threading.Thread(target=lambda: found.append(provider.prepare(recipe, lines.append))) for _ in range(3)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert lines.count("building-now") == 1
    assert len({environment.digest for environment in found}) == 1


def test_named_image_is_never_substituted(provider: DockerProvider, tmp_path: Path) -> None:
    """An image that is not to be had is an error that names it and a way out, not another image."""
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:9/python:3\.12-slim is neither here .* `docker load`"):
        provider.prepare(_recipe(tmp_path, image="127.0.0.1:9/python:3.12-slim"), _quiet)
    with pytest.raises(ImageError, match="names neither"):
        provider.prepare(_recipe(tmp_path, image=None), _quiet)


def test_image_without_a_shell_is_refused(provider: DockerProvider, tmp_path: Path) -> None:
    """What cannot run a command cannot be a sandbox, and the error says so."""
    with tarfile.open(tmp_path / "empty.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("hello"))
    provider.engine.import_tar(tmp_path / "empty.tar", "splitclock/test-empty:1")
    try:
        with pytest.raises(ImageError, match="needs a shell"):
            provider.prepare(_recipe(tmp_path, image="splitclock/test-empty:1"), _quiet)
    finally:
        provider.engine.remove_image("splitclock/test-empty:1")


def test_dockerfile_and_an_image_without_python(provider: DockerProvider, tmp_path: Path) -> None:
    """A dockerfile may copy inputs; where no Python can be had, the environment says so on its label."""
    recipe = _recipe(
        tmp_path,
        image=None,
        dockerfile=f"FROM {BASE}\nCOPY note /note\nRUN rm -rf /usr/bin/python3* /usr/bin/apt-get; : {tmp_path}\n",
        inputs=(File(path="note", data=b"from the context"),),
        setup=("cat /note",),
    )
    lines: list[str] = []
    image = provider.engine.image(provider.prepare(recipe, lines.append).digest)
    assert "from the context" in lines
    assert image is not None
    assert image["Config"]["Labels"][labels.PYTHON] == "none"


def test_failing_dockerfile_shows_its_step(provider: DockerProvider, tmp_path: Path) -> None:
    """The builder's words reach the error."""
    recipe = _recipe(tmp_path, image=None, dockerfile=f"FROM {BASE}\nRUN exit 5\n")
    with pytest.raises(ImageError, match="exit 5"):
        provider.prepare(recipe, _quiet)


def _host(tmp_path: Path) -> dict[str, str]:
    """A host with a password in its index, a proxy, local wheels, and a certificate bundle of its own."""
    (tmp_path / "ca.pem").write_text("canary certificates\n")
    config = tmp_path / "pip.conf"
    config.write_text(
        f"[global]\nindex-url = http://user:{CANARY}@index.invalid/simple\nfind-links = {tmp_path}\n"
        "extra-index-url = file:///opt/simple\n    https://more.invalid/simple\n[install]\n"
        "trusted-host = index.invalid\n"
    )
    return {
        "PIP_CONFIG_FILE": str(config),
        "HOME": str(tmp_path),
        "PIP_CERT": str(tmp_path / "ca.pem"),
        "HTTPS_PROXY": f"http://me:{CANARY}@proxy.invalid:3128",
        "NO_PROXY": "localhost",
        "SECRET_OF_THE_HOST": CANARY,
    }


def test_set_up_reaches_the_hosts_indexes(provider_with: Maker, tmp_path: Path) -> None:
    """Index, proxy and certificates of the host arrive, local folders and other variables do not."""
    lines: list[str] = []
    provider_with(_host(tmp_path)).prepare(_recipe(tmp_path, setup=("env; cat $PIP_CERT",)), lines.append)
    told = dict(line.partition("=")[::2] for line in lines if "=" in line)
    assert told["PIP_INDEX_URL"] == "http://***@index.invalid/simple"
    assert told["PIP_EXTRA_INDEX_URL"] == "https://more.invalid/simple"
    assert told["PIP_TRUSTED_HOST"] == "index.invalid"
    assert told["HTTPS_PROXY"] == "http://***@proxy.invalid:3128"
    assert "canary certificates" in lines
    assert "PIP_FIND_LINKS" not in told
    assert "SECRET_OF_THE_HOST" not in told
    assert CANARY not in "\n".join(lines)


def test_dockerfile_that_declares_the_proxy_is_refused(provider_with: Maker, tmp_path: Path) -> None:
    """An ARG of the proxy's name would write its password into the history; such an image is not kept."""
    text = f"FROM {BASE}\nARG HTTPS_PROXY\nRUN : {tmp_path}\n"
    with pytest.raises(ImageError, match="would show a password") as caught:
        provider_with(_host(tmp_path)).prepare(_recipe(tmp_path, image=None, dockerfile=text), _quiet)
    assert CANARY not in str(caught.value)


@pytest.mark.slow
def test_no_password_stays_in_the_image(provider_with: Maker, tmp_path: Path) -> None:
    """Neither configuration, labels, history nor any file of the layers holds it, nor the host's certificates."""
    provider = provider_with(_host(tmp_path))
    environment = provider.prepare(_recipe(tmp_path, setup=('test -n "$PIP_INDEX_URL"',)), _quiet)
    image = json.dumps(dict(provider.engine.image(environment.digest) or {}))
    assert CANARY not in image + provider.engine.image_history(environment.digest)
    assert "index.invalid" not in image
    look = ["docker", "save", environment.digest]
    saved = subprocess.run(look, capture_output=True, check=True).stdout
    assert CANARY.encode() not in saved
    assert b"canary certificates" not in saved


def test_password_written_by_set_up_is_refused(provider_with: Maker, tmp_path: Path) -> None:
    """A set-up that stores the index in a file would publish it: the file is named, the password is not."""
    recipe = _recipe(tmp_path, setup=('echo "$PIP_INDEX_URL" > $SPLITCLOCK_PREFIX/pip.conf',))
    with pytest.raises(ImageError, match=r"/opt/environment/pip\.conf") as caught:
        provider_with(_host(tmp_path)).prepare(recipe, _quiet)
    assert CANARY not in str(caught.value)


def test_variables_win_over_files(tmp_path: Path) -> None:
    """As in pip: a variable replaces what a file says, and an index on this disk leaves nothing."""
    host = _host(tmp_path) | {"PIP_INDEX_URL": "https://other.invalid/simple", "PIP_EXTRA_INDEX_URL": "file:///x"}
    settings = read_host_settings(host)
    assert settings.env["PIP_INDEX_URL"] == "https://other.invalid/simple"
    assert "PIP_EXTRA_INDEX_URL" not in settings.env
    assert settings.ca_bundle == b"canary certificates\n"


def test_checkout_is_a_layer_made_once(provider: DockerProvider, tmp_path: Path) -> None:
    """The staged workspace is the snapshot as a clean one-commit repository of the agent, and is found again."""
    source = tmp_path / "source"
    (source / "pkg").mkdir(parents=True)
    (source / "pkg/mod.py").write_text("x = 1\n")
    (source / "run").write_text("#!/bin/sh\necho ran\n")
    (source / "run").chmod(0o755)
    (source / "link").symlink_to("pkg/mod.py")
    snapshot = Checkouts(tmp_path / "cache").from_folder(source)
    environment = provider.prepare(_recipe(tmp_path), _quiet)
    staged = provider.checkout_image(environment, snapshot)
    assert provider.checkout_image(environment, snapshot) == staged
    assert not provider.engine.containers({labels.KIND: "build", labels.OWNER: labels.owner()})
    with provider.open(BoxSpec(environment=environment, snapshot=snapshot)) as box:
        assert _out(box, "git status --porcelain; git rev-list --all --count; ./run; cat link") == "1\nran\nx = 1"
        assert _out(box, "echo 2 >> link && git commit -qam more && git log --format=%an -1") == "Developer"
        assert _out(box, "find . ! -user agent") == ""


def test_unstaged_snapshot_is_slower_not_different(provider: DockerProvider, tmp_path: Path) -> None:
    """A box of a snapshot that was never staged shows the same workspace."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.txt").write_text("a\n")
    snapshot = Checkouts(tmp_path / "cache").from_folder(tmp_path / "source")
    environment = provider.prepare(_recipe(tmp_path), _quiet)
    seen = []
    for _ in range(2):
        with provider.open(BoxSpec(environment=environment, snapshot=snapshot)) as box:
            seen.append(
                _out(
                    box,
                    "git rev-parse HEAD; git status --porcelain; find . -path ./.git -prune -o -print; ls -la a.txt",
                )
            )
        provider.stage(environment, snapshot)
    assert seen[0] == seen[1]


def test_base_image_of_a_registry_that_is_away_is_not_replaced(docker_provider: DockerProvider, cache: Path) -> None:
    """Who names a registry gets its image or an error that names it, not one built on the spot."""
    base = BaseImage(engine=docker_provider.engine, cache=cache, registry="127.0.0.1:9/x", ref="splitclock/test-base:1")
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:9/x/splitclock/base:bookworm"):
        base.ensure(_quiet)


@pytest.mark.slow
@pytest.mark.nightly  # on a fresh machine the same build comes before every other test
def test_base_image_is_built_from_debian_packages(docker_provider: DockerProvider, cache: Path) -> None:
    """Without any registry: minimal Debian with Python, venv, pip and git, which builds an environment."""
    if os.getuid() != 0 or not is_debian():
        pytest.skip("needs root on Debian or Ubuntu")
    engine, ref = docker_provider.engine, "splitclock/test-base:1"
    lines: list[str] = []
    try:
        base = BaseImage(engine=engine, cache=cache, environment=dict(os.environ), ref=ref)
        assert base.ensure(lines.append) == base.ensure(pytest.fail) == engine.image_id(ref)
        assert any("from Debian packages" in line for line in lines)
        with BuildContainer(engine, ref, HostSettings(), _quiet) as container:
            script = "set -e; python3 -m venv /opt/v; /opt/v/bin/pip --version; git --version; cat /etc/ssl/certs/*.crt"
            assert container.shell(script).exit_code == 0
    finally:
        engine.remove_image(ref)


def test_removed_image_is_an_error_with_a_next_step(provider: DockerProvider, docker_provider: DockerProvider) -> None:
    """Opening a box of an environment that was cleaned away says how to get it back."""
    assert isinstance(docker_provider.engine, Engine)
    gone = Environment(key="gone", digest="sha256:" + "0" * 64, workdir="/workspace")
    with pytest.raises(ImageError, match="gone was removed; start again"):
        provider.open(BoxSpec(environment=gone))


def test_what_set_up_generated_is_known_and_no_work_of_anybodys(provider: DockerProvider, tmp_path: Path) -> None:
    """What set-up left in the workspace stands in the environment, so that exports can leave it out."""
    lines = ("mkdir -p gen && echo made > gen/a.txt && ln -s a.txt gen/b && rm input.txt || true",)
    recipe = Recipe(name=_name(tmp_path), image=BASE, setup=lines, inputs=(File(path="input.txt", data=b"x"),))
    environment = provider.prepare(recipe, _quiet)
    again = provider.prepare(recipe, _quiet)
    assert environment == again
    assert environment.generated == {"gen/a.txt": fingerprint(File(path="gen/a.txt", data=b"made\n"))}
    assert environment.generated_links == {"gen/b": "a.txt"}
    with provider.open(BoxSpec(environment=environment)) as box:
        export = box.export(environment.generated)
    assert (export.files, export.links) == ((), {"gen/b": "a.txt"})
