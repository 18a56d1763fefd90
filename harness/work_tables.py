"""Which program does which class of work: plain data for `harness.work`, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

NOTHING = ""
"""The class of what takes no time worth a name: `cd`, `echo`, an assignment."""

DEAREST_FIRST = ("test", "build", "install", "run", "other", "search", "vcs", "edit", "read", NOTHING)
"""Classes from the most to the least expensive: a command line has the first that any part of it has.

An unknown program is dearer than what is always quick, so `frobnicate | tail` stays `other`, and cheaper than what may
take minutes, so `frobnicate && pytest` is `test`.
"""

SCRIPT = "<script>"
"""Instead of a class: the next word is a task or a program of the project, and decides by its name."""

PROGRAM = "<program>"
"""Instead of a class: the next word is a program, and decides."""

ITSELF = "<itself>"
"""Instead of a class: the word is a program itself, as in `uv pip install`."""

PYTHON = "<python>"
"""Instead of a class: what follows are the arguments of a Python."""


def _by_name(classes: Mapping[str, str]) -> Mapping[str, str]:
    return {name: work for work, names in classes.items() for name in names.split()}


PROGRAMS: Mapping[str, str] = _by_name(
    {
        NOTHING: """cd pushd popd dirs true false : echo printf set unset export local declare readonly typeset alias
            unalias shopt source . exit return break continue trap ulimit umask shift test [ read hash clear seq getopts
            kill pkill killall disown jobs bg fg yes tput""",
        "test": """pytest py.test tox nox unittest nosetests nose2 trial behave stestr jest vitest mocha ava jasmine
            karma playwright cypress tap phpunit pest rspec minitest ctest gotestsum bats busted prove
            nextest runtests.py""",
        # What reads the whole source and tells what is wrong with it costs like a compiler, whether it writes or not.
        "build": """gcc g++ cc c++ clang clang++ ld ar rustc javac kotlinc scalac tsc vue-tsc ghc nasm cython protoc
            cmake configure webpack rollup esbuild parcel swc babel vite mypy pyright basedpyright pytype pylint flake8
            pyflakes bandit eslint oxlint stylelint golangci-lint staticcheck shellcheck rubocop sphinx-build mkdocs
            pre-commit lint-imports gcc-ar msbuild xcodebuild""",
        "install": """apt apt-get aptitude apk dnf yum zypper pacman brew dpkg rpm pipx conda mamba micromamba gem
            easy_install virtualenv corepack nvm pyenv rustup""",
        "search": "grep egrep fgrep zgrep rg ag ack find fd fdfind tree locate ctags ast-grep sg git-grep",
        # One look at what a name says: `ls` is here and not with `tree`, which walks.
        "read": """cat bat head tail less more nl wc tac ls dir stat file du df diff cmp comm md5sum sha1sum sha256sum
            od xxd hexdump strings jq yq sort uniq cut tr awk gawk mawk column fold fmt paste rev basename dirname
            realpath readlink pwd which whereis type printenv date id whoami uname hostname ps pgrep pstree lsof ss
            netstat nproc free uptime man help zcat base64 expand tsort shuf apt-cache""",
        "edit": """mkdir rmdir mv cp rm touch chmod chown ln truncate install patch ed ex vi vim nano rsync tar unzip
            zip gzip gunzip dd mktemp split black isort autopep8 yapf autoflake pyupgrade prettier gofmt goimports
            rustfmt clang-format shfmt dos2unix unlink sponge""",
        "vcs": "git hg svn jj gh glab tig",
        "run": """ts-node tsx ruby php java lua luajit Rscript julia sqlite3 psql mysql redis-cli mongosh
            curl wget http flask uvicorn gunicorn hypercorn celery alembic django-admin streamlit ipython jupyter gdb
            osascript""",
        "other": "sleep wait",
    }
)
"""Programs whose name alone decides."""

MODULES: Mapping[str, str] = _by_name(
    {"test": "unittest doctest test", "build": "build compileall py_compile", "install": "venv ensurepip"}
)
"""Python modules that are no programs of that name."""

TASKS: Mapping[str, str] = _by_name(
    {
        "test": "test tests testing check spec specs e2e unit integration smoke coverage cov ci verify pytest",
        "build": "build compile bundle dist lint typecheck types mypy package assemble docs doc wheel",
        "install": "install deps dependencies setup bootstrap venv",
        "run": "run start dev serve server demo",
        "edit": "clean format fmt fix",
    }
)
"""Words in the names of tasks and scripts: `make unit-test`, `npm run lint:css`, `./scripts/build.sh`."""

TASK_RUNNERS: Mapping[str, str] = {
    "make": "build",
    "gmake": "build",
    "ninja": "build",
    "gradle": "build",
    "gradlew": "build",
    "mvn": "build",
    "mvnw": "build",
    "ant": "build",
    "sbt": "build",
    "rake": "run",
    "just": "run",
    "task": "run",
    "invoke": "run",
    "inv": "run",
    "grunt": "build",
    "gulp": "build",
    "setup.py": "build",
    "manage.py": "run",
}
"""Programs whose arguments name tasks, and the class of a task whose name says nothing."""

_PACKAGES = {
    **dict.fromkeys(("install", "i", "ci", "add", "update", "up", "upgrade", "remove", "dedupe"), "install"),
    **dict.fromkeys(("run", "run-script"), SCRIPT),
    **dict.fromkeys(("exec", "x", "dlx"), PROGRAM),
    **dict.fromkeys(("test", "t"), "test"),
    **dict.fromkeys(("ls", "list", "why", "view", "outdated", "--version"), "read"),
    "start": "run",
    "build": "build",
}
_PROJECTS = {
    **dict.fromkeys(("install", "add", "sync", "lock", "update", "remove", "venv", "tool", "python"), "install"),
    **dict.fromkeys(("show", "list", "tree", "--version"), "read"),
    "run": SCRIPT,
    "build": "build",
    "pip": ITSELF,
    "test": "test",
}
_PIP = {**dict.fromkeys(("list", "show", "freeze", "check", "inspect", "--version"), "read"), "*": "install"}

SUBCOMMANDS: Mapping[str, Mapping[str, str]] = {
    "git": {"grep": "search", "apply": "edit", "*": "vcs"},
    "pip": _PIP,
    "npm": _PACKAGES,
    "pnpm": {**_PACKAGES, "*": SCRIPT},
    "yarn": {**_PACKAGES, "": "install", "*": SCRIPT},
    "bun": {**_PACKAGES, "*": SCRIPT},
    "uv": _PROJECTS,
    "poetry": _PROJECTS,
    "pdm": _PROJECTS,
    "pipenv": _PROJECTS,
    "hatch": _PROJECTS,
    "rye": _PROJECTS,
    "go": {
        **dict.fromkeys(("build", "install", "vet", "generate"), "build"),
        **dict.fromkeys(("mod", "get", "work"), "install"),
        **dict.fromkeys(("doc", "list", "env", "version"), "read"),
        "test": "test",
        "run": "run",
        "fmt": "edit",
        "tool": "run",
    },
    "cargo": {
        **dict.fromkeys(("test", "nextest", "bench", "miri"), "test"),
        **dict.fromkeys(("build", "b", "check", "c", "clippy", "doc", "rustc"), "build"),
        **dict.fromkeys(("add", "remove", "fetch", "install", "update", "vendor"), "install"),
        **dict.fromkeys(("tree", "metadata", "--version"), "read"),
        "t": "test",
        "run": "run",
        "r": "run",
        "fmt": "edit",
        "fix": "edit",
    },
    "dotnet": {
        "test": "test",
        "build": "build",
        "publish": "build",
        "restore": "install",
        "add": "install",
        "run": "run",
    },
    "swift": {"test": "test", "build": "build", "run": "run", "package": "install"},
    "mix": {"test": "test", "compile": "build", "deps.get": "install", "run": "run", "format": "edit", "*": "run"},
    "deno": {"test": "test", "check": "build", "lint": "build", "run": "run", "task": SCRIPT, "fmt": "edit"},
    "bazel": {"test": "test", "build": "build", "run": "run", "query": "search", "clean": "edit"},
    "meson": {"test": "test", "*": "build"},
    "composer": {**_PROJECTS, "require": "install", "exec": PROGRAM},
    "bundle": {**_PROJECTS, "": "install", "exec": PROGRAM},
    "rails": {"test": "test", "*": "run"},
    "ruff": {"format": "edit", "*": "build"},
    "coverage": {"run": PYTHON, "*": "read"},
    "turbo": {"run": SCRIPT, "*": SCRIPT},
    "nx": {"run": SCRIPT, "*": SCRIPT},
}
"""Programs whose first argument decides; "" is the bare program, "*" any other argument, else unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """A program that runs the one named in its arguments.

    `valued` are its options that take the next word, `own` counts its own words before the other program's name. With
    `assigns` words like A=b come before it. `bare` is the class without another program.
    """

    valued: tuple[str, ...] = ()
    own: int = 0
    assigns: bool = False
    bare: str = NOTHING


WRAPPERS: Mapping[str, Wrapper] = {
    "env": Wrapper(valued=("-u", "--unset", "-C", "--chdir"), assigns=True, bare="read"),
    "timeout": Wrapper(valued=("-k", "--kill-after", "-s", "--signal"), own=1),
    "gtimeout": Wrapper(valued=("-k", "--kill-after", "-s", "--signal"), own=1),
    "sudo": Wrapper(valued=("-u", "--user", "-g", "--group", "-C", "-D", "-h", "-p"), assigns=True),
    "doas": Wrapper(valued=("-u", "-C")),
    "gosu": Wrapper(own=1),
    "nice": Wrapper(valued=("-n", "--adjustment")),
    "ionice": Wrapper(valued=("-c", "--class", "-n", "--classdata")),
    "time": Wrapper(valued=("-f", "--format", "-o", "--output")),
    "nohup": Wrapper(),
    "setsid": Wrapper(),
    "stdbuf": Wrapper(valued=("-i", "-o", "-e")),
    "unbuffer": Wrapper(),
    "exec": Wrapper(valued=("-a",)),
    "command": Wrapper(),
    "builtin": Wrapper(),
    "xargs": Wrapper(
        valued=(
            "-n",
            "--max-args",
            "-P",
            "--max-procs",
            "-I",
            "-L",
            "--max-lines",
            "-d",
            "--delimiter",
            "-s",
            "-a",
            "-E",
        )
    ),
    "watch": Wrapper(valued=("-n", "--interval")),
    "taskset": Wrapper(own=1),
    "flock": Wrapper(valued=("-w", "--timeout", "-E"), own=1),
    "strace": Wrapper(valued=("-o", "-e", "-p", "-s", "-S", "-E")),
    "ltrace": Wrapper(valued=("-o", "-e", "-p", "-s")),
    "valgrind": Wrapper(),
    "xvfb-run": Wrapper(valued=("-n", "-s", "-e", "-f")),
    "dbus-run-session": Wrapper(),
    "busybox": Wrapper(),
    "npx": Wrapper(valued=("-p", "--package")),
    "bunx": Wrapper(),
    "pnpx": Wrapper(),
    "uvx": Wrapper(valued=("--from", "--with", "--python", "-p")),
    "cross-env": Wrapper(assigns=True),
    "dotenv": Wrapper(valued=("-f", "-e")),
}
"""Programs that stand before another program."""

VALUED: Mapping[str, tuple[str, ...]] = {
    "git": ("-C", "-c", "--git-dir", "--work-tree", "--namespace"),
    "npm": ("--prefix", "-C", "-w", "--workspace", "--loglevel"),
    "pnpm": ("-C", "--dir", "-F", "--filter"),
    "yarn": ("--cwd",),
    "bun": ("--cwd",),
    "uv": (
        *("--project", "--directory", "--with", "--with-requirements", "--extra", "--group", "-p", "--python"),
        *("--env-file", "--index-url", "--package", "--cache-dir"),
    ),
    "poetry": ("-C", "--directory", "-P", "--project"),
    "pdm": ("-p", "--project"),
    "hatch": ("-e", "--env"),
    "cargo": ("--manifest-path", "--color", "-C"),
    "go": ("-C",),
    "make": ("-C", "--directory", "-f", "--file", "--makefile", "-I", "-o", "-W"),
    "ninja": ("-C", "-f"),
    "mvn": ("-f", "-pl", "-P"),
    "gradle": ("-p", "-b", "-x"),
    "gradlew": ("-p", "-b", "-x"),
    "pip": ("--python", "--proxy", "--log", "--cache-dir"),
    "python": ("-W", "-X", "--check-hash-based-pycs"),
    "coverage": ("--rcfile", "--source", "--include", "--omit", "--data-file", "--context"),
}
"""Options of programs that take the next word, where a word after them decides."""

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
PYTHONS = frozenset({"python", "pypy"})
SCRIPT_ENDINGS = (".sh", ".bash", ".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".php", ".out", ".exe")
"""Endings by which a name is a script or a program of the project, with or without a folder before it."""
