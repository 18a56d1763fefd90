"""Classes of work: what common command lines do, and that no text holds the harness up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import WORK
from harness.work import work_of
from harness.work_programs import task
from harness.work_shell import MOST_CHARACTERS, MOST_PARTS, Part, parts
from harness.work_tables import DEAREST_FIRST, NOTHING, PROGRAMS, TASK_RUNNERS, TASKS

KNOWN = {
    "test": (
        "cd /workspace && source .venv/bin/activate && pytest",
        "PYTHONDONTWRITEBYTECODE=1 python -B -m unittest discover -s tests -v 2>&1 | tail -30",
        "python -u -W ignore -m pytest",
        "timeout 300s make -j$(nproc) test | tee log",
        "git stash && pytest; git stash pop",
        "bundle exec rspec",
        "composer test",
        "./vendor/bin/phpunit",
        "mvn test",
        "dotnet test",
        "cmake --build build && ctest --output-on-failure",
        "npm --prefix web test",
        "yarn --cwd x test",
        "pnpm -r test",
        "pnpm --filter web test",
        "(cd frontend && npm run build) && (cd ../ && pytest)",
        "while true; do pytest; sleep 1; done",
        "xvfb-run -a npm test",
        "./test",
        "go -C sub test ./...",
        "deno test",
        "bun test",
        "hatch run test:cov",
        "nox -s tests",
        "python -m nox",
        "python manage.py makemigrations && python manage.py test app",
        "cat <<'EOF' | sh\npytest\nEOF",
        "node --test-reporter=spec --test",
        "just test",
        "strace -f -o t.log pytest",
        "zsh -ic 'pytest'",
        '/bin/sh -ec "make && make test"',
        "time (pytest)",
        "pytest&",
        "pytest;pytest",
        "FOO=$(pytest) echo x",
        "pytest -q",
        "cd app && python -m pytest -x tests 2>&1 | tail -20",
        "PYTHONPATH=. env A=b timeout -k 5 60 python3.11 -m pytest",
        "sudo -u agent nice -n 10 pytest",
        "time pytest",
        "( cd a; make test ) & wait",
        "sh -c 'cd a && pytest'",
        'bash -lc "pytest -k \\"a b\\""',
        "bash -o pipefail -c \"sh -c 'go test ./...'\"",
        "uv run pytest",
        "uv run --with x -p 3.12 pytest -q",
        "poetry run python -m unittest",
        "npx --yes jest",
        "npm test",
        "npm run test:unit -- --watch=false",
        "yarn test",
        "make test",
        "make -C sub -j4 check",
        "go test ./...",
        "cargo test --workspace",
        "cargo --manifest-path x/Cargo.toml test",
        "tox -e py311",
        "nox",
        "node --test tests/",
        "cat > f <<'EOF' && pytest\nhi\nEOF\n",
        "export A=1; pytest",
        'find . -type d -exec sh -c "pytest" {} +',
        "fd -e py -x pytest",
        "python manage.py test",
        "python -W error -Im pytest",
        "python -mpytest",
        "./scripts/test.sh",
        "bash run_tests.sh",
        "frobnicate && pytest",
        "echo $(pytest)",
        "if [ -f x ]; then pytest; else exit 1; fi",
        "f() { pytest; }; f",
        "case $x in a) pytest;; esac",
        "pytest 'unclosed",
        "pytest && (",
        "bash <<'EOF'\ncd x\npytest\nEOF\n",
        "coverage run --source x -m pytest",
        "p'y't\"est\" -q",
        "\\pytest",
        "/usr/bin/env python3 -m pytest",
        ".venv/bin/pytest",
        ".venv/bin/python -m pytest",
        'eval "pytest -q"',
        "pytest > out.txt 2>&1; tail out.txt",
        "mvn -q -pl core test",
        "./gradlew :app:test",
    ),
    "build": (
        "cmake --build build",
        "rm -rf build && python setup.py build_ext --inplace",
        "./build",
        "cargo clippy",
        "python -m build",
        "uv run --extra dev mypy src",
        "uvx ruff check",
        "tsc -p .",
        "pre-commit run -a",
        "make -f Other.mk",
        "make clean all",
        "invoke lint",
        "npm run build",
        "npm run lint",
        "npx tsc --noEmit",
        "yarn eslint .",
        "make",
        "make CFLAGS=-O2 all",
        "go build ./...",
        "go vet ./...",
        "cargo build --release",
        "find . -name '*.py' | xargs -n 1 -P 4 python -m py_compile",
        "find . -name '*.sh' -exec bash -c 'shellcheck \"$0\"' {} \\;",
        "gcc -o a a.c && ./a",
        "mypy . | tail -5",
        "ruff check .",
    ),
    "install": (
        "pip install . && python -c 'import x'",
        "bun install",
        "python -m venv .venv",
        "uv sync",
        "uv pip install -e .",
        "poetry install",
        "apt-get install -y ripgrep >/dev/null 2>&1; rg x",
        "npm ci",
        "yarn",
        "make install",
        "go mod download",
        "python -m pip install -r requirements.txt",
        "pip3 install -e .",
        "apt-get update && apt-get install -y x",
        "apk add git",
        "npm install lodash",
        "bash setup-db.sh",
    ),
    "run": (
        "python3 <<'PY'\nprint(1)\nPY",
        "nohup python app.py > log 2>&1 &\nsleep 2\ncurl localhost",
        "go run main.go",
        "python -m http.server &",
        "uv run app.py",
        "alembic upgrade head | tail",
        "sh run.sh",
        "sh -s < script.sh",
        "npm run start",
        "npm run whatever",
        "node index.js",
        "perl -MFile::Find -e 'print 1'",
        "cat > f <<'EOF'\nhi\nEOF\npython f",
        "python - <<'EOF'\nprint(1)\nEOF\n",
        "python - <<'EOF' | grep x\nprint(1)\nEOF\n",
        "python script.py",
        "python -c 'print(1)'",
        "python manage.py migrate",
        "./run",
        "./run --x | tail -3",
        "curl -s localhost:8000",
    ),
    "search": (
        "grep -n x f > out",
        'grep -rn "pytest" .',
        "busybox grep x f",
        "git -c core.pager=cat grep foo",
        "grep -rn foo . 2>/dev/null | head",
        "cat f | grep x",
        "rg foo && cat a",
        "find . -name '*.py' | xargs grep -l foo",
        "find . -delete",
        "tree -L 2",
        "! grep -q x y",
    ),
    "vcs": (
        "diff <(git show HEAD:a) a",
        "git diff > patch.diff",
        'git commit -m "run pytest"',
        "git ls-files | xargs wc -l",
        "declare X=$(git log)",
        "git status",
        "git -C sub diff HEAD~1 -- a.py",
        "git log --oneline | head -5",
        "X=$(git rev-parse HEAD)",
    ),
    "edit": (
        "printf 'a\nb' > f && chmod +x f",
        "gofmt -l .",
        "poetry run black .",
        'echo "a" | tee -a f',
        "xargs -a list.txt rm",
        "make clean",
        "git apply fix.patch",
        "sed -i 's/a/b/' a.py",
        "sed -Ei.bak 's/a/b/' a.py",
        "sed --in-place s/a/b/ x",
        "perl -pi -e 's/a/b/' x",
        "cat > f <<'EOF'\nimport pytest\nEOF\n",
        "echo hi >> notes.txt",
        "tee out.txt < in.txt",
        "patch -p1 < a.diff",
        "ruff format .",
        "for f in *.py; do sed -i s/a/b/ $f; done",
        "mkdir -p a && mv b a/ && rm -rf c && touch d && chmod +x d",
        "cat a b &> c",
    ),
    "read": (
        "python -m pip --version",
        "awk 'NR>=10 && NR<=20' f",
        "cat a | tee /dev/null",
        "env",
        "env | sort",
        "cat <<'EOF'\npytest\nEOF",
        "sed -n '1,20p' a.py",
        "sed -e 's/i/j/' a.py",
        "cat <<EOF\nhi\nEOF\n",
        "set -e; cd x; cat a",
        "ls -la src",
        "ls | tee /dev/stderr",
        "pip list",
        "while read l; do cat $l; done < files",
        "command -v pytest",
        "which python",
        "coverage report",
        "ls 2> err.txt",
    ),
    "other": (
        "true",
        "",
        "ls nonexistent || frobnicate",
        'echo "pytest"',
        "# pytest",
        'eval "$(cat cmd)"',
        "echo hi > /dev/null",
        "echo hi",
        "cd x",
        "frobnicate",
        "frobnicate | tail -5",
        "$CMD x",
        "sleep 1",
        "docker ps",
    ),
}
"""Command lines as models write them, by their class."""


CASES = [(command, work) for work, commands in KNOWN.items() for command in commands]


@pytest.mark.parametrize(("command", "work"), CASES, ids=lambda value: value[:40])
def test_class_of_a_command_line(command: str, work: str) -> None:
    """What a command line does is told by its dearest part, behind whatever stands before the program."""
    assert work_of(command) == work


def test_every_class_is_one_of_the_record_s() -> None:
    """The tables name no class that a record does not know, and the order has them all."""
    named = {*PROGRAMS.values(), *TASKS.values(), *TASK_RUNNERS.values()} - {NOTHING}
    assert named <= set(WORK)
    assert set(DEAREST_FIRST) == {*WORK, NOTHING}


def test_commands_are_found_wherever_they_stand() -> None:
    """Loops, substitutions, functions and heredocs hold commands too; words have lost their quotes."""
    script = "f() { a 'b c'; }; for x in $(d \"e $y\"); do g\\ h; done < i; j <<E | k > l\nm\nE\n"
    found = list(parts(script))
    assert [part.words for part in found] == [("a", "b c"), ("d", "e $y"), ("g h",), ("j",), ("k",), ()]
    assert Part(words=("j",), heredoc="m\n") in found


def test_broken_text_gives_what_can_be_recognised() -> None:
    """A missing quote or bracket does not hide the command before it."""
    for broken in ("pytest 'x", "cd a && pytest -k (", "(pytest", "pytest | ", "pytest <<EOF\nx"):
        assert work_of(broken) == "test"


def test_shells_within_shells_are_looked_into_so_far_and_no_further() -> None:
    """Nested code is found to a fixed depth; deeper it is unknown, not an error."""
    assert work_of("sh -c 'sh -c \"pytest\"'") == "test"
    assert work_of("eval " * 3 + "pytest") == "test"
    assert work_of("eval " * 50 + "pytest") == "other"


def test_names_of_tasks_are_read_word_by_word() -> None:
    """A task is known by a word of its name; the dearest counts."""
    assert [task(name) for name in ("lint:css", "unit-test", "run_all.sh", "build-and-test", "contest", "")] == [
        "build",
        "test",
        "run",
        "test",
        "",
        "",
    ]


@given(st.text())
def test_any_text_has_a_class(command: str) -> None:
    """Text is data: nothing in it is an error."""
    assert work_of(command) in WORK


PIECES = st.sampled_from(
    [
        *("|", "&&", ";", "(", "$(", "`", "'", '"', "<<E\n", "E\n", "{", "${", "\0", "if ", "case x in ", "a=(", ">b "),
        *("sh -c '", "env ", "find . -exec ", "xargs ", "\\", "\n", "pytest ", "\ud800", "é", "do ", "python -m "),
    ]
)


@given(st.lists(PIECES, max_size=60), st.sampled_from([1, 1, 1, 40]))
def test_any_mix_of_shell_words_has_a_class(pieces: list[str], times: int) -> None:
    """However the shell's own words are mixed up, the answer is a class."""
    assert work_of("".join(pieces) * times) in WORK


MEGABYTE = 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", ["a", "(", "$(", "a|", "<<a\n", "'", "\0", "a=(", ")", "env ", "eval ", ">b ", "*${", "a;", "sh -c '", "\n"]
)
def test_a_megabyte_of_anything_is_answered(unit: str) -> None:
    """Size, nesting and tangles are bounded: the parser alone would take minutes and gigabytes for some of these."""
    assert work_of("pytest; " + unit * (MEGABYTE // len(unit))) in WORK


def test_the_beginning_of_a_long_text_counts() -> None:
    """A file of a megabyte in a heredoc does not hide what stands on its first line."""
    body = "some line of a file\n" * (MEGABYTE // 20)
    assert work_of(f"cat > big.txt <<'EOF' && pytest\n{body}EOF\n") == "test"
    assert work_of(f"cat > big.txt <<'EOF'\n{body}EOF\n") == "edit"
    assert len(body) > MOST_CHARACTERS


def test_parts_are_bounded() -> None:
    """A list of many commands is looked at up to the bound."""
    assert len(list(parts("a;" * 5 * MOST_PARTS))) == MOST_PARTS


@pytest.mark.parametrize("letter", ["\U000a28bb", "\U000df1b8", "\U0010ffff", "\U0001f600", "\u4e2d"])
@pytest.mark.parametrize("text", ["{%", "v{%", "{%..3}", "a{%b,c}", "cat <<%\nx\n%\n", "ls %"])
def test_far_characters_end_nothing(text: str, letter: str) -> None:
    """The grammar's scanner would look them up in a table of 384 entries, and end the process."""
    for _ in range(20):
        assert work_of(text.replace("%", letter)) in WORK
