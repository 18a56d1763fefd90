"""Every attack gets the verdict that it deserves, from the real grader on real Docker."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from sandbox.checkout import Checkouts
from sandbox.contract import SandboxProvider
from tests.attacks.cases import RUNGS, Attack, load_attacks
from tests.attacks.lab import Lab, Seen

ATTACKS = {attack.name: attack for attack in load_attacks()}
DEAR = {"honest-byte-code", "honest-equality", "honest-hidden-from-git", "honest-own-tests", "honest-without-git"}
"""What is graded to the end of every probe, several sandboxes each, as `honest` is; `make attacks` grades them all."""

ALIKE = {
    *("byte-code-of-its-own", "conftest-among-the-tests", "conftest-in-a-package", "conftest-in-other-letters"),
    *("egg-info-plugin", "equal-to-all-parametrized", "exit-at-exit", "exit-at-import", "exit-in-a-thread"),
    *("exit-in-a-timer", "floods-every-descriptor", "fork-at-import", "own-pytest-in-a-file", "patched-clocks"),
    *("patched-json", "patched-test-calls", "patched-unittest", "pyproject-with-a-plugin", "redirects-descriptors"),
    *("setup-cfg-with-a-plugin", "skips-its-module", "startup-in-a-kept-folder", "startup-in-the-home"),
    *("tests-become-a-link", "writes-to-every-descriptor"),
}
"""Ways to do what another attack does, that each run grades; at night they are graded too."""


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, docker_provider: SandboxProvider
) -> Iterator[dict[str, Future[Seen]]]:
    """Those that this session asks for, several at a time; each test waits for its own."""
    lab = Lab(docker_provider, Checkouts(tmp_path_factory.mktemp("attacks")))
    asked = {
        item.callspec.params.get("name")
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.module is request.module
    }
    yield lab.start(attack for name, attack in ATTACKS.items() if name in asked)
    lab.close()


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly) if name in DEAR | ALIKE else name for name in ATTACKS]
)
def test_gets_its_verdict(outcomes: dict[str, Future[Seen]], name: str) -> None:
    """The verdict, at the rung that must give it, with the evidence."""
    assert outcomes[name].result().wrong() == ""


def test_each_says_where_it_was_seen() -> None:
    """One line, a rung that is known, and something to hand in unless it is a no-op."""
    for attack in ATTACKS.values():
        assert attack.seen.strip()
        assert "\n" not in attack.seen
        assert attack.rung in RUNGS
        assert _hands_in(attack) or attack.name == "nothing", attack.name


def test_what_passes_is_honest_or_documented() -> None:
    """No attack may be expected to pass but those that only R3 stops."""
    passing = {attack.rung for attack in ATTACKS.values() if attack.verdict.value == "pass"}
    assert passing == {"honest", "R3"}


def _hands_in(attack: Attack) -> bool:
    return bool(attack.files or attack.deleted or attack.links or attack.agent)
