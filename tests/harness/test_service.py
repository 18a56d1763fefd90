"""A service at work for black-box tests, and whose fault it is that it is gone."""

import time
from pathlib import Path

import pytest

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
