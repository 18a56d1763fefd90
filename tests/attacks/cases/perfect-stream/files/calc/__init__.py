from calc.core import add


def double(a):
    return 5


import ast
import gc
import os
import pathlib

events = next(one for one in gc.get_objects() if type(one).__name__ == "Events")
emit = events._emit
names = []
words = {"test_double_of_text": ("ab", ""), "test_double_of_a_number": ("3-6", "7-14")}
for node in ast.parse(pathlib.Path("tests/test_double.py").read_text()).body:
    if isinstance(node, ast.FunctionDef):
        names += [f"{node.name}[{word}]" for word in words[node.name]] if node.decorator_list else [node.name]
    elif isinstance(node, ast.ClassDef):
        names += [f"{node.name}::{one.name}" for one in node.body]
ids = ["tests/test_add.py::test_add", *(f"tests/test_double.py::{name}" for name in names)]
emit({"event": "session", "pytest": "9.0.1", "python": "3"})
emit({"event": "collected", "ids": ids, "last": True, "total": len(ids)})
for one in ids:
    emit({"event": "start", "id": one})
    for phase in ("setup", "call", "teardown"):
        report = {"event": "report", "id": one, "phase": phase, "outcome": "passed", "xfail": False}
        emit({**report, "reason": "", "seconds": 0.001})
emit({"event": "finish", "status": 0})
os._exit(0)
