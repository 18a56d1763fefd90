"use strict";
// Models by features; each cell opens its trials, each trial its view.
(() => {
  const { data, duration, median, usd, count, el, fill, scored, label, models, of, every } = splitclock;

  function shade(rate) { return rate === null ? "none" : `rate-${Math.round(rate * 4)}`; }
  function mapView() {
    const heads = el("tr", {}, el("td", {}), models.map((model) => el("th", { scope: "col" }, label(model))));
    const rows = data.features.map((feature) => el("tr", {}, el("th", { scope: "row" }, feature), models.map((model) => {
      const own = of(model, every).filter((trial) => trial.feature === feature), good = own.filter(scored);
      const passed = good.filter((trial) => trial.verdict === "pass").length, rate = good.length ? passed / good.length : null;
      if (!own.length) return el("td", { class: "heat none" }, "\u2013");
      const wall = duration(median(good.map((trial) => trial.agent_wall_ns)));
      return el("td", { class: `heat ${shade(rate)}` }, el("button", { type: "button", onclick: () => cell(model, feature) }, el("span", { class: "sr" }, `${model} on ${feature}: `), el("b", {}, good.length ? `${passed}/${good.length}` : own[0].verdict), el("small", {}, wall), el("span", { class: "sr" }, "; show trials")));
    })));
    fill("map-table", el("thead", {}, heads), el("tbody", {}, rows));
  }
  const MOST = 200;
  function cell(model, feature) {
    const own = of(model, every).filter((trial) => !feature || trial.feature === feature);
    const node = fill("map-trials", el("h3", { tabindex: "-1" }, `${label(model)}${feature ? ` on ${feature}` : ""}: ${own.length} trial${own.length === 1 ? "" : "s"}`), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Trials" }, el("table", {},
      el("thead", {}, el("tr", {}, ["trial", "feature", "#", "verdict", "agent wall", "turns", "tokens", "cost", "why"].map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, own.slice(0, MOST).map((trial) => el("tr", {}, el("th", { scope: "row" }, el("button", { type: "button", class: "link", "data-trial": trial.at, onclick: () => splitclock.showTrial(trial.at, true) }, trial.id)),
        el("td", {}, trial.feature), el("td", {}, String(trial.repeat)), el("td", {}, trial.verdict), el("td", { class: "figure" }, duration(trial.agent_wall_ns)), el("td", { class: "figure" }, count(trial.turns)), el("td", { class: "figure" }, count(trial.output_tokens)), el("td", { class: "figure" }, usd(trial.cost_usd, trial.cost_is_lower_bound)), el("td", {}, trial.error || trial.reason || "")))))), own.length > MOST ? el("p", { class: "hint" }, `The first ${MOST}; the others are among the choices below.`) : "");
    splitclock.reveal(node, "nearest");
    node.querySelector("h3").focus({ preventScroll: true });
  }

  splitclock.showCell = cell;
  splitclock.views.push(mapView);
})();
