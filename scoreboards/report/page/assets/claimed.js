"use strict";
// Claimed against real: the ratios, what the difference is made of, and what would be without it.
(() => {
  const { data, ticked, duration, signed, times, percent, usd, el, fill, choice, label, S, charts } = splitclock;
  const { draw } = charts;

  const CAUSES = {
    output_tokens: "more tokens", decode_speed: "slower decoding", first_token: "slower first tokens", connect: "slower to connect",
    calls: "more calls", wait: "more waiting", tool: "more tool work", transport: "sandbox transport", overlap: "model and tools at once", harness: "the harness",
  };
  let pair = Math.max(0, data.comparisons.findIndex((one) => data.answer.pair && one.slow === data.answer.pair[0] && one.fast === data.answer.pair[1]));
  function claimedView() {
    const found = data.comparisons[pair];
    if (!found) { document.getElementById("claimed").hidden = true; return; }
    fill("claimed-sentence", ticked(found.sentence));
    fill("claimed-parts", `What the difference of ${duration(Math.abs(found.difference_ns))} is made of`);
    const ratios = [["claimed", found.claimed], ["decode", found.decode], ["model time", found.model], ["ceiling", found.ceiling], ["real", found.real]].filter(([, value]) => value);
    // The interval is drawn as far as three times the longest bar; the figure stands behind it.
    const high = found.real_interval ? Math.max(found.real, Math.min(found.real_interval[1], 3 * Math.max(...ratios.map((one) => one[1])))) : null;
    draw("claimed-ratios", () => ({
      height: 90 + 34 * ratios.length,
      traces: [{
        type: "bar", orientation: "h", y: ratios.map(([name]) => name), x: ratios.map(([, value]) => value),
        marker: { color: ratios.map(([name]) => name === "real" ? "#c2570c" : name === "ceiling" ? "#8a8a8a" : "#2f6fdf") },
        text: ratios.map(([name, value]) => name === "real" && found.real_interval ? "" : times(value)), textposition: "outside", cliponaxis: false, hoverinfo: "skip",
        error_x: found.real_interval ? { type: "data", symmetric: false, array: ratios.map(([name, value]) => name === "real" ? high - value : 0), arrayminus: ratios.map(([name, value]) => name === "real" ? value - found.real_interval[0] : 0), thickness: 1.5, color: "#8a8a8a" } : undefined,
      }],
      shape: { annotations: found.real_interval ? [{ x: high, y: "real", text: times(found.real), xanchor: "left", xshift: 4, showarrow: false }] : [], xaxis: { ticksuffix: "x", rangemode: "tozero" }, yaxis: { autorange: "reversed", showgrid: false }, showlegend: false, margin: { l: 8, r: 56, t: 8, b: 32 } },
    }));
    const causes = Object.entries(found.attribution).filter(([, ns]) => ns).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    draw("claimed-chart", () => ({
      height: 110 + 32 * (causes.length + 1),
      traces: [{
        type: "waterfall", orientation: "h", measure: [...causes.map(() => "relative"), "total"],
        y: [...causes.map(([cause]) => CAUSES[cause] || cause), "together"], x: [...causes.map(([, ns]) => ns / S), 0],
        text: [...causes.map(([, ns]) => signed(ns)), signed(found.difference_ns)], textposition: "outside", cliponaxis: false,
        hoverinfo: "skip", increasing: { marker: { color: "#c2570c" } }, decreasing: { marker: { color: "#2f6fdf" } }, totals: { marker: { color: "#8a8a8a" } },
        connector: { line: { width: 0.5, color: "#8a8a8a" } },
      }],
      shape: { xaxis: { ticksuffix: " s" }, yaxis: { autorange: "reversed", showgrid: false }, showlegend: false, margin: { l: 8, r: 96, t: 8, b: 32 } },
    }));
    const between = found.counterfactual, premium = found.premium;
    fill("claimed-facts", el("dl", { class: "facts" },
      fact("Realisation", found.realisation === null ? null : percent(found.realisation), "real over claimed"),
      fact("Real, 95 %", found.real_interval ? `${times(found.real_interval[0])} to ${times(found.real_interval[1])}` : null, `${found.pairs.length} features, ${found.solved_only ? "solved by both" : "solved or not"}`),
      fact("By speed alone", between ? times(between.speed) : null, "its own calls and tokens at the other's speed"),
      fact("By behaviour", between ? times(between.behaviour) : null, "other turns, tokens, tools"),
      fact("Premium", premium && premium.usd_per_hour !== null ? `${usd(premium.usd_per_hour)} an hour` : null, "from that hourly value on the faster tokens pay"),
      fact("All trials", found.all_trials && found.all_trials.real ? times(found.all_trials.real) : null, found.all_trials && found.all_trials.censored ? `solved or not; ${found.all_trials.censored} cut off by their wall limit` : "solved or not")));
  }
  const fact = (name, value, note) => el("div", {}, el("dt", {}, name), el("dd", {}, value === null || value === undefined ? "\u2013" : value, el("small", {}, ` ${note}`)));
  function claimedControls() {
    if (data.comparisons.length > 1) fill("claimed-controls", choice("Compare", data.comparisons.map((one, at) => [String(at), `${label(one.slow)} \u2192 ${label(one.fast)}`]), String(pair), (value) => { pair = Number(value); claimedView(); }));
  }

  splitclock.views.push(claimedControls, claimedView);
})();
