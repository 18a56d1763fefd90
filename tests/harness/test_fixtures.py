"""Targets and features read from folders: what is right is loaded, what is wrong is named, all at once."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalogue import catalogue
from harness.digests import black_box_tests, feature_digest, hidden_tests, manifest_inputs, notes, trial_digests
from harness.edge import byte_size, relative_path
from harness.errors import ConfigError
from harness.features import Feature, Manifest, Source
from harness.fixture_files import read_manifest
from harness.fixtures import (
    SourceOverride,
    bundled_roots,
    load_features,
    load_target,
    narrow,
    parse_overrides,
    write_manifest,
)
from harness.prepare import source_digest
from sandbox.checkout import Checkouts

BASE, SOLUTION = "a" * 40, "b" * 40
TARGET = """
schema = 1
name = "{name}"
[source]
{source}
[environment]
image = "splitclock/base"
[tests]
runner = "pytest"
command = ["python", "-m", "pytest"]
protected = ["tests/", "conftest.py"]
"""
FOLDER_SOURCE = 'path = "app"'
GIT_SOURCE = f'git = "https://example.org/project"\ncommit = "{BASE}"'


def make_target(root: Path, name: str = "shop", source: str = FOLDER_SOURCE) -> Path:
    """A target's folder with an application of one file."""
    folder = root / name
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "main.py").write_text("print('hello')\n")
    (folder / "target.toml").write_text(TARGET.format(name=name, source=source))
    return folder


def make_feature(target: Path, name: str = "cart", more: str = "") -> Path:
    """A feature's folder with a brief and one hidden test."""
    folder = target / "features" / name
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_it.py").write_text("def test_it(): assert True\n")
    (folder / "brief.md").write_text("Build a cart.\n")
    (folder / "feature.toml").write_text(f'schema = 1\nname = "{name}"\n{more}')
    return folder


def make_git_feature(target: Path, name: str = "cart") -> Path:
    """A feature whose tests and reference come from a commit."""
    return make_feature(
        target, name, f'base = "{BASE}"\nsolution = "{SOLUTION}"\ntest_paths = ["tests/test_cart.py"]\n'
    )


def problems_of(roots: list[Path], *patterns: str, sources: dict[str, SourceOverride] | None = None) -> tuple[str, ...]:
    """What loading complains about."""
    with pytest.raises(ConfigError) as caught:
        load_features(roots, patterns, sources)
    return caught.value.problems


def keys(features: tuple[Feature, ...]) -> list[str]:
    """Their names as users write them."""
    return [feature.key for feature in features]


def test_target_is_read_whole(tmp_path: Path) -> None:
    """Every field of target.toml arrives, with sizes in bytes, folders made absolute and paths normalised."""
    folder = make_target(tmp_path)
    with (folder / "target.toml").open("a") as file:
        file.write('timeout_s = 60\n[service]\ncommand = ["serve"]\nready = "http://127.0.0.1:8000/health"\n')
        file.write('[limits]\ncpus = 2\nmemory = "512m"\npids = 64\ndisk = "1.5g"\n')
    target = load_target(folder)
    assert (target.name, target.folder) == ("shop", folder.resolve())
    assert target.source == Source(path=(folder / "app").resolve())
    assert target.suite.protected == ("tests", "conftest.py")
    assert target.suite.timeout_s == 60
    assert target.service is not None
    assert target.service.command == ("serve",)
    limits = target.limits
    assert (limits.cpus, limits.memory_bytes, limits.pids, limits.disk_bytes) == (2, 512 * 2**20, 64, 3 * 2**29)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_service_is_ready_at_the_loopback(tmp_path: Path, host: str) -> None:
    """The application's own loopback is all that black-box tests can reach."""
    folder = make_target(tmp_path)
    with (folder / "target.toml").open("a") as file:
        file.write(f'[service]\ncommand = ["serve"]\nready = "http://{host}:8000/health"\n')
    service = load_target(folder).service
    assert service is not None
    assert service.address == f"http://{host}:8000"


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1", "169.254.169.254", "[::]", "[2001:db8::1]"])
def test_service_elsewhere_is_refused(tmp_path: Path, host: str) -> None:
    """Any other address would be another machine's, or the host's: one line says so."""
    folder = make_target(tmp_path)
    with (folder / "target.toml").open("a") as file:
        file.write(f'[service]\ncommand = ["serve"]\nready = "http://{host}:8000/health"\n')
    with pytest.raises(ConfigError) as caught:
        load_target(folder)
    (line,) = caught.value.problems
    assert "service.ready" in line
    assert "127.0.0.1 only" in line


def test_every_problem_of_a_target_at_once(tmp_path: Path) -> None:
    """Unknown keys, wrong types, missing keys and misfits come together, one line each, with file and field."""
    folder = make_target(tmp_path)
    path = folder / "target.toml"
    path.write_text(
        'schema = 2\nname = "Shop!"\ndescripton = "x"\n[source]\npath = "app"\ngit = "https://example.org/x"\n'
        '[environment]\nsetup = "make"\nworkdir = "here"\ndockerfile = "../Dockerfile"\n'
        '[tests]\nrunner = "pytst"\ncommand = []\nprotected = ["/etc", "a/../b"]\ntimeout_s = "5"\n'
        '[limits]\nmemory = "2q"\npids = true\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_target(folder)
    lines = caught.value.problems
    assert lines == (
        f"{path}: schema: is 2; this Splitclock reads schema 1",
        f"{path}: name: `Shop!` should be lower-case letters, digits, `-`, `_` and `.`, a letter or digit first",
        f"{path}: source: needs exactly one of `path` (a folder) and `git` (a URL)",
        f"{path}: environment.dockerfile: `../Dockerfile` should be relative, without `..`",
        f'{path}: environment.setup: should be a valid list, not "make"',
        f"{path}: environment.workdir: `here` should be an absolute path below /, without `..`",
        f"{path}: tests.runner: should be 'pytest', 'node', 'go', 'tap' or 'junit', not \"pytst\"",
        f"{path}: tests.command: is empty",
        f"{path}: tests.protected.0: `/etc` should be relative, without `..`",
        f"{path}: tests.protected.1: `a/../b` should be relative, without `..`",
        f'{path}: tests.timeout_s: should be a valid number, not "5"',
        f'{path}: limits.memory: "2q" is no size; write "512m" or "2g"',
        f"{path}: limits.pids: should be a valid integer, not true",
        f"{path}: descripton: unknown key; did you mean `description`?",
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "needs exactly one of `path`"),
        ('git = "https://example.org/x"', "`git` needs `commit`"),
        (f'path = "app"\ncommit = "{BASE}"', "goes with `git`"),
        ('git = "https://example.org/x"\ncommit = "v1.0"', "40 lower-case hex digits"),
        (f'git = "--upload-pack=evil"\ncommit = "{BASE}"', "should be a git URL"),
        (f'git = "ext::sh -c evil"\ncommit = "{BASE}"', "should be a git URL"),
        (f'git = "https://me:secret@example.org/x"\ncommit = "{BASE}"', "holds a password"),
        ('path = "nowhere"', "source.path: no folder"),
        (r'path = "a\u0000b"', "cannot be a path here"),
        (f'path = "{"x" * 300}"', "cannot be a path here"),
    ],
)
def test_source_is_one_of_two(tmp_path: Path, source: str, said: str) -> None:
    """A source is a folder that exists, or a URL with a full commit; a password in it is not repeated."""
    with pytest.raises(ConfigError, match="source") as caught:
        load_target(make_target(tmp_path, source=source))
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema = = 1", "is not valid TOML: Invalid value (at line 1, column 10)"),
        ("schema = 1\nname = 'x'", "environment: is missing"),
        ("\udcff", "cannot be read"),
    ],
)
def test_broken_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    """A file that is no TOML, not text, or half empty is a line, not a traceback."""
    folder = make_target(tmp_path)
    (folder / "target.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigError) as caught:
        load_target(folder)
    assert any(said in line and str(folder) in line for line in caught.value.problems)


def test_image_or_dockerfile(tmp_path: Path) -> None:
    """An environment is an image or a Dockerfile that exists, never both."""
    folder = make_target(tmp_path)
    text = (folder / "target.toml").read_text()
    (folder / "target.toml").write_text(text.replace("[tests]", 'dockerfile = "Dockerfile"\n[tests]'))
    with pytest.raises(ConfigError, match="needs exactly one of `image`"):
        load_target(folder)
    (folder / "target.toml").write_text(text.replace('image = "splitclock/base"', 'dockerfile = "Dockerfile"'))
    with pytest.raises(ConfigError, match=r"environment\.dockerfile: no file"):
        load_target(folder)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    assert load_target(folder).environment.dockerfile == "Dockerfile"


def test_patterns_choose_features(tmp_path: Path) -> None:
    """Wildcards, plain names and whole targets; each feature once, in the order of the patterns."""
    for name in ("shop", "blog"):
        target = make_target(tmp_path, name)
        make_feature(target, "one")
        make_feature(target, "two")
    assert keys(load_features([tmp_path], ["shop/two", "shop/*"])) == ["shop/two", "shop/one"]
    assert keys(load_features([tmp_path], ["blog", "*/one"])) == ["blog/one", "blog/two", "shop/one"]


def test_pattern_that_matches_nothing_lists_what_is_known(tmp_path: Path) -> None:
    """It says what was perhaps meant, and what there is."""
    make_feature(make_target(tmp_path), "cart")
    assert problems_of([tmp_path], "shop/crat", "elsewhere/*") == (
        "feature `shop/crat` matches nothing; did you mean `shop/cart`?; known: shop/cart",
        "feature `elsewhere/*` matches nothing; known: shop/cart",
    )


def test_paths_need_no_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target's folder gives all its features, a feature's folder the one; neither is known by name."""
    target = make_target(tmp_path)
    make_feature(target, "one")
    make_feature(target, "two")
    monkeypatch.chdir(tmp_path)
    assert keys(load_features([], ["./shop"])) == ["shop/one", "shop/two"]
    assert keys(load_features([], [str(target / "features" / "two")])) == ["shop/two"]
    assert "feature `~nobody/x` matches nothing" in problems_of([], "~nobody/x")[0]
    assert "./nowhere` matches nothing: no target.toml" in problems_of([], "./nowhere")[0]


def test_user_shadows_bundled_target_as_a_whole(tmp_path: Path) -> None:
    """The earlier root's target of a name wins, and features of the later one are not mixed in."""
    mine, bundled = tmp_path / "mine", tmp_path / "bundled"
    make_feature(make_target(mine), "own")
    make_feature(make_target(bundled), "cart")
    make_feature(make_target(bundled, "other"), "thing")
    features = load_features([mine, bundled], ["*"])
    assert keys(features) == ["other/thing", "shop/own"]
    assert catalogue([mine, bundled]).shadowed == ((bundled / "shop").resolve(),)


def test_same_name_twice_is_an_error(tmp_path: Path) -> None:
    """Two targets of one name in one root, or one key from a root and from a path, are not chosen between."""
    first = make_target(tmp_path / "root")
    make_feature(first)
    copytree(first, tmp_path / "root" / "copy")
    assert "has the same name `shop`" in problems_of([tmp_path / "root"], "shop/*")[0]
    elsewhere = make_target(tmp_path / "elsewhere")
    make_feature(elsewhere)
    copytree(first, tmp_path / "clean" / "shop")
    (line,) = problems_of([tmp_path / "clean"], "shop/*", str(elsewhere))
    assert "has the same name `shop/cart`" in line


def test_root_without_targets_is_named(tmp_path: Path) -> None:
    """A mistyped --fixtures folder does not pass in silence."""
    assert "holds no target" in problems_of([tmp_path / "typo"], "shop/*")[0]


def test_broken_neighbour_does_no_harm(tmp_path: Path) -> None:
    """A target that nobody asked for is not checked; asked for, it is."""
    make_feature(make_target(tmp_path))
    broken = make_target(tmp_path, "broken")
    make_feature(broken)
    (broken / "target.toml").write_text("nonsense")
    assert keys(load_features([tmp_path], ["shop/*"])) == ["shop/cart"]
    assert "is not valid TOML" in problems_of([tmp_path], "*")[0]


def test_features_share_black_box_files_of_their_target(tmp_path: Path) -> None:
    """Two folders of one name become one; a path in both is refused, and so is one that is in neither."""
    target = make_target(tmp_path)
    with (target / "target.toml").open("a") as file:
        file.write('[service]\ncommand = ["serve"]\nready = "http://127.0.0.1:8000/"\n')
    feature = make_feature(target, more='black_box = ["acceptance", "target:acceptance"]\n')
    for folder, name in ((feature, "test_cart.py"), (target, "service.py")):
        (folder / "acceptance").mkdir()
        (folder / "acceptance" / name).write_text(name)
    (found,) = load_features([tmp_path], ["shop/*"])
    assert [file.path for file in black_box_tests(found)] == ["acceptance/service.py", "acceptance/test_cart.py"]
    (feature / "acceptance" / "service.py").write_text("another")
    with pytest.raises(ConfigError, match=r"acceptance/service\.py lies in the feature's folder and in its target's"):
        black_box_tests(found)
    make_feature(target, "other", 'black_box = ["target:nowhere"]\n')
    assert "black_box: no file or folder" in problems_of([tmp_path], "shop/other")[0]
    make_feature(target, "third", 'black_box = ["target:../x"]\n')
    assert "without `..`" in "\n".join(problems_of([tmp_path], "shop/third"))


def test_a_second_run_of_another_kind_is_another_measurement(tmp_path: Path) -> None:
    """The default leaves digests as they were before there was one; another makes a manifest stale."""
    target = make_target(tmp_path)
    make_feature(target)
    (before,) = load_features([tmp_path], ["shop/*"])
    text = (target / "target.toml").read_text()
    for second, same in (("fail_to_pass", True), ("all", False), ("none", False)):
        (target / "target.toml").write_text(text.replace("[tests]\n", f'[tests]\nsecond_run = "{second}"\n'))
        (after,) = load_features([tmp_path], ["shop/*"])
        assert (manifest_inputs(after) == manifest_inputs(before)) == same


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    """Features, manifests, patterns and overrides are complained about in one go."""
    target = make_target(tmp_path)
    empty = make_feature(target, "empty")
    (empty / "brief.md").write_text(" \n")
    (empty / "manifest.json").write_text('{"schema": 1, "fail_to_pass": "x", "pas_to_pass": []}')
    bare = make_feature(target, "bare", f'base = "{BASE}"\nblack_box = ["tests/a"]\n')
    (bare / "tests" / "test_it.py").unlink()
    (bare / "brief.md").unlink()
    lines = problems_of([tmp_path], "shop/*", "x/y", sources={"shp": SourceOverride()})
    text = "\n".join(lines)
    for said in (
        "feature `x/y` matches nothing",
        "--source or --working-tree shp: no target of that name; did you mean `shop`?",
        "bare/feature.toml: brief: no file",
        "bare/feature.toml: black_box: needs a [service]",
        "bare/feature.toml: base: only for targets from git",
        "bare/feature.toml: hidden tests: no file in",
        "is empty; say what the model is to build",
        'manifest.json: fail_to_pass: should be a valid list, not "x"',
        "manifest.json: pas_to_pass: unknown key; did you mean `pass_to_pass`?",
        "manifest.json: pass_to_pass: is missing",
    ):
        assert said in text, said
    assert len(lines) == 10


def test_git_features_need_their_commits(tmp_path: Path) -> None:
    """Base, solution and test paths are all wanted, and are no use when equal."""
    target = make_target(tmp_path, source=GIT_SOURCE)
    make_feature(target, "none")
    make_feature(target, "same", f'base = "{BASE}"\nsolution = "{BASE}"\ntest_paths = ["tests"]\n')
    text = "\n".join(problems_of([tmp_path], "*"))
    for field in ("base", "solution", "test_paths"):
        assert f"none/feature.toml: {field}: is missing; a feature of a git target needs it" in text
    assert "same/feature.toml: solution: is the same commit as `base`" in text


def test_git_feature_is_read(tmp_path: Path) -> None:
    """Its tests are in git: none in the folder are needed or taken."""
    folder = make_git_feature(make_target(tmp_path, source=GIT_SOURCE))
    (folder / "tests" / "test_it.py").unlink()
    (feature,) = load_features([tmp_path], ["shop/cart"])
    assert (feature.base, feature.solution, feature.test_paths) == (BASE, SOLUTION, ("tests/test_cart.py",))
    assert feature.brief == "Build a cart.\n"
    assert hidden_tests(feature) == ()


def test_repository_beside_the_file(tmp_path: Path) -> None:
    """A relative repository means the same from wherever it is loaded; other URLs are left as they are."""
    for git, meant in (("../repo", str(tmp_path / "repo")), ("ssh://git@[::1]/x", "ssh://git@[::1]/x")):
        folder = make_target(tmp_path / git[-1], source=f'git = "{git}"\ncommit = "{BASE}"')
        found = load_target(folder).source.git
        assert found == meant.replace(str(tmp_path), str(folder.parent))


def test_overrides_replace_the_source(tmp_path: Path) -> None:
    """A clone takes the URL's place at the same commit; a working tree is taken as it is, and serves as clone too."""
    folder = make_target(tmp_path, source=GIT_SOURCE)
    clone = tmp_path / "clone"
    (clone / ".git").mkdir(parents=True)
    given = parse_overrides([f"shop={clone}"])
    assert load_target(folder, given).source == Source(git=str(clone.resolve()), commit=BASE)
    given = parse_overrides(working_tree=[f"shop={clone}"])
    tree = load_target(folder, given).source
    assert tree == Source(path=clone.resolve(), working_tree=True, git=str(clone.resolve()), commit=BASE)
    plain = make_target(tmp_path / "other")
    assert load_target(plain, given).source == Source(path=clone.resolve(), working_tree=True)


def test_bad_overrides_come_together(tmp_path: Path) -> None:
    """A missing NAME= and a missing folder are both named, with the option."""
    with pytest.raises(ConfigError) as caught:
        parse_overrides([str(tmp_path)], [f"shop={tmp_path}/none"])
    first, second = caught.value.problems
    assert first.endswith("write --source NAME=PATH, NAME being the target's")
    assert second == f"--working-tree shop={tmp_path}/none: no such folder"


def test_slice_narrows_and_never_widens(tmp_path: Path) -> None:
    """A slice keeps what it matches, by name or path; what the matrix does not hold is an error."""
    target = make_target(tmp_path)
    make_feature(target, "one")
    folder = make_feature(target, "two")
    features = load_features([tmp_path], ["shop/*"])
    assert narrow(features, ()) == features
    assert keys(narrow(features, ["shop/tw?"])) == keys(narrow(features, [str(folder)])) == ["shop/two"]
    with pytest.raises(ConfigError, match="--feature shop/tow: not in this matrix; did you mean `shop/two`"):
        narrow(features, ["shop/tow"])


def test_manifest_survives_the_disk(tmp_path: Path) -> None:
    """Written sorted, the same bytes for the same content, and read back equal."""
    folder = make_feature(make_target(tmp_path))
    (feature,) = load_features([tmp_path], ["shop/cart"])
    manifest = Manifest(
        fail_to_pass=("b", "a", "a"),
        pass_to_pass=("tests/test_ü.py::x[\n]",),
        duration_s=(1.23456, 2),
        made_from={"z": "1"},
    )
    path = write_manifest(feature, manifest)
    first = path.read_bytes()
    again = read_manifest(path)
    assert again is not None
    assert again.fail_to_pass == ("a", "b")
    assert again.pass_to_pass == manifest.pass_to_pass
    assert again.duration_s == (1.235, 2.0)
    assert write_manifest(feature, again).read_bytes() == first
    assert json.loads(first)["schema"] == 1
    assert sorted(one.name for one in folder.iterdir()) == ["brief.md", "feature.toml", "manifest.json", "tests"]


def test_digest_follows_what_is_measured(tmp_path: Path) -> None:
    """Brief, hidden tests, test lists and target settings change it; comments, references and durations do not."""
    folder = make_feature(make_target(tmp_path))

    def now() -> str:
        (feature,) = load_features([tmp_path], ["shop/cart"])
        return feature_digest(feature)

    seen = [now()]
    target = tmp_path / "shop" / "target.toml"
    target.write_text("# a comment\n" + target.read_text())
    (folder / "solution.patch").write_text("--- a\n")
    (folder / "turns").mkdir()
    (folder / "turns" / "demo.jsonl").write_text("{}\n")
    (folder / "tests" / "__pycache__").mkdir()
    (folder / "tests" / "__pycache__" / "test_it.cpython-311.pyc").write_bytes(b"x")
    assert now() == seen[0]
    for path, text in (
        (folder / "brief.md", "Build two.\n"),
        (folder / "tests" / "test_it.py", "def test_it(): assert 1\n"),
        (folder / "tests" / "test_more.py", ""),
        (folder / "manifest.json", '{"schema": 1, "fail_to_pass": ["a"], "pass_to_pass": []}'),
        (target, target.read_text() + "timeout_s = 5\n"),
    ):
        path.write_text(text)
        seen.append(now())
    assert len(set(seen)) == len(seen)
    (folder / "manifest.json").write_text(
        '{"schema": 1, "fail_to_pass": ["a"], "pass_to_pass": [], "duration_s": [1.0, 2.0]}'
    )
    assert now() == seen[-1]


def test_notes_tell_what_had_better_be_there(tmp_path: Path) -> None:
    """No manifest, a stale one, no reference: a line with the next step; nothing when all is well."""
    folder = make_feature(make_target(tmp_path))

    def load() -> Feature:
        return load_features([tmp_path], ["shop/cart"])[0]

    assert [line.split(";")[0] for line in notes(load())] == [
        "shop/cart: no manifest.json",
        "shop/cart: no solution.patch, so nothing shows that the feature can be built",
    ]
    (folder / "solution.patch").write_text("--- a\n")
    feature = load()
    write_manifest(feature, Manifest(fail_to_pass=("a",), pass_to_pass=(), made_from=manifest_inputs(feature)))
    assert notes(load()) == ()
    (folder / "solution.patch").write_text("--- b\n")
    stale = "shop/cart: reference changed since manifest.json was made; run `splitclock validate shop/cart`"
    assert notes(load()) == (stale,)


def test_trial_digests_hold_scripts_apart(tmp_path: Path) -> None:
    """A script, or the reference it is made from, changes its own digest; sources and settings change the feature's."""
    folder = make_feature(make_target(tmp_path))
    (folder / "turns").mkdir()
    script = folder / "turns" / "demo.jsonl"
    script.write_text('{"content": "a"}\n')
    features = load_features([tmp_path], ["shop/cart"])
    first = trial_digests(features, {"shop/cart": "s"}, ["demo"], {})
    script.write_text('{"content": "b"}\n')
    second = trial_digests(features, {"shop/cart": "s"}, ["demo"], {})
    assert first["shop/cart"] == second["shop/cart"]
    assert first["shop/cart:demo"] != second["shop/cart:demo"]
    made = trial_digests(features, {"shop/cart": "s"}, ["reference"], {})["shop/cart:reference"]
    (folder / "solution.patch").write_text("--- a\n")
    assert trial_digests(features, {"shop/cart": "s"}, ["reference"], {})["shop/cart:reference"] != made
    assert trial_digests(features, {"shop/cart": "t"}, [], {})["shop/cart"] != first["shop/cart"]
    assert trial_digests(features, {"shop/cart": "s"}, [], {"sandbox": "local"})["shop/cart"] != first["shop/cart"]


def test_hidden_tests_keep_mode_and_path(tmp_path: Path) -> None:
    """Paths are those in the workspace, the executable bit is kept, caches are left out."""
    folder = make_feature(make_target(tmp_path))
    (folder / "tests" / "deep").mkdir()
    (folder / "tests" / "deep" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "tests" / "deep" / "run.sh").chmod(0o755)
    (folder / "tests" / "old.pyc").write_bytes(b"x")
    (feature,) = load_features([tmp_path], ["shop/cart"])
    assert [(file.path, file.executable) for file in hidden_tests(feature)] == [
        ("tests/deep/run.sh", True),
        ("tests/test_it.py", False),
    ]


def test_bundled_targets_load() -> None:
    """Everything that comes with Splitclock is sound, and found without being told where."""
    roots = bundled_roots()
    assert roots
    assert load_features(roots, ["*"])


def test_bundled_manifests_are_fresh() -> None:
    """Whatever changes what a manifest is made from, those that come with Splitclock were made anew, or still stand."""
    made = [feature for feature in load_features(bundled_roots(), ["*"]) if feature.manifest is not None]
    assert made
    assert [line for feature in made for line in notes(feature)] == []


def test_settings_that_came_later_leave_older_manifests_and_trials_alone(tmp_path: Path) -> None:
    """A target that sets nothing new has the digests that it had before the new settings were there to be set."""
    folder = make_feature(make_target(tmp_path))

    def now() -> tuple[str, str]:
        feature = load_features([tmp_path], ["shop/cart"])[0]
        return manifest_inputs(feature)["tests"], feature_digest(feature)

    before = "e54edc02dafefcf9e14bfc49379524ec", "0b0b60770746ba0e1c272cfc5ae48a0b"
    assert now() == before
    target = folder.parents[1] / "target.toml"
    text = target.read_text()
    target.write_text(f'{text}probes = true\n[limits]\ndisk_quota = "watch"\n')
    assert now() == before
    seen = {before}
    for more in ("probes = false\n", '[limits]\ndisk_quota = "hard"\n'):
        target.write_text(text + more)
        seen.add(now())
    assert len(seen) == 3


def test_bundled_targets_are_found_in_a_wheel(tmp_path: Path) -> None:
    """Of an installed package the folder `bundled` is used, not what happens to lie beside the package."""
    package = Path(__file__).parents[2] / "harness"
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in package.rglob("*.py"):
            packed.write(path, path.relative_to(package.parent))
        for path in (package.parent / "sandbox").glob("*.py"):
            packed.write(path, path.relative_to(package.parent))
    site = tmp_path / "site"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(site)
    make_feature(make_target(site / "harness" / "bundled" / "fixtures"))
    make_feature(make_target(site / "fixtures", "stray"))
    code = "from harness.fixtures import *; print([f.key for f in load_features(bundled_roots(), ['*'])])"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site,
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "['shop/cart']"


@given(st.integers(16, 2000), st.sampled_from("mgt"), st.sampled_from(["", "b", "B", "iB"]))
def test_sizes_are_powers_of_1024(number: int, unit: str, rest: str) -> None:
    """Units count by 1,024, in either case, with or without a trailing b."""
    expected = number * 1024 ** ("kmgt".index(unit) + 1)
    assert byte_size(f"{number}{unit}{rest}") == byte_size(f"{number}{unit.upper()}{rest}") == expected
    assert byte_size(expected) == expected


@given(st.text(max_size=12))
def test_sizes_are_numbers_or_errors(text: str) -> None:
    """Whatever is written becomes at least 16 MiB, or a ValueError; nothing else escapes."""
    try:
        size = byte_size(text)
    except ValueError:
        return
    assert size >= 16 * 2**20


@given(st.text(alphabet="ab./\\~ \0", max_size=12))
def test_relative_paths_stay_below(text: str) -> None:
    """A path that is let through never leaves its folder."""
    try:
        path = Path("/root") / relative_path(text)
    except ValueError:
        return
    assert path.parts[:2] == ("/", "root")
    assert len(path.parts) > 2
    assert ".." not in path.parts


def test_bundled_manifests_were_made_from_the_source_that_is_there(tmp_path: Path) -> None:
    """A cache left in an application's folder while its feature was validated would make every run of it refused."""
    checkouts = Checkouts(tmp_path, {})
    found = [one for one in load_features(bundled_roots(), ["*"]) if one.target.source.path is not None]
    assert found
    for feature in found:
        assert feature.manifest is not None
        assert feature.manifest.made_from["snapshot"] == source_digest(feature, checkouts), feature.key
