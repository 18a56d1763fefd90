"""The command: a baseline is set once, and only a run that was measured alike takes its place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from tests.harness.baselines.finished import FACTS, finished

Give = Callable[..., tuple[int, str, str]]


@pytest.fixture
def give(store_text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Give:
    """Gives `splitclock baseline ...` at a store; returns its exit code and what it printed."""
    monkeypatch.setenv("SPLITCLOCK_BASELINES", store_text)
    monkeypatch.setenv("SPLITCLOCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def given(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["baseline", *map(str, arguments)])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    return given


def test_set_show_promote_list(give: Give, tmp_path: Path) -> None:
    """The way that a CI goes with them."""
    monday, tuesday = finished(tmp_path / "monday"), finished(tmp_path / "tuesday", passed=2)
    code, out, _ = give("list")
    assert code == 0
    assert "no baseline yet" in out
    code, out, _ = give("set", monday, "--as", "main")
    assert code == 0
    assert "monday, 1 of 2 trials solved" in out
    assert "kB" in out
    code, _, err = give("set", tuesday, "--as", "main")
    assert code == 2
    assert "is there already" in err
    code, out, err = give("promote", tuesday, "--as", "main", "--json", "--remark", "commit\n 12ab")
    assert (code, err) == (0, "")
    shown = json.loads(give("show", "main", "--json")[1])
    assert {**json.loads(out), "versions": shown["versions"]} == shown
    assert shown["remark"] == "commit 12ab"
    assert (shown["run"], shown["models"]) == ("tuesday", {"fast": {"scored": 2, "passed": 2}})
    assert [one["run"] for one in shown["versions"]] == ["tuesday", "monday"]
    code, out, _ = give("show", "main")
    for part in (
        "tuesday",
        "by splitclock 0.1.0",
        "1 features x 2 repeats",
        "2 of 2, 100 %",
        shown["digest"],
        "monday",
    ):
        assert part in out
    assert "tuesday" in give("list")[1]
    assert give("show", f"main@{shown['versions'][1]['version'][:12]}")[0] == 0


def test_the_same_run_again_is_nothing_to_do(give: Give, tmp_path: Path) -> None:
    """A job that is run again makes no other version."""
    run = finished(tmp_path / "nightly")
    give("set", run, "--as", "main")
    code, _, err = give("promote", run, "--as", "main")
    assert code == 0
    assert "is this run already" in err
    assert len(json.loads(give("show", "main", "--json")[1])["versions"]) == 1


CHANGES: dict[str, dict[str, Any]] = {
    "target": {"features": {"shop/one": {"source": "other", "tests": "b", "manifest": "c", "brief": "d"}}},
    "manifest": {"features": {"shop/one": {"source": "a", "tests": "b", "manifest": "other", "brief": "d"}}},
    "limits": {"limits": {"turns": 99}},
    "host": {"facts": {"cores": "64"}},
    "parallel": {"facts": {"parallel_trials": "8"}},
    "sandbox": {"facts": {"sandbox": "docker"}},
}


IN_A_FOLDER = pytest.mark.parametrize("store_text", ["folder"], indirect=True)


@IN_A_FOLDER
@pytest.mark.parametrize("kind", CHANGES)
def test_drift_is_refused_unless_it_is_named(give: Give, tmp_path: Path, kind: str) -> None:
    """One line that says what differs and how to take it; what was taken is kept in the note."""
    give("set", finished(tmp_path / "monday"), "--as", "main")
    other = finished(tmp_path / "tuesday", **CHANGES[kind])
    code, _, err = give("promote", other, "--as", "main")
    assert code == 2
    lines = [line for line in err.splitlines() if line]
    assert lines
    assert all(f"main: {kind}: " in line and f"--allow {kind}" in line for line in lines), err
    assert json.loads(give("show", "main", "--json")[1])["run"] == "monday"
    code, _, err = give("promote", other, "--as", "main", "--allow", kind)
    assert code == 0
    assert f"allowed: {kind}: " in err
    (words, *_) = json.loads(give("show", "main", "--json")[1])["differences"]
    assert words.startswith(f"{kind}: ")


@IN_A_FOLDER
def test_several_differences_are_told_at_once(give: Give, tmp_path: Path) -> None:
    """A line each; to allow one does not allow the other."""
    give("set", finished(tmp_path / "monday"), "--as", "main")
    facts: dict[str, Any] = {"facts": {"cores": "64"}, "limits": {"turns": 99}}
    code, _, err = give("promote", finished(tmp_path / "tuesday", **facts), "--as", "main", "--allow", "host")
    assert code == 2
    assert "limits: " in err
    assert "host: " not in err


@IN_A_FOLDER
def test_a_new_harness_is_told_and_taken(give: Give, tmp_path: Path) -> None:
    """What a gate takes by default, a promotion does, but not silently; a policy may say otherwise."""
    give("set", finished(tmp_path / "monday"), "--as", "main")
    newer = finished(tmp_path / "tuesday", facts={**FACTS, "splitclock": "0.2.0"})
    policy = tmp_path / "gate.toml"
    policy.write_text("schema = 1\n[comparable]\nallow = []\n")
    code, _, err = give("promote", newer, "--as", "main", "--policy", policy)
    assert code == 2
    assert "harness: " in err
    code, _, err = give("promote", newer, "--as", "main")
    assert code == 0
    assert "allowed: harness: " in err


@IN_A_FOLDER
def test_what_cannot_be_promoted_is_told(give: Give, tmp_path: Path) -> None:
    """No baseline of that name, no such kind, no store."""
    run = finished(tmp_path / "nightly")
    code, _, err = give("promote", run, "--as", "main")
    assert code == 2
    assert "baseline set RUN --as main" in err
    give("set", run, "--as", "main")
    code, _, err = give("promote", run, "--as", "main", "--allow", "weather")
    assert code == 2
    assert "weather" in err
    assert give("set", tmp_path / "gone", "--as", "x")[0] == 2


def test_which_store_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where neither the option nor the variable names one."""
    monkeypatch.delenv("SPLITCLOCK_BASELINES", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["baseline", "set", str(finished(tmp_path / "nightly")), "--as", "main"])
    assert ended.value.code == 2
    assert "SPLITCLOCK_BASELINES" in capsys.readouterr().err
