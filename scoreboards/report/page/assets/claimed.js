"use strict";
// Claimed against real: the ratios, what the difference is made of, and what would be without it.
(() => {
  const { data, ticked, duration, signed, times, percent, usd, el, fill, choice, label, S, charts } = splitclock;
  const { draw, brief } = charts;
  const several = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

  const CAUSES = {
    output_tokens: "more tokens", decode_speed: "slower decoding", first_token: "slower first tokens", connect: "slower to connect",
    calls: "more calls", wait: "more waiting", tool: "more tool work", transport: "sandbox transport", overlap: "model and tools at once", harness: "the harness",
  };
  const EATEN = {
    output_tokens: "more tokens", decode_speed: "decoding, on these features", first_token: "first tokens", connect: "connecting", calls: "more calls",
    wait: "waiting", tool: "tool work", transport: "sandbox transport", overlap: "model and tools at once", harness: "the harness",
  };
  const LOSS = "#c2570c", GAIN = "#2f6fdf", PLAIN = "#8a8a8a";
  let pair = Math.max(0, data.comparisons.findIndex((one) => data.answer.pair && one.slow === data.answer.pair[0] && one.fast === data.answer.pair[1]));
  // Bars from the claim down to the real ratio: each cause begins where the one before has ended.
  function steps(found) {
    const promised = found.decode, rows = [];
    if (found.claimed) rows.push({ name: "claimed", from: 0, to: found.claimed, color: PLAIN, text: times(found.claimed) });
    if (promised) rows.push({ name: "decoding, measured", from: 0, to: promised, color: GAIN, text: times(promised) });
    const eaten = Object.entries(found.eroded || {}).filter(([, part]) => part).sort((a, b) => b[1] - a[1]);
    const least = 0.005 * Math.max(promised || 0, found.real), small = eaten.filter(([, part]) => Math.abs(part) < least);
    const shown = eaten.filter(([, part]) => Math.abs(part) >= least).map(([cause, part]) => [EATEN[cause] || cause, part]);
    const rest = small.reduce((all, [, part]) => all + part, 0);
    if (Math.abs(rest) >= 0.005) shown.push(["all the rest", rest]);
    let at = promised;
    for (const [name, part] of shown) { rows.push({ name, from: at, to: at - part, color: part > 0 ? LOSS : GAIN, text: `${part > 0 ? "\u2212" : "+"}${splitclock.fraction(Math.abs(part))}` }); at -= part; }
    rows.push({ name: "real", from: 0, to: found.real, color: LOSS, text: "" });
    return rows;
  }
  function drawRatios(found) {
    const rows = steps(found), most = Math.max(...rows.map((row) => Math.max(row.from, row.to))), interval = found.real_interval;
    const high = interval ? Math.max(found.real, Math.min(interval[1], 1.05 * most)) : found.real;
    const beyond = interval && interval[1] > high, told = interval ? `${times(found.real)} (${times(interval[0])} to ${times(interval[1])}${beyond ? " \u2192" : ""})` : times(found.real);
    const wide = document.getElementById("claimed-ratios").clientWidth > 600, beside = wide || high < most / 3;
    fill("claimed-told", `${rows.map((row) => `${row.name} ${row.text || told}`).join(", ")}.`);
    draw("claimed-ratios", () => ({
      height: 100 + 34 * rows.length,
      traces: [
        { type: "bar", orientation: "h", y: rows.map((row) => row.name), base: rows.map((row) => Math.min(row.from, row.to)), x: rows.map((row) => Math.abs(row.to - row.from)), marker: { color: rows.map((row) => row.color) },
          text: rows.map((row) => row.text), textposition: "outside", cliponaxis: false, hoverinfo: "skip" },
        ...(interval ? [{ type: "scatter", mode: "markers", y: ["real"], x: [found.real], marker: { size: 1, color: PLAIN }, hoverinfo: "skip", cliponaxis: false,
          error_x: { type: "data", symmetric: false, array: [high - found.real], arrayminus: [found.real - interval[0]], thickness: 1.5, color: PLAIN } }] : []),
      ],
      shape: {
        annotations: [{ x: beside ? high : 1.08 * most, y: "real", text: told, xanchor: beside ? "left" : "right", xshift: beside ? 6 : 0, yshift: beside ? 0 : 18, showarrow: false }],
        xaxis: { title: { text: wide ? `times as fast as ${brief(label(found.slow))}` : "times as fast" }, ticksuffix: "x", range: [0, 1.08 * most] }, yaxis: { autorange: "reversed", showgrid: false }, showlegend: false, margin: { l: 8, r: wide ? 150 : 40, t: 8, b: 48 },
      },
    }));
  }
  function claimedView() {
    const found = data.comparisons[pair];
    if (!found) { for (const id of ["claimed", "nav-claimed"]) document.getElementById(id).hidden = true; return; }
    fill("claimed-sentence", ticked(found.sentence));
    const isKnown = found.real !== null;
    document.getElementById("claimed-figures").hidden = !isKnown;
    if (!isKnown) return;
    fill("claimed-parts", `What the difference of ${duration(Math.abs(found.difference_ns))} is made of`);
    drawRatios(found);
    const causes = Object.entries(found.attribution).filter(([, ns]) => ns).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    let running = 0;
    const ends = [0, ...causes.map(([, ns]) => { running += ns / S; return running; })], low = Math.min(...ends), high = Math.max(...ends);
    draw("claimed-chart", () => ({
      height: 110 + 32 * (causes.length + 1),
      traces: [{
        type: "waterfall", orientation: "h", measure: [...causes.map(() => "relative"), "total"],
        y: [...causes.map(([cause]) => CAUSES[cause] || cause), "together"], x: [...causes.map(([, ns]) => ns / S), 0],
        text: [...causes.map(([, ns]) => signed(ns)), signed(found.difference_ns)], textposition: "outside", cliponaxis: false,
        hoverinfo: "skip", increasing: { marker: { color: "#c2570c" } }, decreasing: { marker: { color: "#2f6fdf" } }, totals: { marker: { color: "#8a8a8a" } },
        connector: { line: { width: 0.5, color: "#8a8a8a" } },
      }],
      shape: { xaxis: { title: { text: `agent wall, summed over ${several(found.pairs.length, "feature")}` }, ticksuffix: " s", range: [low < 0 ? low - 0.2 * (high - low) : 0, high + 0.02 * (high - low)] }, yaxis: { autorange: "reversed", showgrid: false }, showlegend: false, margin: { l: 8, r: 96, t: 8, b: 48 } },
    }));
    const between = found.counterfactual, premium = found.premium;
    const less = causes.some(([, ns]) => ns < 0) ? el("p", { class: "hint" }, `Negative parts are what ${label(found.slow)} did less of, or faster.`) : "";
    fill("claimed-facts", less, el("dl", { class: "facts" },
      fact("Realisation", found.realisation === null ? null : percent(found.realisation), found.claimed ? "real over claimed" : "real over measured decoding"),
      fact("Real, 95 %", found.real_interval ? `${times(found.real_interval[0])} to ${times(found.real_interval[1])}` : null, `${several(found.pairs.length, "feature")}, ${found.solved_only ? "solved by both" : "solved or not"}`),
      fact("Model time", found.model === null ? null : times(found.model), "decoding, first tokens and connecting together"),
      fact("Ceiling", found.ceiling === null ? null : times(found.ceiling), "with an infinitely fast model (Amdahl)"),
      fact("By speed alone", between ? times(between.speed) : null, "its own calls and tokens at the other's speed"),
      fact("By behaviour", between ? times(between.behaviour) : null, "other turns, tokens, tools"),
      fact("Premium", premium && premium.usd_per_hour !== null ? `${usd(premium.usd_per_hour)} an hour` : null, premium && premium.usd_per_hour !== null ? "from that hourly value on the faster tokens pay" : premium && premium.usd_per_feature === null ? "a cost is not known" : "the faster one costs no more, or saves no time"),
      found.solved_only ? fact("All trials", found.all_trials && found.all_trials.real ? times(found.all_trials.real) : null, found.all_trials && found.all_trials.censored ? `solved or not; ${found.all_trials.censored} cut off by their wall limit` : "solved or not") : null));
  }
  const fact = (name, value, note) => el("div", {}, el("dt", {}, name), el("dd", {}, value === null || value === undefined ? "\u2013" : value, el("small", {}, ` ${note}`)));
  function claimedControls() {
    if (data.comparisons.length > 1) fill("claimed-controls", choice("Compare", data.comparisons.map((one, at) => [String(at), `${label(one.slow)} \u2192 ${label(one.fast)}`]), String(pair), (value) => { pair = Number(value); claimedView(); }));
  }

  splitclock.views.push(claimedControls, claimedView);
})();
