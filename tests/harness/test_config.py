"""Matrix files and the environment: a frozen matrix, or every problem at once and no key anywhere."""

import math
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.config import (
    Matrix,
    ModelConfig,
    Parallel,
    Slice,
    TrialLimits,
    capped,
    key_for,
    load_matrix,
    settings,
)
from harness.edge import keys_of
from harness.errors import ConfigError
from harness.matrix_file import ModelFile
from harness.model_config import read_model
from harness.models.factory import APIS
from harness.models.presets import PRESETS
from harness.models.prices import Price
from harness.models.settings import Timeouts

HEAD = 'schema = 1\nname = "m"\nfeatures = ["shop/*"]\n'
LOCAL = '[models.local]\nprovider = "llamacpp"\nmodel = "small"\n'
FAST = '[models.fast]\nprovider = "openai"\nmodel = "quick"\n'
SIMULATED = '[models.sim]\nprovider = "simulator"\nturns = "demo"\nfirst_token_ms = 900\ntokens_per_s = 65\n'
KEYS = {"OPENAI_API_KEY": "sk-canary"}


def load(tmp_path: Path, text: str, part: Slice | None = None, environ: dict[str, str] | None = None) -> Matrix:
    """The matrix of a file with that text, in an environment with the usual key."""
    path = tmp_path / "m.toml"
    path.write_text(text)
    return load_matrix(path, part, KEYS if environ is None else environ)


def problems_of(
    tmp_path: Path, text: str, part: Slice | None = None, environ: dict[str, str] | None = None
) -> list[str]:
    """What loading complains about, the file's name taken off."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, part, environ)
    return [line.removeprefix(f"{tmp_path}/m.toml: ") for line in caught.value.problems]


def test_defaults(tmp_path: Path) -> None:
    """A matrix says little; limits and parallelism have documented defaults, presets fill the rest."""
    matrix = load(tmp_path, HEAD + FAST)
    assert matrix.limits == TrialLimits(turns=100, wall_s=1800, output_tokens=200_000, cost_usd=None)
    assert matrix.parallel == Parallel(trials=4, tool_slots="auto")
    assert (matrix.budget.bounds, matrix.budget.per_trial, matrix.models["fast"].concurrency) == ({}, {}, None)
    assert (matrix.name, matrix.features, matrix.repeats, matrix.only) == ("m", ("shop/*",), 1, ())
    fast = matrix.models["fast"]
    assert (fast.api, fast.base_url, fast.key_env) == ("chat", PRESETS["openai"].base_url, "OPENAI_API_KEY")
    assert fast.quirks == PRESETS["openai"].quirks
    assert not fast.simulated


def test_everything_written_arrives(tmp_path: Path) -> None:
    """Each field of the file has its place in the frozen matrix, parameters as they stand."""
    matrix = load(
        tmp_path,
        HEAD + "repeats = 3\n[limits]\nturns = 5\nwall_s = 60\noutput_tokens = 7\ncost_usd = 1\n"
        "[parallel]\ntrials = 8\ntool_slots = 2\n[budget]\nturns = 50\nwall_s = 90\n"
        + FAST
        + 'base_url = "http://localhost:1/v1/"\nkey_env = ""\ncontext_window = 128_000\nclaimed_tokens_per_s = 1000\n'
        "concurrency = 3\n[models.fast.parameters]\ntemperature = 0.5\nstop = ['a']\nextra = {deep = true}\n"
        "[models.fast.price]\ninput = 1.75\noutput = 14\n[models.fast.quirks]\nreasoning_field = 'reasoning'\n"
        "[models.fast.timeouts]\nidle_s = 5\n",
    )
    assert matrix.repeats == 3
    assert matrix.limits == TrialLimits(turns=5, wall_s=60.0, output_tokens=7, cost_usd=1.0)
    assert matrix.parallel == Parallel(trials=8, tool_slots=2)
    assert matrix.budget.bounds == {"turns": 50, "wall_s": 90}
    assert matrix.budget.per_trial == {"turns": 5, "wall_s": 60, "output_tokens": 7, "cost_usd": 1}
    assert matrix.models["fast"].concurrency == 3
    fast = matrix.models["fast"]
    assert (fast.base_url, fast.key_env, fast.context_window) == ("http://localhost:1/v1", None, 128_000)
    assert fast.parameters == {"temperature": 0.5, "stop": ["a"], "extra": {"deep": True}}
    assert fast.price is not None
    assert (fast.price.input, fast.price.output, fast.price.cached_input) == (1.75, 14, None)
    assert fast.quirks.reasoning_field == "reasoning"
    assert fast.quirks.max_tokens_field == PRESETS["openai"].quirks.max_tokens_field
    assert fast.settings().timeouts == replace(Timeouts(), idle_s=5.0)
    assert fast.settings().model == "quick"
    assert fast.settings("http://localhost:2/v1", {"x-a": "b"}).headers == {"x-a": "b"}


def test_simulated_model(tmp_path: Path) -> None:
    """It needs no key and no model name, has a script and a pace, and says that it is simulated."""
    sim = load(tmp_path, HEAD + SIMULATED, environ={}).models["sim"]
    assert sim == ModelConfig(
        name="sim", provider="simulator", api="chat", model="sim", turns="demo", first_token_ms=900, tokens_per_s=65
    )
    assert sim.simulated
    replayed = load(tmp_path, HEAD + '[models.r]\nprovider = "replay"\nturns = "demo"\n', environ={}).models["r"]
    assert replayed.simulated


def test_simulator_elsewhere(tmp_path: Path) -> None:
    """One with a `base_url` may want a key, and has a pace of its own; it stays a simulated one."""
    table = '[models.sim]\nprovider = "simulator"\nturns = "demo"\nbase_url = "http://127.0.0.1:9/v1"\nkey_env = "K"\n'
    sim = load(tmp_path, HEAD + table, environ={"K": "sk-canary"}).models["sim"]
    assert (sim.base_url, sim.key_env, sim.simulated, sim.billed) == ("http://127.0.0.1:9/v1", "K", True, False)
    assert problems_of(tmp_path, HEAD + table + "tokens_per_s = 3\n") == [
        "models.sim.tokens_per_s: is said where that simulator is started, not here beside its `base_url`",
        "models.sim: no key: set K",
    ]


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Shape, meaning and missing keys of every table come together, one line each."""
    text = (
        'schema = 1\nname = "My Matrix"\nfeatures = []\nrepeats = 0\nlimit = 3\n'
        '[limits]\nturns = -1\nwall_s = "long"\ncost_usd = 0\n[parallel]\ntrials = 1.5\ntool_slots = "many"\n'
        '[models.a]\nprovider = "opnai"\nmodel = "x"\n'
        '[models.b]\nprovider = "openai"\napi = "responses"\nmodel = "x"\nclaimed_tokens_per_sec = 3\n'
        '[models.c]\nprovider = "simulator"\nturns = "../x"\nfirst_token_ms = -1\nkey_env = "X"\n'
        '[models.d]\nmodel = "x"\n'
        "[models.e]\nprovider = 'groq'\nturns = 'demo'\n"
        '[models."f g"]\nprovider = "ollama"\nmodel = "x"\n'
    )
    known = ", ".join((*PRESETS, "simulator", "replay"))
    assert problems_of(tmp_path, text, environ={}) == [
        "name: `My Matrix` should be lower-case letters, digits, `-`, `_` and `.`, a letter or digit first",
        "features: is empty",
        "repeats: should be greater than 0, not 0",
        "limits.turns: should be greater than 0, not -1",
        'limits.wall_s: should be a valid number, not "long"',
        "limits.cost_usd: should be greater than 0, not 0",
        "parallel.trials: should be a valid integer, not 1.5",
        'parallel.tool_slots: "many" should be "auto" or a number above 0',
        "limit: unknown key; did you mean `limits`?",
        f"models.a.provider: unknown provider `opnai` without `base_url`; did you mean `openai`?; known: {known}",
        "models.b.claimed_tokens_per_sec: unknown key; did you mean `claimed_tokens_per_s`?",
        "models.b: no key: set OPENAI_API_KEY",
        'models.c.turns: "../x" should be the name of scripted turns, without folder or .jsonl',
        "models.c.first_token_ms: should be greater than or equal to 0, not -1",
        "models.c.tokens_per_s: is missing; provider `simulator` needs it",
        "models.c.key_env: means nothing to provider `simulator`, which calls nobody; one elsewhere has a `base_url`",
        "models.c: no key: set X",
        f"models.d.provider: is missing; name one of {known}, or give `base_url`",
        "models.e.model: is missing; it is what the provider calls the model",
        "models.e.turns: is only for the providers `simulator` and `replay`",
        "models.e: no key: set GROQ_API_KEY",
        "models.f g: should be named with letters, digits, `-`, `_` and `.`, a letter or digit first",
    ]


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("", "models: is missing"),
        ("[models]\n", "models: none; add a table [models.NAME] with provider and model"),
        ("models = 3\n", "models: should be a table, not 3"),
        ("[models]\nfast = 3\n", "models.fast: should be a table, not 3"),
    ],
)
def test_no_models(tmp_path: Path, models: str, said: str) -> None:
    """A matrix without a usable table of models says which way it is wrong."""
    assert said in problems_of(tmp_path, HEAD + models)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('base_url = "localhost:8080"', "should be a URL such as"),
        ('base_url = "http://[::1"', "should be a URL such as"),
        ('base_url = "https://me:sk-canary@example.org/v1"', "should hold no user, password or query"),
        ('key_env = "sk-canary-key"', "should be the name of an environment variable, never the key itself"),
        ('parameters = {api_key = "sk-canary"}', "`api_key` looks like a secret"),
        ("parameters = {stream = false}", "`stream` is set by Splitclock itself"),
        ("parameters = {a = [1979-05-27]}", "JSON cannot carry it"),
        ("parameters = {a = {b = nan}}", "JSON cannot carry it"),
        ("claimed_tokens_per_s = inf", "finite number"),
        ("context_window = true", "should be a valid integer, not true"),
        ('api = "telepathy"', "should be 'chat', 'responses' or 'responses-websocket'"),
        ("price = {input = -1, output = 1}", "price.input: should be greater than or equal to 0"),
        ("price = {input = 1}", "price.output: is missing"),
        ('"a\\nb" = 1', "models.fast.a?b: unknown key"),
    ],
)
def test_bad_model_fields(tmp_path: Path, line: str, said: str) -> None:
    """Each is one line with the field, and never repeats what may be a key."""
    (problem,) = problems_of(tmp_path, HEAD + FAST + line + "\n")
    assert problem.startswith("models.fast.")
    assert said in problem
    assert "canary" not in problem


def test_unknown_provider_with_a_base_url(tmp_path: Path) -> None:
    """Any server that speaks the API will do; without key_env it gets no key."""
    text = '[models.own]\nprovider = "home"\nmodel = "m"\nbase_url = "http://box:1234/v1"\n'
    own = load(tmp_path, HEAD + text, environ={}).models["own"]
    assert (own.provider, own.base_url, own.key_env) == ("home", "http://box:1234/v1", None)
    assert load(tmp_path, HEAD + text.replace('provider = "home"\n', "")).models["own"].provider == "custom"
    assert problems_of(tmp_path, HEAD + text + 'key_env = "HOME_KEY"\n') == ["models.own: no key: set HOME_KEY"]


def test_keys_are_looked_up_and_never_kept(tmp_path: Path) -> None:
    """The matrix holds the variable's name; an empty variable is no key."""
    matrix = load(tmp_path, HEAD + FAST + LOCAL)
    assert "sk-canary" not in repr(matrix)
    assert key_for(matrix.models["fast"], KEYS) == "sk-canary"
    assert key_for(matrix.models["local"], KEYS) is None
    assert key_for(matrix.models["fast"], {"OPENAI_API_KEY": ""}) is None
    assert problems_of(tmp_path, HEAD + FAST, environ={"OPENAI_API_KEY": ""}) == [
        "models.fast: no key: set OPENAI_API_KEY"
    ]


def test_process_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment given, keys come from the process's own."""
    (tmp_path / "m.toml").write_text(HEAD + FAST)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="no key: set OPENAI_API_KEY"):
        load_matrix(tmp_path / "m.toml")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert key_for(load_matrix(tmp_path / "m.toml").models["fast"]) == "sk-canary"


def test_slice_takes_models_repeats_and_features(tmp_path: Path) -> None:
    """A slice of a smoke test needs the keys of its own models only."""
    part = Slice(models=("local",), features=("shop/cart",), repeats=1)
    matrix = load(tmp_path, HEAD + "repeats = 5\n" + FAST + LOCAL, part, environ={})
    assert list(matrix.models) == ["local"]
    assert (matrix.repeats, matrix.only, matrix.features) == (1, ("shop/cart",), ("shop/*",))


def test_slice_leaves_out_what_cannot_run(tmp_path: Path) -> None:
    """A model without its key, or without the price that a cost limit needs, does not keep others from a smoke test."""
    text = HEAD + "[limits]\ncost_usd = 1\n" + FAST + LOCAL
    assert list(load(tmp_path, text, Slice(models=("local",)), environ={}).models) == ["local"]
    assert len(problems_of(tmp_path, text, environ={})) == 2


@pytest.mark.parametrize("api", ["chat", "responses", "responses-websocket"])
def test_every_api_is_open_to_every_provider_with_a_wire(tmp_path: Path, api: str) -> None:
    """Whether a server offers it is the server's to say; only what has no wire can take none but the default."""
    line = f'api = "{api}"\n'
    for table in (FAST, LOCAL, SIMULATED):
        (model,) = load(tmp_path, HEAD + table + line).models.values()
        assert (model.api, model.settings().api) == (api, api)
    replay = HEAD + '[models.r]\nprovider = "replay"\nturns = "demo"\n' + line
    if api == "chat":
        assert load(tmp_path, replay).models["r"].api == api
    else:
        assert problems_of(tmp_path, replay) == [
            "models.r.api: means nothing to provider `replay`, which has no wire; use provider `simulator`"
        ]


def test_presets_know_apis_that_there_are() -> None:
    """A hint names nothing that a matrix cannot; every provider is known to offer at least the default."""
    for preset in PRESETS.values():
        assert set(preset.apis) <= set(APIS)
        assert preset.apis[0] == "chat"


PAID = '[models.fast]\nprovider = "openai"\nmodel = "gpt-5.2"\n'
GIVEN = "[models.fast.price]\ninput = 1\noutput = 2\n"
LIMITED = "[limits]\ncost_usd = 1\n"


def test_prices_come_from_the_matrix_then_from_the_table(tmp_path: Path) -> None:
    """The user's own price goes before the table's; who sends no bill, or is not listed there, has none."""
    listed = load(tmp_path, HEAD + PAID).models["fast"]
    assert listed.price is not None
    assert (listed.price.input > 0, listed.price_source.startswith("genai-prices ")) == (True, True)
    given = load(tmp_path, HEAD + PAID + GIVEN).models["fast"]
    assert given.price == Price(input=1, output=2)
    assert given.price_source == "the matrix"
    for table in (LOCAL, SIMULATED):
        (free,) = load(tmp_path, HEAD + table).models.values()
        assert (free.price, free.price_source, free.billed) == (None, "", False)
    elsewhere = load(tmp_path, HEAD + PAID + 'base_url = "http://127.0.0.1:1/v1"\n').models["fast"]
    assert (elsewhere.price, elsewhere.billed) == (None, True)


def test_a_cost_limit_needs_prices(tmp_path: Path) -> None:
    """A limit that could never stop a paid model is refused before it costs anything; others need none."""
    assert problems_of(tmp_path, HEAD + LIMITED + FAST) == [
        "models.fast.price: limits.cost_usd needs a price; add [models.fast.price]"
    ]
    for table in (FAST + GIVEN, PAID, LOCAL, SIMULATED):
        assert load(tmp_path, HEAD + LIMITED + table).limits.cost_usd == 1
    both = LIMITED + "[budget]\ncost_usd = 9\n"
    assert problems_of(tmp_path, HEAD + both + FAST) == [
        "models.fast.price: limits.cost_usd and budget.cost_usd need a price; add [models.fast.price]"
    ]


def test_a_command_line_may_set_the_budget(tmp_path: Path) -> None:
    """It goes over the matrix's own, must be something, and needs prices as well."""
    matrix = load(tmp_path, HEAD + "[budget]\ncost_usd = 9\nturns = 5\n" + PAID)
    assert capped(matrix, None, tmp_path) is matrix
    assert capped(matrix, 2.5, tmp_path).budget.bounds == {"turns": 5, "cost_usd": 2.5}
    for usd in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match="--max-cost"):
            capped(matrix, usd, tmp_path)
    with pytest.raises(ConfigError, match=r"budget\.cost_usd needs a price"):
        capped(load(tmp_path, HEAD + FAST), 1.0, tmp_path)


def test_an_answer_is_priced_as_it_was_served(tmp_path: Path) -> None:
    """The model asked for and the tier it was served in; the served model where only that one is listed."""
    paid = load(tmp_path, HEAD + PAID).models["fast"]
    assert paid.price is not None
    assert paid.price.tiers is not None
    assert paid.price_of("gpt-5-nano", "default") == replace(paid.price, tiers=None)
    assert paid.price_of("", "flex") == paid.price.tiers["flex"] != paid.price
    assert paid.price_of("", "scale") is None
    asked = load(tmp_path, HEAD + PAID + 'parameters = {service_tier = "priority"}\n').models["fast"]
    assert asked.price_of("", "") == paid.price.tiers["priority"]
    alias = load(tmp_path, HEAD + FAST).models["fast"]
    assert alias.price is None
    assert alias.price_of("gpt-5.2", "") == paid.price
    assert alias.price_of("quick", "") is None
    given = load(tmp_path, HEAD + PAID + GIVEN).models["fast"]
    assert given.price_of("gpt-5-nano", "priority") == given.price


def test_bad_slice(tmp_path: Path) -> None:
    """A model that the matrix has not, and no repeats, are named."""
    assert problems_of(tmp_path, HEAD + LOCAL, Slice(models=("locl",), repeats=0)) == [
        f"--model locl: not in {tmp_path}/m.toml; did you mean `local`?; known: local",
        "--repeats 0: should be at least 1",
    ]


def test_paths_are_taken_from_beside_the_file(tmp_path: Path) -> None:
    """A matrix means the same from wherever it is run."""
    text = HEAD.replace('"shop/*"', '"./mine", "../other", "shop/*"') + LOCAL
    assert load(tmp_path, text).features == (str(tmp_path / "mine"), str(tmp_path.parent / "other"), "shop/*")


@pytest.mark.parametrize("text", ["", "= 1", "schema = 1\nschema = 1", "\0", "[" * 5000])
def test_broken_file(tmp_path: Path, text: str) -> None:
    """No TOML, or TOML with nothing in it, is a line with the file's name."""
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_matrix(tmp_path / "m.toml")
    assert all(line.startswith(f"{tmp_path}/m.toml: ") for line in caught.value.problems)


def test_missing_file(tmp_path: Path) -> None:
    """It is named; so is a folder in a file's place."""
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        load_matrix(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_matrix(tmp_path)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["repeats", "name", "features", "limits", "parallel", "models", "models.local.price"]),
    st.sampled_from(["1", "-1", "0.5", "nan", "true", '"x"', "[]", "[[]]", "{}", "{a = 1}", "2020-01-01"]),
)
def test_wrong_types_never_escape(tmp_path: Path, field: str, value: str) -> None:
    """Whatever stands in a field, the outcome is a matrix or a ConfigError of single lines."""
    lines = [line for line in (HEAD + "repeats = 1\n").splitlines() if not line.startswith(f"{field} ")]
    path = tmp_path / "m.toml"
    path.write_text("\n".join([*lines, f"{field} = {value}", LOCAL if not field.startswith("models") else ""]))
    problems = ["fine"]
    try:
        load_matrix(path, environ={})
    except ConfigError as error:
        problems = list(error.problems)
    assert problems
    assert all(line and "\n" not in line for line in problems)


@given(st.text(string.ascii_lowercase + "_", min_size=1, max_size=20))
def test_unknown_keys_are_always_told(word: str) -> None:
    """No key of a model's table is ignored in silence."""
    reading = read_model("m", {"provider": "ollama", "model": "x", word: 1}, "m.toml")
    if word not in keys_of(ModelFile):
        assert any(f"models.m.{word}: unknown key" in line for line in reading.problems)


def test_settings_find_the_cache() -> None:
    """SPLITCLOCK_CACHE, then XDG_CACHE_HOME, then the home folder."""
    home = {"HOME": "/home/me"}
    assert settings(home).cache == Path("/home/me/.cache/splitclock")
    assert settings(home | {"XDG_CACHE_HOME": "/var/c"}).cache == Path("/var/c/splitclock")
    assert settings(home | {"XDG_CACHE_HOME": "/var/c", "SPLITCLOCK_CACHE": "/x"}).cache == Path("/x")


def test_settings_do_without_a_home() -> None:
    """No HOME, or a user that is not there, is no crash."""
    assert settings({}).cache.name == "splitclock"
    assert settings({"SPLITCLOCK_CACHE": "~no-such-user/x"}).cache.name == "x"


def test_host_environment_is_a_whitelist() -> None:
    """What builds and the engine need is let through, keys of providers are not."""
    given_environ = KEYS | {"PIP_CERT": "/ca.pem", "DOCKER_HOST": "unix:///x", "https_proxy": "p", "AWS_SECRET": "s"}
    assert set(settings(given_environ | {"HOME": "/h"}).host_environment) == {
        "PIP_CERT",
        "DOCKER_HOST",
        "https_proxy",
        "HOME",
    }


def test_examples_are_sound() -> None:
    """The matrices that come with Splitclock can be read."""
    examples = Path(__file__).parents[2] / "examples"
    keys = {"OPENAI_API_KEY": "x", "CEREBRAS_API_KEY": "y"}
    matrix = load_matrix(examples / "matrix.toml", environ=keys)
    assert {model.provider for model in matrix.models.values()} == {"openai", "cerebras", "llamacpp"}
    demo = load_matrix(examples / "demo.toml", environ={})
    assert {name: model.tokens_per_s for name, model in demo.models.items()} == {"frontier": 65, "fast": 1000}
