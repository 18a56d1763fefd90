"use strict";
// Where the time goes: a part of the wall opens into its own parts, down to the features.
(() => {
  const { data, duration, count, percent, sum, el, fill, choice, label, S, charts, models, of, counted } = splitclock;
  const { draw, safe, brief, places, named, marker } = charts;
  const AGENT = ["model", "tool", "overlap", "wait", "harness"];
  const SUBS = {
    model: ["model.connect", "model.first_token", "model.decode"],
    tool: ["tool.exec", "tool.transport"],
    wait: ["wait.failed_call", "wait.backoff", "wait.rate_limit"],
  };
  const NAMES = {
    "model.connect": "connect", "model.first_token": "first token", "model.decode": "decode", "tool.exec": "processes of tools",
    "tool.transport": "sandbox transport", "wait.failed_call": "failed calls", "wait.backoff": "pauses", "wait.rate_limit": "rate limits", overlap: "model and tools at once", harness: "the harness",
  };
  const tools = [...new Set(counted.flatMap((trial) => Object.keys(trial.by_tool)))].sort();
  const phase = (name) => (trial) => trial.phases[name] - (name === "wait" ? trial.queue_ns : 0);
  const inside = (trial, pick) => sum(Object.entries(trial.by_tool).map(([tool, works]) => sum(Object.entries(works).filter(([work]) => pick(tool, work)).map(([, ns]) => ns))));

  // A part is a name, its nanoseconds in a trial, and how it is divided further (nothing: only by feature, once).
  const features = (get) => () => data.features.map((name) => ({ name, get: (trial) => trial.feature === name ? get(trial) : 0 }));
  const leaf = (name, get) => ({ name, get, divide: data.features.length > 1 ? features(get) : null });
  const byWork = (own) => () => data.work.map((work) => leaf(work, (trial) => inside(trial, (tool, its) => its === work && (!own || tool === own))));
  const byTool = () => tools.map((tool) => ({ name: tool, get: (trial) => inside(trial, (its) => its === tool), divide: byWork(tool) }));
  const sub = (name) => name === "tool.exec"
    ? { name, get: (trial) => trial.phases.tool - (trial.sub_phases["tool.transport"] || 0), divide: byTool }
    : leaf(name, (trial) => trial.sub_phases[name] || 0);
  const bySub = (name) => () => {
    const parts = SUBS[name].map(sub);
    return [...parts, leaf("rest", (trial) => phase(name)(trial) - sum(parts.map((part) => part.get(trial))))];
  };
  const byPhase = () => AGENT.map((name) => SUBS[name] ? { name, get: phase(name), divide: bySub(name) } : leaf(name, phase(name)));
  const ROOTS = {
    phase: ["agent phase", byPhase],
    sub: ["sub-phase", () => AGENT.flatMap((name) => SUBS[name] ? bySub(name)() : [leaf(name, phase(name))])],
    tool: ["tool", byTool],
    work: ["class of tool work", byWork(null)],
    feature: ["feature", features((trial) => trial.agent_wall_ns)],
    whole: ["all phases, set-up and grading too", () => Object.keys(data.phases).map((name) => leaf(name, (trial) => trial.phases[name]))],
  };

  const state = { by: "phase", as: "seconds", feature: "", path: [] };
  const shown = (name) => NAMES[name] || name;

  function view() {
    if (!counted.length) { splitclock.emptied("where", "No trial was scored, so there is no time to divide."); return; }
    const trials = counted.filter((trial) => !state.feature || trial.feature === state.feature);
    const rows = models.filter((model) => of(model, trials).length);
    const divide = state.path.length ? state.path[state.path.length - 1].divide : ROOTS[state.by][1];
    const parts = divide().map((part) => ({ ...part, values: rows.map((model) => sum(of(model, trials).map(part.get)) / of(model, trials).length) }))
      .filter((part) => part.values.some((value) => value >= 1));
    const totals = rows.map((_, at) => sum(parts.map((part) => part.values[at])));
    const share = state.as === "share", room = Math.max(120, document.getElementById("where-chart").clientWidth - 180), longest = Math.max(...totals);
    const fits = (value, at) => room * value / (share ? totals[at] : longest) > 36;
    draw("where-chart", () => ({
      height: 150 + 46 * rows.length,
      traces: parts.map((part, place) => ({
        type: "bar", orientation: "h", name: brief(shown(part.name)), marker: marker(part.name, place),
        y: places(rows),
        x: part.values.map((value, at) => share ? (totals[at] ? value / totals[at] : 0) : value / S),
        text: part.values.map((value, at) => fits(value, at) ? percent(value / totals[at]) : ""),
        textposition: "inside", insidetextanchor: "middle", insidetextfont: { color: "#fff" }, textangle: 0, constraintext: "none",
        hovertext: part.values.map((value, at) => `${safe(shown(part.name))}: ${duration(value)} a trial, ${percent(totals[at] ? value / totals[at] : 0)}`),
        hoverinfo: "text",
      })),
      shape: { xaxis: share ? { title: { text: "share of what is divided" }, tickformat: ".0%", range: [0, 1] } : { title: { text: "mean of a trial" }, ticksuffix: " s", rangemode: "tozero" }, yaxis: named(rows.map(label)), showlegend: true },
    }), (point) => {
      const part = parts[point.curveNumber];
      if (part.divide) open(part); else splitclock.showCell(rows[point.pointNumber], data.features.includes(part.name) ? part.name : state.feature || null);
    });
    const told = rows.map((model, at) => `${label(model)}: ${parts.map((part) => `${shown(part.name)} ${percent(totals[at] ? part.values[at] / totals[at] : 0)}`).join(", ")}`);
    document.getElementById("where-chart").setAttribute("aria-label", `Wall-clock by part. ${told.join("; ")}`);
    crumbs(parts);
    fill("where-hint", parts.length ? `Mean of ${count(trials.length)} scored trial${trials.length === 1 ? "" : "s"}. A part opens into its own parts, at last into its trials.` : "No time at all here.");
  }
  function open(part) { state.path.push(part); view(); }
  function crumbs(parts) {
    const trail = [{ name: "agent wall" }, ...state.path].map((part, at) => el("li", {}, at === state.path.length ? el("b", { "aria-current": "true" }, shown(part.name)) : el("button", { type: "button", onclick: () => { state.path.length = at; view(); } }, shown(part.name))));
    const further = parts.filter((part) => part.divide).map((part) => el("button", { type: "button", class: "quiet", "data-part": part.name, onclick: () => open(part) }, `${shown(part.name)} \u203a`));
    fill("where-path", el("ol", { class: "crumbs", "aria-label": "Which part is divided" }, trail), further.length ? el("span", { class: "open" }, "open ", further) : "");
  }
  function controls() {
    fill("where-controls",
      choice("Divide by", Object.entries(ROOTS).map(([key, [name]]) => [key, name]), state.by, (value) => { state.by = value; state.path = []; view(); }),
      choice("Show", [["seconds", "seconds a trial"], ["share", "shares"]], state.as, (value) => { state.as = value; view(); }),
      choice("Feature", [["", "all"], ...data.features.map((name) => [name, name])], state.feature, (value) => { state.feature = value; view(); }));
  }
  splitclock.views.push(controls, view);
})();
