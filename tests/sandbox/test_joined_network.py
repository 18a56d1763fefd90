"""A sandbox that joins the loopback of another, and shares nothing else with it."""

import threading

import pytest

from sandbox.contract import BoxSpec, Command, CommandResult, Environment, File, Sandbox, SandboxProvider
from sandbox.errors import NoNetworkError, SandboxDiedError
from tests.sandbox.places import Place

SERVE = "import http.server as h; h.HTTPServer(('127.0.0.1', 8765), h.SimpleHTTPRequestHandler).serve_forever()"
ASK = """
import sys, time, urllib.request
until = time.monotonic() + float(sys.argv[1])
while True:
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8765/secret.txt", timeout=5).read().decode())
        break
    except OSError:
        if time.monotonic() > until:
            sys.exit(1)
        time.sleep(0.05)
"""


def ask(box: Sandbox, seconds: int) -> CommandResult:
    """Ask the server in the first sandbox for a file, for so long."""
    return box.run(Command(argv=("python3", "-c", ASK, str(seconds)), deadline_s=120))


def serve(box: Sandbox) -> None:
    """Serve the workspace until the sandbox is killed."""
    try:
        box.run(Command(argv=("python3", "-c", SERVE), deadline_s=300))
    except SandboxDiedError:
        return


@pytest.mark.docker
def test_the_loopback_is_shared_and_nothing_else(docker_place: Place) -> None:
    """The joined one reaches the server, another does not; neither files nor processes are seen; no way out."""
    secret = File(path="secret.txt", data=b"from the first")
    environment = docker_place.environment
    with docker_place.provider.open(BoxSpec(environment=environment, files=(secret,))) as first:
        joined = BoxSpec(environment=environment, joins=first.network)
        with docker_place.provider.open(joined) as second, docker_place.open() as stranger:
            server = threading.Thread(target=serve, args=(first,))
            server.start()
            assert ask(second, 60).stdout.head == b"from the first\n"
            assert ask(stranger, 1).exit_code == 1
            assert second.list("") == ()
            seen = second.run(Command(argv=("sh", "-c", "cat /proc/[0-9]*/cmdline"), deadline_s=60)).stdout.head
            assert b"serve_forever" not in seen
            devices = second.run(Command(argv=("ls", "/sys/class/net"), deadline_s=60)).stdout.head.split()
            assert b"eth0" not in devices
            first.kill()
            server.join(60)
            assert second.run(Command(argv=("true",), deadline_s=60)).exit_code == 0


def test_a_local_sandbox_has_no_network_to_join(
    local_provider: SandboxProvider, local_environment: Environment
) -> None:
    """It says so at both ends."""
    local_place = Place(provider=local_provider, environment=local_environment)
    with local_place.open() as box, pytest.raises(NoNetworkError, match="use Docker"):
        _ = box.network
    with pytest.raises(NoNetworkError, match="use Docker"):
        local_place.provider.open(BoxSpec(environment=local_place.environment, joins="container:x"))
