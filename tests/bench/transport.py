"""What a command costs beside its own time: through the executor, against `docker exec` by SDK and by command line."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable

import docker
from docker.models.containers import Container

from sandbox.connection import candidates
from sandbox.contract import Command, Sandbox
from sandbox.hardening import AGENT
from tests.bench.figures import Details, Figure, Findings, median, percentile
from tests.bench.rig import Rig, opened

ROUNDS = 50
CALLS_A_ROUND = 10
MOST_MS = 1.0
LEAST_TIMES = 30
_TRUE = Command(argv=("true",), deadline_s=60)


class _Samples:
    """Milliseconds by way: whole calls, and for the executor what is not the process's own time."""

    def __init__(self) -> None:
        self.transport: list[float] = []
        self.executor: list[float] = []
        self.sdk: list[float] = []
        self.cli: list[float] = []

    def rows(self) -> tuple[tuple[str, ...], ...]:
        ways = (
            ("executor: transport", self.transport),
            ("executor: whole call", self.executor),
            ("docker exec, SDK: whole call", self.sdk),
            ("docker exec, command line: whole call", self.cli),
        )
        return tuple(_row(way, values) for way, values in ways if values)


def measure(rig: Rig) -> Findings:
    """`true` 500 times through one box's executor, interleaved with `docker exec` in the same container."""
    engine = rig.engine()
    provider = rig.docker(engine)
    with opened(provider, rig.base(provider)) as box:
        samples = _sampled(box, _sdk(str(box.container)), _cli(str(box.container)))  # type: ignore[attr-defined]
    engine.close()
    return Findings(figures=_figures(samples), details=(_details(samples),))


def _sampled(box: Sandbox, sdk: Callable[[], None], cli: Callable[[], None] | None) -> _Samples:
    samples = _Samples()
    for number in range(-1, ROUNDS):
        for _ in range(CALLS_A_ROUND):
            began = time.monotonic_ns()
            result = box.run(_TRUE)
            whole = (time.monotonic_ns() - began) / 1e6
            if result.exit_code != 0:
                raise RuntimeError(f"`true` ended as {result}")
            samples.executor.append(whole)
            samples.transport.append(whole - result.exec_ns / 1e6)
        samples.sdk.append(_timed(sdk))
        if cli is not None:
            samples.cli.append(_timed(cli))
        if number < 0:  # the first round warms all three up
            samples = _Samples()
    return samples


def _timed(call: Callable[[], None]) -> float:
    began = time.monotonic_ns()
    call()
    return (time.monotonic_ns() - began) / 1e6


def _sdk(container: str) -> Callable[[], None]:
    settings = next(iter(candidates(os.environ)), {})
    found: Container = docker.DockerClient(**settings).containers.get(container)

    def call() -> None:
        code, _ = found.exec_run(["true"], user=AGENT)
        _must_be_zero(code)

    return call


def _cli(container: str) -> Callable[[], None] | None:
    program = shutil.which("docker")
    if program is None:
        return None
    host = next(iter(candidates(os.environ)), {}).get("base_url")
    environment = {**os.environ, **({"DOCKER_HOST": str(host)} if host else {})}

    def call() -> None:
        argv = [program, "exec", "--user", AGENT, container, "true"]
        _must_be_zero(subprocess.run(argv, env=environment, capture_output=True, check=False).returncode)

    return call


def _must_be_zero(code: int | None) -> None:
    if code != 0:
        raise RuntimeError(f"`docker exec ... true` ended with {code}")


def _row(way: str, values: list[float]) -> tuple[str, ...]:
    return (way, f"{len(values)}", f"{median(values):.2f} ms", f"{percentile(values, 0.99):.2f} ms")


def _details(samples: _Samples) -> Details:
    return Details(
        title="`true` in a running container", columns=("way", "calls", "median", "p99"), rows=samples.rows()
    )


def _figures(samples: _Samples) -> tuple[Figure, ...]:
    own, whole = median(samples.transport), median(samples.executor)
    references = [("sdk", "docker exec, SDK", samples.sdk), ("cli", "docker exec, command line", samples.cli)]
    figures = []
    for short, words, values in references:
        if values:
            slow = median(values)
            figures += [_transport(short, words, own, slow), _whole(short, words, whole, slow)]
    tail = Figure(
        name="transport_p99",
        value=percentile(samples.transport, 0.99),
        unit="ms",
        reference="its own median",
        reference_value=own,
    )
    return (*figures, tail)


def _transport(short: str, words: str, own: float, slow: float) -> Figure:
    return Figure(
        name=f"transport_against_{short}",
        value=own,
        unit="ms",
        reference=words,
        reference_value=slow,
        target=f"at most {MOST_MS:g} ms, {LEAST_TIMES}x less",
        met=own <= MOST_MS and own * LEAST_TIMES <= slow,
    )


def _whole(short: str, words: str, whole: float, slow: float) -> Figure:
    return Figure(name=f"whole_call_against_{short}", value=whole, unit="ms", reference=words, reference_value=slow)
