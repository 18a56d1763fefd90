"use strict";
// What all views share: the data, figures as people read them, and elements made without markup.
const splitclock = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const UNKNOWN = "\u2013";
  const S = 1e9;

  function duration(ns) {
    if (ns === null || ns === undefined) return UNKNOWN;
    const s = ns / S, a = Math.abs(s);
    if (a >= 3600) return `${Math.floor(s / 3600)} h ${String(Math.round((s % 3600) / 60)).padStart(2, "0")} min`;
    if (a >= 99.95) return `${Math.floor(Math.round(s) / 60)} min ${String(Math.round(s) % 60).padStart(2, "0")} s`;
    if (a >= 0.9995) return `${s.toFixed(a >= 9.995 ? 1 : 2)} s`;
    return a === 0 ? "0 s" : `${(s * 1000).toFixed(a >= 0.009995 ? 0 : 2)} ms`;
  }
  const signed = (ns) => (ns < 0 ? "\u2212" : "+") + duration(Math.abs(ns));
  const times = (x) => x === null || x === undefined ? UNKNOWN : `${x.toFixed(x < 100 ? 1 : 0)}x`;
  const fraction = (x) => `${x.toFixed(x < 0.1 ? 2 : x < 100 ? 1 : 0)}x`;
  const percent = (x) => x === null ? UNKNOWN : x > 0 && x < 0.005 ? "<1 %" : `${Math.round(x * 100)} %`;
  const usd = (x, atLeast) => x === null || x === undefined ? UNKNOWN : `${atLeast ? "\u2265 " : ""}$${x.toFixed(x >= 0.1 || x === 0 ? 2 : 4)}`;
  const count = (x) => x === null || x === undefined ? UNKNOWN : x.toLocaleString("en");

  function median(values) {
    if (!values.length) return null;
    const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
  const sum = (values) => values.reduce((a, b) => a + b, 0);

  // An element: attributes and listeners by name, children as text or elements. Nothing is ever parsed as markup.
  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === false || value === undefined) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : String(value));
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  }
  function fill(id, ...children) {
    const node = document.getElementById(id);
    node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
    return node;
  }
  // What stands between backticks as code.
  const ticked = (text) => text.split("`").map((piece, at) => at % 2 ? el("code", {}, piece) : piece);
  function choice(label, options, value, change) {
    const select = el("select", { onchange: (event) => change(event.target.value) },
      options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
    return el("label", {}, `${label} `, select);
  }
  const scored = (trial) => ["pass", "fail", "unstable", "tampered"].includes(trial.verdict);
  const simulated = new Set(data.models.filter((row) => row.simulated).map((row) => row.model));
  const label = (model) => simulated.has(model) ? `${model} (simulated)` : model;

  data.trials.forEach((trial, at) => { trial.at = at; });
  const every = data.trials, counted = every.filter(scored), models = data.models.map((row) => row.model);
  const of = (model, trials) => trials.filter((trial) => trial.model === model);
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const reveal = (node, block) => node.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: block || "start" });
  // A view that has nothing to show: why, in the place of its charts and controls.
  function emptied(section, why) {
    const node = document.getElementById(section);
    for (const part of node.querySelectorAll(".lead, .controls, .chart, .hint, .scroll, h3")) part.hidden = true;
    node.append(el("p", { class: "hint" }, why));
  }
  const bytes = (x) => x === null || x === undefined ? UNKNOWN : x >= 1e9 ? `${(x / 1e9).toFixed(1)} GB` : x >= 1e6 ? `${(x / 1e6).toFixed(x < 1e7 ? 1 : 0)} MB` : x >= 1e3 ? `${(x / 1e3).toFixed(0)} kB` : `${x} B`;

  return {
    views: [], ticked, every, counted, models, of, reveal, bytes, fraction, emptied, data, duration, signed, times, percent, usd, count, median, sum, el, fill, choice, scored, label, S,
  };
})();
