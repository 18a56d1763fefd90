"use strict";
// What if: recorded trials at other speeds, by the same model of a trial as `splitclock whatif`.
(() => {
  const { duration, times, median, el, fill, label, S, charts, models, of, counted } = splitclock;
  const { draw, places, named } = charts;

  const change = { decode: 1, first: 1, tools: 1, turns: 1 };
  function changed(trial) {
    const own = trial.ledger, tools = 1 / change.tools;
    const decode = own.decode / change.decode, first = (own.first_token + own.connect) / change.first;
    const before = own.decode + own.first_token + own.connect;
    const overlap = own.overlap * Math.max(tools, before ? (decode + first) / before : tools);
    return (decode + first + own.tool * tools + overlap + own.transport + own.wait + own.harness) * change.turns;
  }
  function whatifView() {
    if (!counted.length) return;
    const rows = models.map((model) => {
      const own = of(model, counted);
      return { model, was: median(own.map((trial) => trial.agent_wall_ns)), then: median(own.map(changed)) };
    }).filter((row) => row.was !== null);
    draw("whatif-chart", () => ({
      height: 150 + 58 * rows.length,
      traces: [["as measured", "was", "#8a8a8a"], ["would be", "then", "#2f6fdf"]].map(([name, key, color]) => ({
        type: "bar", orientation: "h", name, marker: { color }, y: places(rows), x: rows.map((row) => row[key] / S),
        text: rows.map((row) => duration(row[key])), textposition: "auto", hoverinfo: "skip",
      })),
      shape: { barmode: "group", xaxis: { title: { text: "agent wall, median" }, ticksuffix: " s", rangemode: "tozero" }, yaxis: named(rows.map((row) => label(row.model))) },
    }));
    fill("whatif-table", el("thead", {}, el("tr", {}, ["model", "agent wall, median", "would be", "times as fast"].map((head, at) => el("th", { scope: "col", class: at ? "figure" : null }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, el("th", { scope: "row" }, label(row.model)), el("td", { class: "figure" }, duration(row.was)), el("td", { class: "figure", "data-model": row.model }, duration(row.then)), el("td", { class: "figure" }, row.then ? times(row.was / row.then) : "\u2013")))));
  }
  function slider(name, key, low, high) {
    const shown = el("output", {}, "1.0x");
    const input = el("input", {
      type: "range", min: Math.log10(low), max: Math.log10(high), step: 0.01, value: 0, id: `whatif-${key}`, "aria-label": name, "aria-valuetext": times(1),
      oninput: (event) => { change[key] = 10 ** Number(event.target.value); shown.textContent = times(change[key]); event.target.setAttribute("aria-valuetext", times(change[key])); whatifView(); },
    });
    return el("label", { class: "slider" }, `${name} `, input, shown);
  }
  function whatifControls() {
    if (!counted.length) { splitclock.emptied("whatif", "No trial was scored, so there is none to ask about."); return; }
    const reset = () => { Object.keys(change).forEach((key) => { change[key] = 1; }); whatifControls(); whatifView(); };
    fill("whatif-controls", slider("decode speed", "decode", 0.1, 100), slider("first tokens, speed of", "first", 0.1, 100), slider("tool speed", "tools", 0.1, 100), slider("turns", "turns", 0.1, 10), el("button", { type: "button", onclick: reset }, "As measured"));
  }

  splitclock.views.push(whatifControls, whatifView);
})();
