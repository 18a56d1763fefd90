"""Prices by a maintained table: `genai-prices` as it was installed; nothing is ever fetched.

A provider is known by its address, so that a model of the same name on another server has no price. The library is
loaded at the first question; ask it before any clock runs.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from harness.models.prices import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, PriceCalculation, TieredPrices

_NOT_BY_TEXT_TOKENS = ("requests_kcount", "output_reasoning_mtok", "output_citation_mtok")
"""Prices of things that our usage does not tell apart: who takes one of them cannot be priced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What the table says of a model: its price now, None where unknown, and the table's version and entry, or why."""

    price: Price | None
    source: str


def table_name() -> str:
    """The table and its version: "genai-prices 0.2.3"."""
    return f"genai-prices {version('genai-prices')}"


@lru_cache(maxsize=256)  # of what a server says that it served, too
def listed(base_url: str, model: str) -> Listed:
    """The price of a model at an address today, with those of other service tiers and of long inputs.

    Unknown where the table has no such entry, and where the price is not by text tokens alone or goes by the hour.
    """
    found = _look_up(base_url, model)
    if found is None:
        return Listed(price=None, source=f"not in {table_name()}")
    source = f"{table_name()}: {found.provider.id} {found.model.id}"
    if _by_the_hour(found):
        return Listed(price=None, source=f"{source}, which changes with the hour")
    price = _price(found.model_price)
    if price is None:
        return Listed(price=None, source=f"{source}, which is not by text tokens alone")
    return Listed(price=_with_tiers(price, base_url, model, found), source=source)


def _look_up(base_url: str, model: str, service_tier: str = "") -> "PriceCalculation | None":
    from genai_prices import Usage, calc_price

    context = {"service_tier": service_tier} if service_tier else None
    try:
        return calc_price(Usage(), model, provider_api_url=base_url, price_context=context)
    except LookupError:
        return None


def _by_the_hour(found: "PriceCalculation") -> bool:
    from genai_prices.types import ModelPrice, TimeOfDateConstraint

    prices = found.model.prices
    return not isinstance(prices, ModelPrice) and any(
        isinstance(one.constraint, TimeOfDateConstraint) for one in prices
    )


def _with_tiers(price: Price, base_url: str, model: str, found: "PriceCalculation") -> Price:
    names = {variant.when.get("service_tier", "") for variant in found.model.price_variants or ()} - {""}
    tiers = {}
    for name in sorted(names):
        of_tier = _look_up(base_url, model, name)
        one = _price(of_tier.model_price) if of_tier else None
        if one is not None:
            tiers[name] = one
    return replace(price, tiers=tiers)


def _price(raw: "ModelPrice") -> Price | None:
    """The library's price as ours; None where something in it is not by text tokens."""
    cached = raw.cache_read_mtok
    if raw.input_mtok is None or raw.output_mtok is None:
        return None
    if any(getattr(raw, name) is not None for name in _NOT_BY_TEXT_TOKENS):
        return None
    rates = (raw.input_mtok, raw.output_mtok, *(() if cached is None else (cached,)))
    starts = sorted({start for rate in rates for start in _starts(rate)})
    base, *longer = (_prices(*(_rate(rate, start) for rate in rates)) for start in (0, *starts))
    return replace(base, longer=tuple(zip(starts, longer, strict=True)))


def _prices(of_input: float, of_output: float, of_cached: float | None = None) -> Price:
    return Price(input=of_input, output=of_output, cached_input=of_cached)


def _starts(rate: "Decimal | TieredPrices") -> list[int]:
    return [] if isinstance(rate, Decimal) else [tier.start for tier in rate.tiers]


def _rate(rate: "Decimal | TieredPrices", start: int) -> float:
    """USD a million tokens in calls with more than `start` input tokens."""
    if isinstance(rate, Decimal):
        return float(rate)
    return float(next((tier.price for tier in reversed(rate.tiers) if start >= tier.start), rate.base))
