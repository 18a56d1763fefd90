# ruff: noqa: PTH118, PTH119, PTH120, UP006, UP035, UP045 - for Python >= 3.8; hooks and listings give paths as strings
"""A pytest plugin that runs inside the grading sandbox and tells the host, line by line, what happens.

One line an event: `<sequence> <mac> <payload>`, where the payload is JSON in ASCII and the mac is
HMAC-SHA256(key, "<sequence> <payload>") in hex. The key comes as the first line of standard input, before any code of
the application is imported, and stands in no file and no variable of the environment. The plugin keeps the original
standard output for itself and points descriptor 1 at standard error, so whatever the program prints goes there.

Events: `session` (versions), `collect` (a collector that failed or was skipped), `collected` (ids, in pieces, the last
marked), `start` (a test begins), `report` (one per id and phase, sub-tests numbered), `touched` (a test file was
changed, or byte code put beside it), `finish` (the exit status; last).

Where only a part of the suite is wanted, the plugin puts these files in place of the command's, and their tests into an
order that a seed decides. Changed test files call a function that it lends them, and so tell how far a test came, and
what it compared.

What this cannot stop: the code under test shares this process, and can reach the runner's objects, and these, in its
memory. Everything outside the process is kept out; a judge of its own process is another rung.
"""

import builtins
import fcntl
import hashlib
import hmac
import importlib
import json
import os
import platform
import sys
import unittest
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest

REASON_CHARACTERS = 500
CHARACTERS_PER_EVENT = 50_000
UNITTEST = os.path.dirname(unittest.__file__) + os.sep
COMPARE = importlib.import_module(f"{__name__}_compare")  # its file lies beside this one, under a name like its own
FIRST_COMPARISON = 4
CHANGE = 3
FIRST_DESCRIPTOR = 100  # out of the way of programs that close or reuse the low numbers

Emit = Callable[[Dict[str, Any]], None]


def _first_line() -> str:
    """The first line of standard input, read without a buffer; standard input is empty afterwards."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            break
        line += piece
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return line.decode("ascii").strip()


def _take_stdout() -> int:
    """The original standard output, for this plugin alone; descriptor 1 becomes standard error."""
    sys.stdout.flush()
    try:
        own = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR)
    except OSError:  # the limit on descriptors is lower than that
        own = os.dup(1)
    os.dup2(2, 1)
    return own


def _channel(key: bytes, descriptor: int) -> Emit:
    """A function that writes one authenticated event; what it needs is bound here, before the application runs."""
    owner, getpid, write, dumps, new = os.getpid(), os.getpid, os.write, json.dumps, hmac.new
    sequence = iter(range(10**12))

    def emit(event: Dict[str, Any]) -> None:
        if getpid() != owner:  # a forked child that fell through into the runner is not the run
            return
        signed = b"%d %s" % (next(sequence), dumps(event).encode("ascii"))
        number, payload = signed.split(b" ", 1)
        mac = new(key, signed, hashlib.sha256).hexdigest().encode("ascii")
        line = b"%s %s %s\n" % (number, mac, payload)
        while line:
            line = line[write(descriptor, line) :]

    return emit


def _reason(report: Any) -> str:
    """Why a report is not a plain pass, in a few words: the message of the crash, of the skip, or of the xfail."""
    longrepr = report.longrepr
    if hasattr(report, "wasxfail"):
        text = str(report.wasxfail)
    elif isinstance(longrepr, tuple):
        text = str(longrepr[-1])
    elif getattr(longrepr, "reprcrash", None) is not None:
        text = str(longrepr.reprcrash.message)
    else:
        text = str(longrepr or "")[-REASON_CHARACTERS:]
    return text[:REASON_CHARACTERS]


def _origin(excinfo: Any) -> List[Any]:
    """The exception's type by name, and the file and line that raised it, or that called unittest for it."""
    frames = []
    frame = excinfo.tb
    while frame is not None:
        frames.append(frame)
        frame = frame.tb_next
    while len(frames) > 1 and _file(frames[-1]).startswith(UNITTEST):
        frames.pop()
    return [excinfo.type.__name__, _file(frames[-1]), frames[-1].tb_lineno]


def _file(frame: Any) -> str:
    return str(frame.tb_frame.f_code.co_filename)


def _is_subtest(report: Any) -> bool:
    return "subtest" in type(report).__name__.lower()


class Watch:
    """The test files as they lay there before the application ran.

    A file's inode and change time cannot be put back without the rights of root, so a file that was rewritten and
    restored shows. Byte code is watched because the import system prefers it: this process writes none, so what lies
    beside a test before its import, and what is marked as pytest's own at any time, is not honest.
    """

    def __init__(self, paths: List[str]) -> None:
        sys.dont_write_bytecode = True
        self._stat, self._list = os.stat, os.listdir
        self._known = {path: self._mark(path) for path in map(os.path.realpath, paths)}
        self._code = {}  # type: Dict[str, Any]
        self._code = {name: self._mark(name) for path in self._known for name in self._byte_code(path)}
        self._told = set()  # type: set[str]

    def early(self, path: str) -> Iterator[str]:
        """Of one file, before it is imported: the file itself, and its byte code."""
        if path in self._known:
            yield from self._new(path, touched=self._mark(path) != self._known[path])
            stem = os.path.basename(path).rpartition(".")[0]
            for name in self._byte_code(path):
                yield from self._new(name, touched=os.path.basename(name).startswith(stem + "."))

    def late(self) -> Iterator[str]:
        """Of all files, at the end."""
        for path, mark in self._known.items():
            yield from self._new(path, touched=self._mark(path) != mark)
            for name in self._byte_code(path):
                yield from self._new(name, touched="-pytest-" in os.path.basename(name))

    def _new(self, path: str, *, touched: bool) -> Iterator[str]:
        if touched and path not in self._told:
            self._told.add(path)
            yield os.path.relpath(path)

    def _mark(self, path: str) -> Optional[Tuple[int, int, int]]:
        try:
            found = self._stat(path)
        except OSError:
            return None
        return (found.st_ino, found.st_ctime_ns, found.st_size)

    def _byte_code(self, path: str) -> List[str]:
        """Byte code beside a file that was not there before, or was another."""
        cache = os.path.join(os.path.dirname(path), "__pycache__")
        try:
            names = [os.path.join(cache, name) for name in self._list(cache)]
        except OSError:
            return []
        return [name for name in names if name not in self._code or self._code[name] != self._mark(name)]


class Part:
    """The part of the suite that is wanted: its files, their order, and how far the running test came in them."""

    def __init__(self, header: Dict[str, Any]) -> None:
        self._files = header.get("only", [])  # type: List[str]
        self._seed = str(header.get("seed", ""))
        self._hash = hashlib.sha256
        self.mark = str(header.get("mark", ""))
        self.reached = 0
        self._comparisons = COMPARE.Comparisons()
        if self.mark:
            setattr(builtins, self.mark, self._reach)

    def begin(self) -> None:
        """A test begins."""
        self.reached = 0
        self._comparisons = COMPARE.Comparisons()

    def told(self) -> Dict[str, Any]:
        """How far the test came, the numbers of its comparisons, and of those that held with changed values."""
        if not self.mark:
            return {}
        made = self._comparisons
        return {"reached": self.reached, "compared": sorted(made.compared), "fooled": sorted(made.fooled)}

    def choose(self, config: pytest.Config) -> None:
        """These files instead of those that the command and the configuration name."""
        if self._files:
            config.args = list(self._files)

    def shuffle(self, items: List[pytest.Item]) -> None:
        """Another order than the collected one: classes among functions, then the tests of each class."""
        before = list(items)
        if self._seed and self._seed != "reversed":
            items.sort(key=self._place)
        if self._seed and items == before:
            items.reverse()

    def _place(self, item: pytest.Item) -> List[bytes]:
        nodes = (node.nodeid for node in item.listchain())
        return [self._hash((self._seed + "\n" + name).encode("utf-8", "surrogatepass")).digest() for name in nodes]

    def _reach(self, what: int, value: Any = None, right: Any = None, how: str = "", pair: Any = None) -> Any:
        if what == CHANGE:
            return next(COMPARE.changed(value))
        if what < FIRST_COMPARISON:
            self.reached = max(self.reached, what)
            return value
        if pair:
            self._comparisons.probe(what - FIRST_COMPARISON, value, right, how)
            return value, right
        return self._comparisons.compare(what - FIRST_COMPARISON, value, right, how)


class Events:
    """The hooks; each tells the host one thing."""

    def __init__(self, emit: Emit, watch: Watch, part: "Part") -> None:
        self._emit = emit
        self._watch = watch
        self._part = part
        self._session = None  # type: Any
        self._subtests = {}  # type: Dict[str, int]
        self._raised = {}  # type: Dict[Tuple[str, str], List[Any]]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """The runner is up."""
        self._session = session
        self._part.choose(session.config)
        self._emit({"event": "session", "pytest": pytest.__version__, "python": platform.python_version()})

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """A module is about to be imported, if it is one."""
        self._tell(self._watch.early(os.path.realpath(str(getattr(collector, "path", "")))))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module or class that cannot be collected, or is skipped whole."""
        if report.outcome != "passed":
            event = {"event": "collect", "id": report.nodeid, "outcome": report.outcome, "reason": _reason(report)}
            self._emit(event)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: List[pytest.Item]) -> None:
        """All is collected and put into the order of its fixtures."""
        self._part.shuffle(items)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Every id that will run, in order."""
        ids = [item.nodeid for item in session.items]
        for piece in _pieces(ids):
            self._emit({"event": "collected", "ids": piece, "last": False})
        self._emit({"event": "collected", "ids": [], "last": True, "total": len(ids)})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._part.begin()
        self._emit({"event": "start", "id": nodeid})

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
        """What ended a phase: after pytest took it over from unittest, and before a report is made of it."""
        if call.excinfo is not None and call.excinfo.tb is not None:
            self._raised[item.nodeid, call.when] = _origin(call.excinfo)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a test ended, or one of its sub-tests did."""
        event = {
            "event": "report",
            "id": report.nodeid,
            "phase": report.when,
            "outcome": report.outcome,
            "xfail": hasattr(report, "wasxfail"),
            "reason": "" if report.outcome == "passed" else _reason(report),
            "seconds": round(report.duration, 6),
        }  # type: Dict[str, Any]
        raised = self._raised.pop((report.nodeid, str(report.when)), None)
        if raised is not None and report.outcome == "failed":
            event["raised"] = raised
        event.update(self._part.told())
        if _is_subtest(report):
            number = self._subtests.get(report.nodeid, 0) + 1
            self._subtests[report.nodeid] = number
            event["sub"] = number
        self._emit(event)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """The last word: the exit status, after every other hook had its chance to change it."""
        if self._session is not None:
            self._tell(self._watch.late())
            self._emit({"event": "finish", "status": int(self._session.exitstatus)})

    def _tell(self, touched: Iterator[str]) -> None:
        for path in touched:
            self._emit({"event": "touched", "path": path})


def _pieces(ids: List[str]) -> Iterator[List[str]]:
    piece, size = [], 0  # type: List[str], int
    for test_id in ids:
        piece.append(test_id)
        size += len(test_id)
        if size > CHARACTERS_PER_EVENT:
            yield piece
            piece, size = [], 0
    yield piece


def _leave_no_trace() -> None:
    """Take what was set for the runner's own start out of the way of the application and of what it starts."""
    os.environ.pop("PYTHONSAFEPATH", None)
    os.environ.pop("PYTHONPATH", None)
    own_folder = str(Path(__file__).parent)
    sys.path[:] = [place for place in sys.path if place != own_folder]


def _open() -> Events:
    """Take the key and the channel; with `root` the workspace leads the import path, as `python -m pytest` has it."""
    header = json.loads(_first_line())
    emit = _channel(bytes.fromhex(header["key"]), _take_stdout())
    _leave_no_trace()
    if header["root"]:
        sys.path.insert(0, str(Path.cwd()))
    return Events(emit, Watch(header["tests"]), Part(header))


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the hooks as soon as pytest has loaded this module; the first hook that a plugin given by `-p` gets."""
    pluginmanager.register(_open(), "splitclock-events")
