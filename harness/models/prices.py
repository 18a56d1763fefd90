"""What a call costs; unknown is None, never zero."""

from dataclasses import dataclass

from harness.models.contract import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD per million tokens; `cached_input` None means that cached input is charged as input."""

    input: float
    output: float
    cached_input: float | None = None


def cost_usd(usage: Usage, price: Price | None) -> float | None:
    """USD of one call, or None where its tokens or the price are unknown.

    Cached tokens that the provider does not report are charged as plain input: an upper bound of that part.
    """
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    cached = usage.cached_input_tokens or 0
    cached_price = price.input if price.cached_input is None else price.cached_input
    plain = usage.input_tokens - cached
    return (plain * price.input + cached * cached_price + usage.output_tokens * price.output) / _MILLION
