"""A service at work for black-box tests, and whose fault it is that it is gone."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from harness.acceptance import POLL
from harness.features import Service
from harness.service import RunningService
from sandbox.errors import SandboxLostError
from sandbox.local_box import LocalSandbox
from tests.harness.boxes import local_box

SERVICE = Service(command=("sh", "-c", "echo up; sleep 60"), ready="http://127.0.0.1:8000/")


def test_a_service_that_we_kill_is_nobodys_fault(tmp_path: Path) -> None:
    """It did not end, and nothing was lost."""
    with local_box(tmp_path) as box:
        service = RunningService(box, SERVICE, 30.0)
        service.kill()
        service.refuse_lost()
        assert service.ended == ""
        assert service.log(None).ended == ""


def test_a_service_that_ends_says_how(tmp_path: Path) -> None:
    """By itself, so it is the program's doing."""
    with local_box(tmp_path) as box:
        service = RunningService(box, Service(command=("sh", "-c", "exit 3"), ready=SERVICE.ready), 30.0)
        while not service.ended:
            time.sleep(0.01)
        service.kill()
        service.refuse_lost()
        assert service.log(None).ended == "exit status 3"


def test_a_service_whose_sandbox_is_lost_is_not_held_against_the_program(tmp_path: Path) -> None:
    """Neither as a service that never answers, nor by what the tests make of its silence."""
    with local_box(tmp_path) as box:
        assert isinstance(box, LocalSandbox)
        service = RunningService(box, SERVICE, 30.0)
        box._hang_up("the disk is full, by somebody else", SandboxLostError)  # noqa: SLF001 - as the disk's watch does
        service.kill()
        with pytest.raises(SandboxLostError, match="by somebody else"):
            service.refuse_lost()


class _InCircles(BaseHTTPRequestHandler):
    """Sends everybody back to where they came from."""

    def do_GET(self) -> None:
        """Answer with a redirect to itself."""
        self.send_response(302)
        self.send_header("Location", "/again")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that is overridden
        """Say nothing."""


def test_an_answer_that_is_no_good_one_is_told() -> None:
    """A service that redirects for ever has answered; what it said is in the line."""
    with HTTPServer(("127.0.0.1", 0), _InCircles) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        looked = subprocess.run([sys.executable, "-I", "-c", POLL, url, "0"], capture_output=True, check=False)
        server.shutdown()
    assert looked.returncode == 1
    assert looked.stderr.decode().strip() == "HTTP 302, which leads to /again"


def test_the_last_line_with_words_is_what_it_said_last(tmp_path: Path) -> None:
    """A line of dashes says nothing, and an answer is not silence."""
    with local_box(tmp_path) as box:
        service = RunningService(box, Service(command=("printf", "no room\\n-----\\n"), ready=SERVICE.ready), 30.0)
        while not service.ended:
            time.sleep(0.01)
        (problem,) = service.never_ready("HTTP 302").problems
    at = "http://127.0.0.1:8000/"
    assert problem.detail == f"the service never answered well at {at}: HTTP 302 (exit status 0); last words: no room"
