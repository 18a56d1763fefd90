"""What models cost, said before a run, kept with it, and refused where a limit could not be held."""

import json

import pytest

from tests.end_to_end.desk import Desk
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, simulated

pytestmark = pytest.mark.slow

GIVEN = {"input": 1, "cached_input": 0.5, "output": 2}
PAID: dict[str, dict[str, object]] = {
    "listed": {"provider": "openai", "model": "gpt-5.2"},
    "given": {"provider": "cerebras", "model": "gpt-oss-120b", "api": "responses", "price": GIVEN},
    "own": {"provider": "ollama", "model": "gpt-5.2"},
    "sim": simulated("demo"),
}
UNLISTED: dict[str, object] = {"provider": "openai", "model": "no-such-model"}


def laid_out(desk: Desk) -> tuple[Desk, tuple[object, ...]]:
    """The desk with two keys that nobody uses, and the options that name its target."""
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns={"demo": (SOLVE, FINISH)}))
    keyed = Desk(folder=desk.folder, cache=desk.cache, variables={"OPENAI_API_KEY": "x", "CEREBRAS_API_KEY": "y"})
    return keyed, ("--fixtures", desk.folder / "targets", "--sandbox", "local")


def test_plan_says_what_models_cost_and_who_says_so(desk: Desk) -> None:
    """The table's price, the matrix's own, an unknown one; nothing of models without a bill; a hint about the API."""
    desk, options = laid_out(desk)
    file = matrix(desk.folder / "paid.toml", PAID | {"unlisted": UNLISTED})
    lines = desk.must("plan", file, *options).out.splitlines()
    (listed,) = [line for line in lines if line.startswith("`listed` costs $")]
    assert "(genai-prices " in listed
    assert "`given` costs $1 input, $0.5 cached, $2 output a million tokens (the matrix)" in lines
    (unlisted,) = [line for line in lines if line.startswith("`unlisted`: price unknown (not in genai-prices ")]
    assert unlisted.endswith("add [models.unlisted.price] to have its cost")
    assert "`given`: cerebras is not known to offer the API `responses`; known: chat" in lines
    assert not any("`own` costs" in line or "`sim` costs" in line for line in lines)
    prices = desk.must("plan", file, *options, "--json").json()["prices"]
    assert prices["given"] == {**GIVEN, "source": "the matrix"}
    assert prices["listed"]["input"] > 0
    assert (prices["unlisted"]["input"], prices["own"], prices["sim"]) == (None, None, None)


def test_a_cost_limit_without_a_price_is_refused(desk: Desk) -> None:
    """One line before anything starts; with prices the limits bound the whole run."""
    desk, options = laid_out(desk)
    refused = desk.give("run", matrix(desk.folder / "a.toml", PAID | {"x": UNLISTED}, limits={"cost_usd": 2}), *options)
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert refused.err.endswith("models.x.price: limits.cost_usd needs a price; add [models.x.price]\n")
    assert desk.runs() == []
    file = matrix(desk.folder / "b.toml", PAID, limits={"cost_usd": 2})
    assert desk.must("plan", file, *options, "--json").json()["most_cost_usd"] == 4


def test_a_run_keeps_its_prices(desk: Desk) -> None:
    """The price that calls were charged at, and the table's version, are in the provenance."""
    desk, options = laid_out(desk)
    models = {"sim": simulated("demo") | {"price": GIVEN}, "free": simulated("demo")}
    said = desk.must("run", matrix(desk.folder / "kept.toml", models), *options, "--json").json()
    assert said["cost_usd"] > 0
    (run,) = desk.runs()
    facts = json.loads((run / "provenance.json").read_text("utf-8"))
    assert facts["price.sim"] == "$1 input, $0.5 cached, $2 output a million tokens (the matrix)"
    assert facts["prices.source"].startswith("genai-prices ")
    assert "price.free" not in facts
