"""What a call costs; unknown is None, never zero."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.models.contract import Usage

_MILLION = 1_000_000
_USUAL_TIERS = frozenset({"", "auto", "default", "standard", "on_demand"})
"""What providers call the tier that they serve everybody in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD per million tokens; `cached_input` None means that cached input is charged as input.

    `longer` are the prices of calls with more than so many input tokens, ascending; all of such a call costs them.
    `tiers` are the prices of unusual service tiers, None where there is but one price for all.
    """

    input: float
    output: float
    cached_input: float | None = None
    longer: tuple[tuple[int, "Price"], ...] = ()
    tiers: Mapping[str, "Price"] | None = None

    def of_tier(self, service_tier: str) -> "Price | None":
        """The price of a service tier by the provider's own word for it; None where that is not known."""
        if self.tiers is None:
            return self
        return self.tiers.get(service_tier, self if service_tier in _USUAL_TIERS else None)

    def of_length(self, input_tokens: int) -> "Price":
        """The price of a call with so many input tokens."""
        return next((price for start, price in reversed(self.longer) if input_tokens > start), self)

    def __str__(self) -> str:
        cached = "" if self.cached_input is None else f", ${self.cached_input:g} cached"
        longer = f", more beyond {self.longer[0][0]:,} input tokens" if self.longer else ""
        return f"${self.input:g} input{cached}, ${self.output:g} output a million tokens{longer}"


def cost_usd(usage: Usage, price: Price | None) -> float | None:
    """USD of one call, or None where its tokens or the price are unknown.

    Cached tokens that the provider does not report are charged as plain input: an upper bound of that part.
    """
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    price = price.of_length(usage.input_tokens)
    cached = usage.cached_input_tokens or 0
    cached_price = price.input if price.cached_input is None else price.cached_input
    plain = usage.input_tokens - cached
    return (plain * price.input + cached * cached_price + usage.output_tokens * price.output) / _MILLION
