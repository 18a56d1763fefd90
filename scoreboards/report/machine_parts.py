"""Parts of a model's JSON: what is inside its phases, its calls, its tool work."""

from collections.abc import Mapping
from typing import Any

from harness.clock import Phase
from scoreboards.board import Figures
from scoreboards.calls import Calls
from scoreboards.inside import Inside
from scoreboards.loops import Loops
from scoreboards.server_time import BothClocks
from scoreboards.sums import Sum, share
from scoreboards.tool_work import ToolGroup


def whole(total: Sum) -> int | None:
    """A sum in whole numbers, null when unknown."""
    return None if total.value is None else round(total.value)


def summed(name: str, total: Sum) -> dict[str, Any]:
    """A sum under its name, and whether it is a lower bound."""
    return {name: whole(total), f"{name}_is_lower_bound": total.is_lower_bound}


def inside_value(found: Inside | None) -> dict[str, Any]:
    """Sub-phases by name ("model.decode"): sums, medians per trial, shares of the agent wall; nulls with no trial."""
    if found is None:
        names = ("sub_phases", "sub_phase_medians_ns", "sub_phase_shares", "unsplit", "phase_medians_ns", "summed")
        return dict.fromkeys(names)
    return {
        "sub_phases": dict(found.sums),
        "sub_phase_medians_ns": dict(found.medians),
        "sub_phase_shares": dict(found.shares),
        "unsplit": _by_phase(found.unsplit),
        "phase_medians_ns": _by_phase(found.phase_medians),
        "summed": _by_phase(found.summed),
    }


def tools_value(row: Figures) -> dict[str, Any]:
    """Tool work by class and by tool, the long calls and the retry loops among it."""
    tools = row.tools
    return {
        "by_class": [group_value(group) for group in tools.by_class],
        "by_tool": [group_value(group) for group in tools.by_tool],
        "all_tools": None if tools.whole is None else group_value(tools.whole),
        "retry_loops": loops_value(tools.loops, row.times.agent_wall_total_ns),
    }


def group_value(group: ToolGroup) -> dict[str, Any]:
    """One kind of tool calls; "name" is null for calls of records that do not say."""
    return {
        "name": group.name,
        "calls": group.calls,
        "calls_share": group.calls_share,
        "total_ns": group.total_ns,
        "time_share": group.time_share,
        "median_ns": group.median_ns,
        "p90_ns": group.p90_ns,
        "max_ns": group.max_ns,
        "exec_ns": group.exec_ns,
        "transport_ns": group.transport_ns,
        **summed("cpu_ns", group.cpu_ns),
        **summed("io_ns", group.io_ns),
        "cpu_share": group.cpu_share,
        "output_bytes": group.output_bytes,
        "failed": group.failed,
        "timed_out": group.timed_out,
        "long_calls": group.long_calls,
        "long_ns": group.long_ns,
    }


def loops_value(found: Loops | None, agent_wall_ns: int | None) -> dict[str, Any]:
    """Retry loops; null figures where the records cannot tell calls apart."""
    if found is None:
        return dict.fromkeys(("loops", "repeats", "repeat_ns", "share"))
    return {
        "loops": found.loops,
        "repeats": found.repeats,
        "repeat_ns": found.repeat_ns,
        "share": share(found.repeat_ns, agent_wall_ns),
    }


def calls_value(calls: Calls) -> dict[str, Any]:
    """All calls of a model: moments, tokens, failed attempts, wires, who served them, the servers' own clocks."""
    return {
        "answered": calls.answered,
        "unanswered": calls.unanswered,
        "headers_median_ns": calls.headers_median_ns,
        "first_chunk_median_ns": calls.first_chunk_median_ns,
        "first_token_median_ns": calls.first_token_median_ns,
        "first_answer_median_ns": calls.first_answer_median_ns,
        "largest_gap_ns": calls.largest_gap_ns,
        **summed("input_tokens", calls.input_tokens),
        **summed("cached_input_tokens", calls.cached_input_tokens),
        **summed("output_tokens", calls.output_tokens),
        **summed("reasoning_tokens", calls.reasoning_tokens),
        "failed_attempts": calls.failed_attempts,
        "faults": dict(calls.faults),
        "unanswered_faults": dict(calls.unanswered_faults),
        "fault_groups": [
            {"kinds": list(group.kinds), "calls": group.calls, "attempts": group.attempts, "wait_ns": group.wait_ns}
            for group in calls.fault_groups
        ],
        "provider_wait_ns": dict(calls.provider_wait),
        "wires": [
            {"api": api or None, "transport": transport or None, "calls": number}
            for (api, transport), number in calls.wires.items()
        ],
        "service_tiers": [{"tier": tier or None, "calls": number} for tier, number in calls.tiers.items()],
        "served": [
            {"requested": row.requested or None, "served": row.served or None, "calls": row.calls, "other": row.other}
            for row in calls.served
        ],
        "server_time": _server_value(calls.server),
    }


def _server_value(clocks: BothClocks | None) -> dict[str, Any] | None:
    if clocks is None:
        return None
    return {
        "sources": dict(clocks.sources),
        "queue_ns": clocks.queue_ns,
        "stretches": {
            name: {
                "calls": found.calls,
                "client_ns": found.client_ns,
                "server_ns": found.server_ns,
                "difference_ns": found.difference_ns,
                "difference_median_ns": found.median_ns,
            }
            for name, found in clocks.stretches.items()
        },
    }


def _by_phase(values: Mapping[Phase, int] | Mapping[Phase, int | None]) -> dict[str, int | None]:
    return {str(phase): value for phase, value in values.items()}
