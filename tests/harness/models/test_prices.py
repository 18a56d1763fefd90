"""What calls cost, by hand and by the table."""

import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price

from harness.models.contract import Usage
from harness.models.presets import PRESETS
from harness.models.price_table import listed, table_name
from harness.models.prices import Price, cost_usd

OPENAI = PRESETS["openai"].base_url
PLAIN = Price(input=2.0, output=8.0)
CACHED = Price(input=2.0, output=8.0, cached_input=0.5)
LONG = Price(input=1.0, output=2.0, longer=((100, Price(input=10.0, output=20.0)), (200, Price(input=3.0, output=4.0))))


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(input_tokens=1_000_000, output_tokens=500_000), PLAIN, 6.0),
        (Usage(input_tokens=1_000_000, output_tokens=0, cached_input_tokens=400_000), CACHED, 1.4),
        (Usage(input_tokens=1_000_000, output_tokens=0, cached_input_tokens=400_000), PLAIN, 2.0),
        (Usage(input_tokens=100, output_tokens=100), LONG, 300e-6),
        (Usage(input_tokens=101, output_tokens=100), LONG, 3010e-6),
        (Usage(input_tokens=201, output_tokens=100), LONG, 1003e-6),
        (Usage(input_tokens=0, output_tokens=0), PLAIN, 0.0),
    ],
)
def test_cost(usage: Usage, price: Price, usd: float) -> None:
    """Cached tokens are part of the input; a long input makes all of its call dearer, or cheaper."""
    assert cost_usd(usage, price) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage(input_tokens=1, output_tokens=1), None),
        (Usage(output_tokens=1), PLAIN),
        (Usage(input_tokens=1), PLAIN),
        (Usage(), PLAIN),
    ],
)
def test_unknown_is_never_zero(usage: Usage, price: Price | None) -> None:
    """Without a price, or with tokens that nobody counted, there is no cost."""
    assert cost_usd(usage, price) is None


def test_tiers() -> None:
    """One price for all tiers, or the usual one and those that are known by name."""
    flex, dear = Price(input=1, output=1), Price(input=9, output=9)
    tiered = Price(input=2, output=2, tiers={"flex": flex, "default": dear})
    assert [PLAIN.of_tier(name) for name in ("", "flex", "scale")] == [PLAIN, PLAIN, PLAIN]
    assert [tiered.of_tier(name) for name in ("", "flex", "default", "scale")] == [tiered, flex, dear, None]


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-5.2"),
        ("openai", "gpt-4.1-mini"),
        ("cerebras", "gpt-oss-120b"),
        ("groq", "openai/gpt-oss-120b"),
        ("openrouter", "openai/gpt-5"),
        ("openrouter", "anthropic/claude-sonnet-4.5"),
    ],
)
@pytest.mark.parametrize("input_tokens", [1_000, 200_001, 400_000])
@pytest.mark.parametrize("tier", ["", "flex", "priority"])
def test_the_table_says_what_its_library_says(provider: str, model: str, input_tokens: int, tier: str) -> None:
    """Our reading of a price comes to the library's own figure, for every provider that has a preset and a bill."""
    url = PRESETS[provider].base_url
    cached, output = input_tokens // 2, 3_000
    counts = {"input_tokens": input_tokens, "cache_read_tokens": cached, "output_tokens": output}
    context = {"service_tier": tier} if tier else None
    theirs = calc_price(TableUsage(**counts), model, provider_api_url=url, price_context=context)
    assert theirs.auto_update_timestamp is None, "nothing was fetched"
    price = listed(url, model).price
    assert price is not None
    of_tier = price.of_tier(tier)
    if of_tier is not None:
        usage = Usage(input_tokens=input_tokens, cached_input_tokens=cached, output_tokens=output)
        assert cost_usd(usage, of_tier) == pytest.approx(float(theirs.total_price))
    else:
        assert tier not in {name for variant in theirs.model.price_variants or () for name in variant.when.values()}


def test_the_source_is_named() -> None:
    """The table, its version and the entry stand beside the price."""
    found = listed(OPENAI, "gpt-5.2-2025-12-11")
    assert found.source == f"{table_name()}: openai gpt-5.2"
    assert table_name().split()[1][0].isdigit()


@pytest.mark.parametrize(
    ("url", "model", "why"),
    [
        (OPENAI, "no-such-model", "not in genai-prices"),
        ("http://127.0.0.1:8000/v1", "gpt-5.2", "not in genai-prices"),
        ("https://gateway.example.org/v1", "gpt-5.2", "not in genai-prices"),
        ("https://api.deepseek.com/v1", "deepseek-chat", "changes with the hour"),
        ("https://api.perplexity.ai", "sonar", "not by text tokens alone"),
    ],
)
def test_what_the_table_cannot_say_is_unknown(url: str, model: str, why: str) -> None:
    """Another model, another address, another kind of price: no price, and the reason."""
    found = listed(url, model)
    assert found.price is None
    assert why in found.source
