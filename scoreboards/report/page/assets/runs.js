"use strict";
// Two runs, side by side on the same models and features.
(() => {
  const { data, duration, signed, sum, times, median, el, fill, choice, scored, label, models, every } = splitclock;

  const PARTS = ["model", "tool", "overlap", "wait", "harness"];
  const part = (trial, name) => trial.phases[name] - (name === "wait" ? trial.queue_ns : 0);
  const mean = (trials, name) => sum(trials.map((trial) => part(trial, name))) / trials.length;

  // The phase of which a trial took most more, or less, on the right.
  function changed(a, b) {
    if (!a.length || !b.length) return "\u2013";
    const [name, ns] = PARTS.map((one) => [one, mean(b, one) - mean(a, one)]).reduce((most, one) => Math.abs(one[1]) > Math.abs(most[1]) ? one : most);
    return Math.abs(ns) < 1 ? "nothing" : `${name} ${signed(ns)}`;
  }
  const runs = { a: data.runs[0], b: data.runs[1] };
  function runsView() {
    if (data.runs.length < 2) return;
    for (const id of ["runs", "nav-runs"]) document.getElementById(id).hidden = false;
    const pick = (key) => choice(key === "a" ? "Left" : "Right", data.runs.map((name) => [name, name]), runs[key], (value) => { runs[key] = value; runsView(); });
    fill("runs-controls", pick("a"), pick("b"));
    const told = (trials) => { const good = trials.filter(scored); return [good.length ? `${good.filter((t) => t.verdict === "pass").length}/${good.length}` : "\u2013", median(good.map((t) => t.agent_wall_ns)), good]; };
    const rows = data.features.flatMap((feature) => models.map((model) => {
      const [a, b] = ["a", "b"].map((key) => told(every.filter((t) => t.run === runs[key] && t.feature === feature && t.model === model)));
      return a[1] === null && b[1] === null ? null : el("tr", {}, el("th", { scope: "row" }, feature), el("td", {}, label(model)), [a[0], b[0], duration(a[1]), duration(b[1]), a[1] && b[1] ? times(a[1] / b[1]) : "\u2013", changed(a[2], b[2])].map((text) => el("td", { class: "figure" }, text)));
    })).filter(Boolean);
    fill("runs-table", el("thead", {}, el("tr", {}, ["feature", "model", "solved, left", "right", "agent wall, left", "right", "left / right", "changed most, mean"].map((head, at) => el("th", { scope: "col", class: at > 1 ? "figure" : null }, head)))), el("tbody", {}, rows));
  }

  splitclock.views.push(runsView);
})();
