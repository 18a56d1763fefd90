"""The wheel: built from the tree, installed where nothing else of the tree is, and at work there."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.end_to_end.desk import Desk

pytestmark = pytest.mark.slow

TREE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A virtual environment with the wheel in it; third parties are found in the tests' own environment."""

    wheel: Path
    desk: Desk
    packages: Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build it, and install it without the tree in sight."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--outdir", folder, TREE)
    done = subprocess.run(build, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = folder.glob("*.whl")
    home = folder / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    install = (sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--no-deps", "--no-index")
    subprocess.run([*install, wheel], capture_output=True, check=True, cwd=folder)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "third-parties.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (folder / "work").mkdir()
    desk = Desk(folder=folder / "work", cache=folder / "cache", argv=(str(home / "bin" / "splitclock"),))
    return Installed(wheel=wheel, desk=desk, packages=packages)


def test_wheel_holds_packages_and_fixtures_only(installed: Installed) -> None:
    """Three packages and the bundled data, without tests and without what running leaves behind."""
    with zipfile.ZipFile(installed.wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"harness", "sandbox", "scoreboards"}
    assert "harness/bundled/examples/demo.toml" in names
    assert "harness/prompts/system.md" in names
    for target in ("bookings", "ledgerline"):
        assert any(name.startswith(f"harness/bundled/fixtures/{target}/features/") for name in names)
    assert "harness/bundled/fixtures/ledgerline/app/src/cli.js" in names
    assert any(name.startswith("harness/bundled/examples/external/") for name in names)
    litter = (".pyc", ".sqlite", ".db", ".pytest_cache")
    assert not [name for name in names if name.endswith(litter) or "__pycache__" in name]


def test_installed_command_says_its_version(installed: Installed) -> None:
    """`splitclock --version`, and --help lists every verb."""
    assert installed.desk.must("--version").out == f"splitclock {version('splitclock')}\n"
    helped = installed.desk.must("--help").out
    assert all(verb in helped for verb in ("demo", "run", "plan", "status", "validate", "board", "doctor", "clean"))


def test_installed_demo_is_planned_from_inside(installed: Installed) -> None:
    """The bundled demonstration and its fixtures are found in the installation, in an empty folder."""
    demo = installed.packages / "harness" / "bundled" / "examples" / "demo.toml"
    planned = installed.desk.must("plan", demo, "--json").json()
    assert {trial["model"] for trial in planned["trials"]} == {"fast", "frontier"}
    assert len(planned["trials"]) == 2 * len({trial["feature"] for trial in planned["trials"]}) >= 6
    assert all(trial["feature"].startswith("bookings/") for trial in planned["trials"])
    assert planned["receivers"] == {}


def test_installed_package_is_not_the_tree(installed: Installed) -> None:
    """What runs is what the wheel brought, not this tree's code."""
    python = Path(installed.desk.argv[0]).with_name("python")
    where = "import harness.bundle; print(harness.bundle.home())"
    said = Desk(folder=installed.desk.folder, cache=installed.desk.cache, argv=(str(python),)).must("-c", where)
    assert Path(said.out.strip()) == installed.packages / "harness" / "bundled"
