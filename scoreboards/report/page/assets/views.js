"use strict";
// The views but the trial's own: where the time goes, claimed against real, what if, frontier, heat map, two runs.
(() => {
  const { data, duration, signed, times, percent, usd, count, median, sum, el, fill, choice, scored, label, S, charts } = splitclock;
  const { draw, safe, marker } = charts;
  const every = data.trials, counted = every.filter(scored);
  const models = data.models.map((row) => row.model);
  const AGENT = ["model", "tool", "overlap", "wait", "harness"];
  const of = (model, trials) => trials.filter((trial) => trial.model === model);

  // ---- where the time goes
  const where = { by: "phase", as: "median", feature: "" };
  const SUBS = ["model.connect", "model.first_token", "model.decode", "tool.exec", "tool.transport", "overlap",
    "wait.failed_call", "wait.backoff", "wait.rate_limit", "harness"];
  const PARTS = {
    phase: () => AGENT.map((phase) => [phase, (trial) => trial.phases[phase] - (phase === "wait" ? trial.queue_ns : 0)]),
    whole: () => Object.keys(data.phases).map((phase) => [phase, (trial) => trial.phases[phase]]),
    sub: () => SUBS.map((sub) => [sub, (trial) => sub.includes(".") ? trial.sub_phases[sub] || 0 : trial.phases[sub]]),
    work: () => data.work.map((work) => [work, (trial) => trial.by_work[work] || 0]),
  };
  function whereView() {
    const trials = counted.filter((trial) => !where.feature || trial.feature === where.feature);
    const rows = where.feature || models.length > 1 ? models : models;
    const shown = rows.filter((model) => of(model, trials).length);
    const parts = PARTS[where.by]().map(([name, get]) => {
      const values = shown.map((model) => sum(of(model, trials).map(get)) / of(model, trials).length);
      return { name, values };
    }).filter((part) => part.values.some((value) => value > 0));
    const totals = shown.map((_, at) => sum(parts.map((part) => part.values[at])));
    const share = where.as === "share";
    draw("where-chart", () => ({
      height: 130 + 46 * shown.length,
      traces: parts.map((part, place) => ({
        type: "bar", orientation: "h", name: part.name, marker: marker(part.name, place),
        y: shown.map((model) => safe(label(model))),
        x: part.values.map((value, at) => share ? (totals[at] ? value / totals[at] : 0) : value / S),
        text: part.values.map((value, at) => value / totals[at] > 0.08 ? percent(value / totals[at]) : ""),
        textposition: "inside", insidetextanchor: "middle",
        hovertext: part.values.map((value, at) => `${part.name}: ${duration(value)} a trial, ${percent(totals[at] ? value / totals[at] : 0)}`),
        hoverinfo: "text",
      })),
      shape: { xaxis: share ? { tickformat: ".0%", range: [0, 1] } : { ticksuffix: " s", rangemode: "tozero" }, yaxis: { autorange: "reversed" } },
    }), (point) => { location.hash = "map"; cell(shown[point.pointNumber], where.feature || null); });
    fill("where-hint", `Mean of ${trials.length} scored trials. Click a bar to see its trials.`);
  }
  function whereControls() {
    fill("where-controls",
      choice("Divide by", [["phase", "agent phase"], ["sub", "sub-phase"], ["work", "class of tool work"], ["whole", "all phases, set-up and grading too"]], where.by, (value) => { where.by = value; whereView(); }),
      choice("Show", [["median", "seconds a trial"], ["share", "shares"]], where.as, (value) => { where.as = value; whereView(); }),
      choice("Feature", [["", "all"], ...data.features.map((name) => [name, name])], where.feature, (value) => { where.feature = value; whereView(); }));
  }

  // ---- claimed against real
  const CAUSES = {
    output_tokens: "more tokens", decode_speed: "slower decoding", first_token: "slower first tokens", connect: "slower to connect",
    calls: "more calls", wait: "more waiting", tool: "more tool work", transport: "sandbox transport", overlap: "model and tools at once", harness: "the harness",
  };
  let pair = Math.max(0, data.comparisons.findIndex((one) => data.answer.pair && one.slow === data.answer.pair[0] && one.fast === data.answer.pair[1]));
  function claimedView() {
    const found = data.comparisons[pair];
    if (!found) { document.getElementById("claimed").hidden = true; return; }
    fill("claimed-sentence", found.sentence);
    const ratios = [["claimed", found.claimed], ["decode", found.decode], ["model time", found.model], ["ceiling", found.ceiling], ["real", found.real]].filter(([, value]) => value);
    draw("claimed-ratios", () => ({
      height: 90 + 34 * ratios.length,
      traces: [{
        type: "bar", orientation: "h", y: ratios.map(([name]) => name), x: ratios.map(([, value]) => value),
        marker: { color: ratios.map(([name]) => name === "real" ? "#c2570c" : name === "ceiling" ? "#8a8a8a" : "#2f6fdf") },
        text: ratios.map(([, value]) => times(value)), textposition: "outside", cliponaxis: false, hoverinfo: "skip",
        error_x: found.real_interval ? { type: "data", symmetric: false, array: ratios.map(([name, value]) => name === "real" ? Math.min(found.real_interval[1], 3 * Math.max(...ratios.map((r) => r[1]))) - value : 0), arrayminus: ratios.map(([name, value]) => name === "real" ? value - found.real_interval[0] : 0), thickness: 1.2 } : undefined,
      }],
      shape: { xaxis: { ticksuffix: "x", rangemode: "tozero" }, yaxis: { autorange: "reversed" }, showlegend: false, margin: { l: 8, r: 56, t: 8, b: 32 } },
    }));
    const causes = Object.entries(found.attribution).filter(([, ns]) => ns).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    draw("claimed-chart", () => ({
      height: 110 + 32 * (causes.length + 1),
      traces: [{
        type: "waterfall", orientation: "h", measure: [...causes.map(() => "relative"), "total"],
        y: [...causes.map(([cause]) => CAUSES[cause] || cause), "together"], x: [...causes.map(([, ns]) => ns / S), 0],
        text: [...causes.map(([, ns]) => signed(ns)), signed(found.difference_ns)], textposition: "outside", cliponaxis: false,
        hoverinfo: "skip", increasing: { marker: { color: "#c2570c" } }, decreasing: { marker: { color: "#2f6fdf" } }, totals: { marker: { color: "#8a8a8a" } },
        connector: { line: { width: 0.5 } },
      }],
      shape: { xaxis: { ticksuffix: " s" }, yaxis: { autorange: "reversed" }, showlegend: false, margin: { l: 8, r: 72, t: 8, b: 32 } },
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

  // ---- what if: the same model of a trial as `splitclock whatif`
  const change = { decode: 1, first: 1, tools: 1, turns: 1 };
  function changed(trial) {
    const own = trial.ledger, tools = 1 / change.tools;
    const decode = own.decode / change.decode, first = (own.first_token + own.connect) / change.first;
    const before = own.decode + own.first_token + own.connect;
    const overlap = own.overlap * Math.max(tools, before ? (decode + first) / before : tools);
    return (decode + first + own.tool * tools + overlap + own.transport + own.wait + own.harness) * change.turns;
  }
  function whatifView() {
    const rows = models.map((model) => {
      const own = of(model, counted);
      return { model, was: median(own.map((trial) => trial.agent_wall_ns)), then: median(own.map(changed)) };
    }).filter((row) => row.was !== null);
    draw("whatif-chart", () => ({
      height: 130 + 58 * rows.length,
      traces: [["as measured", "was", "#8a8a8a"], ["would be", "then", "#2f6fdf"]].map(([name, key, color]) => ({
        type: "bar", orientation: "h", name, marker: { color }, y: rows.map((row) => safe(label(row.model))), x: rows.map((row) => row[key] / S),
        text: rows.map((row) => duration(row[key])), textposition: "auto", hoverinfo: "skip",
      })),
      shape: { barmode: "group", xaxis: { ticksuffix: " s", rangemode: "tozero" }, yaxis: { autorange: "reversed" } },
    }));
    fill("whatif-table", el("thead", {}, el("tr", {}, ["model", "agent wall, median", "would be", "times as fast"].map((head, at) => el("th", { scope: "col", class: at ? "figure" : null }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, el("th", { scope: "row" }, label(row.model)), el("td", { class: "figure" }, duration(row.was)), el("td", { class: "figure", "data-model": row.model }, duration(row.then)), el("td", { class: "figure" }, row.then ? times(row.was / row.then) : "\u2013")))));
  }
  function slider(name, key, low, high) {
    const shown = el("output", {}, "1.0x");
    const input = el("input", {
      type: "range", min: Math.log10(low), max: Math.log10(high), step: 0.01, value: 0, id: `whatif-${key}`, "aria-label": name,
      oninput: (event) => { change[key] = 10 ** Number(event.target.value); shown.textContent = times(change[key]); event.target.setAttribute("aria-valuetext", times(change[key])); whatifView(); },
    });
    return el("label", { class: "slider" }, `${name} `, input, shown);
  }
  function whatifControls() {
    const reset = () => { Object.keys(change).forEach((key) => { change[key] = 1; }); whatifControls(); whatifView(); };
    fill("whatif-controls", slider("decode speed", "decode", 0.1, 100), slider("first tokens, speed of", "first", 0.1, 100), slider("tool speed", "tools", 0.1, 100), slider("turns", "turns", 0.1, 10), el("button", { type: "button", onclick: reset }, "As measured"));
  }

  // ---- frontier
  function frontierView() {
    const rows = data.models.map((row) => {
      const own = of(row.model, counted), costs = own.map((trial) => trial.cost_usd).filter((value) => value !== null);
      return { model: row.model, wall: median(own.map((trial) => trial.agent_wall_ns)), cost: costs.length ? sum(costs) / costs.length : null, rate: row.pass_rate };
    }).filter((row) => row.wall !== null);
    const known = rows.filter((row) => row.cost !== null), priced = known.length > 0;
    const points = priced ? known : rows;
    const beats = (a, b) => a.wall <= b.wall && (!priced || a.cost <= b.cost) && a.rate >= b.rate && (a.wall < b.wall || (priced && a.cost < b.cost) || a.rate > b.rate);
    const front = points.filter((row) => !points.some((other) => beats(other, row))).sort((a, b) => a.wall - b.wall);
    const y = (row) => priced ? row.cost : row.rate;
    draw("frontier-chart", () => ({
      height: 360,
      traces: [
        { type: "scatter", mode: "lines", x: front.map((row) => row.wall / S), y: front.map(y), line: { dash: "dot", color: "#8a8a8a" }, hoverinfo: "skip", showlegend: false },
        { type: "scatter", mode: "markers+text", x: points.map((row) => row.wall / S), y: points.map(y), text: points.map((row) => safe(label(row.model))), textposition: "top center", cliponaxis: false,
          marker: { size: points.map((row) => 12 + 28 * (row.rate || 0)), color: "#2f6fdf", opacity: 0.8, line: { width: points.map((row) => front.includes(row) ? 2 : 0), color: "#c2570c" } },
          hovertext: points.map((row) => `${safe(row.model)}: ${duration(row.wall)}, ${usd(row.cost)} a trial, ${percent(row.rate)} solved`), hoverinfo: "text", showlegend: false },
      ],
      shape: { xaxis: { title: { text: "agent wall, median" }, ticksuffix: " s", rangemode: "tozero" }, yaxis: priced ? { title: { text: "USD a trial" }, tickprefix: "$", rangemode: "tozero" } : { title: { text: "solved" }, tickformat: ".0%", range: [-0.1, 1.2] }, margin: { l: 8, r: 40, t: 24, b: 48 } },
    }), (point) => { location.hash = "map"; cell(points[point.pointNumber].model, null); });
    const unknown = rows.length - known.length;
    fill("frontier-hint", priced ? (unknown ? `${unknown} models have no known cost and are left out.` : "") : "No cost is known: pass rate stands in its place.");
  }

  // ---- models x features
  function shade(rate) { return rate === null ? "none" : `rate-${Math.round(rate * 4)}`; }
  function mapView() {
    const heads = el("tr", {}, el("td", {}), models.map((model) => el("th", { scope: "col" }, label(model))));
    const rows = data.features.map((feature) => el("tr", {}, el("th", { scope: "row" }, feature), models.map((model) => {
      const own = of(model, every).filter((trial) => trial.feature === feature), good = own.filter(scored);
      const passed = good.filter((trial) => trial.verdict === "pass").length, rate = good.length ? passed / good.length : null;
      if (!own.length) return el("td", { class: "heat none" }, "\u2013");
      const wall = duration(median(good.map((trial) => trial.agent_wall_ns)));
      return el("td", { class: `heat ${shade(rate)}` }, el("button", { type: "button", onclick: () => cell(model, feature), "aria-label": `${model} on ${feature}: ${passed} of ${good.length} passed, ${wall}; show trials` }, el("b", {}, good.length ? `${passed}/${good.length}` : own[0].verdict), el("small", {}, wall)));
    })));
    fill("map-table", el("thead", {}, heads), el("tbody", {}, rows));
  }
  function cell(model, feature) {
    const own = of(model, every).filter((trial) => !feature || trial.feature === feature);
    fill("map-trials", el("h3", {}, `${label(model)}${feature ? ` on ${feature}` : ""}: ${own.length} trials`), el("div", { class: "scroll" }, el("table", {},
      el("thead", {}, el("tr", {}, ["trial", "feature", "#", "verdict", "agent wall", "turns", "tokens", "cost", "why"].map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, own.slice(0, 200).map((trial) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: "#trial", onclick: () => splitclock.showTrial(every.indexOf(trial)) }, trial.id)),
        el("td", {}, trial.feature), el("td", {}, String(trial.repeat)), el("td", {}, trial.verdict), el("td", { class: "figure" }, duration(trial.agent_wall_ns)), el("td", { class: "figure" }, count(trial.turns)), el("td", { class: "figure" }, count(trial.output_tokens)), el("td", { class: "figure" }, usd(trial.cost_usd, trial.cost_is_lower_bound)), el("td", {}, trial.error || trial.reason || "")))))));
  }

  // ---- two runs, side by side
  const runs = { a: data.runs[0], b: data.runs[1] };
  function runsView() {
    if (data.runs.length < 2) return;
    for (const id of ["runs", "nav-runs"]) document.getElementById(id).hidden = false;
    const pick = (key) => choice(key === "a" ? "Left" : "Right", data.runs.map((name) => [name, name]), runs[key], (value) => { runs[key] = value; runsView(); });
    fill("runs-controls", pick("a"), pick("b"));
    const told = (trials) => { const good = trials.filter(scored); return [good.length ? `${good.filter((t) => t.verdict === "pass").length}/${good.length}` : "\u2013", median(good.map((t) => t.agent_wall_ns))]; };
    const rows = data.features.flatMap((feature) => models.map((model) => {
      const [a, b] = ["a", "b"].map((key) => told(every.filter((t) => t.run === runs[key] && t.feature === feature && t.model === model)));
      return a[1] === null && b[1] === null ? null : el("tr", {}, el("th", { scope: "row" }, feature), el("td", {}, label(model)), [a[0], b[0], duration(a[1]), duration(b[1]), a[1] && b[1] ? times(a[1] / b[1]) : "\u2013"].map((text) => el("td", { class: "figure" }, text)));
    })).filter(Boolean);
    fill("runs-table", el("thead", {}, el("tr", {}, ["feature", "model", "solved, left", "right", "agent wall, left", "right", "left / right"].map((head, at) => el("th", { scope: "col", class: at > 1 ? "figure" : null }, head)))), el("tbody", {}, rows));
  }

  splitclock.start = () => {
    whereControls(); claimedControls(); whatifControls();
    for (const view of [whereView, claimedView, whatifView, frontierView, mapView, runsView]) view();
    document.documentElement.dataset.ready = "yes";
  };
})();
