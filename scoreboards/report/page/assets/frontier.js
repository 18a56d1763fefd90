"use strict";
// Frontier of wall, cost and pass rate, and what an hour of waiting must be worth for the faster tokens to pay.
(() => {
  const { data, duration, percent, usd, median, sum, el, fill, label, S, charts, models, of, counted } = splitclock;
  const { draw, safe, brief } = charts;

  // Where each label goes so that it meets no other and no edge: above its point, below it, or beside it.
  function places(points, y, most, node) {
    const width = Math.max(200, node.clientWidth - 100), high = 270, x1 = most.x, [y0, y1] = most.y;
    const taken = points.map((row) => { const r = 6 + 14 * (row.rate || 0), cx = width * row.wall / S / x1, cy = high * (y1 - y(row)) / (y1 - y0); return [cx - r, cy - r, cx + r, cy + r]; });
    return points.map((row, at) => {
      const [a, b, c, d] = taken[at], long = 7 * brief(label(row.model)).length, cx = (a + c) / 2, cy = (b + d) / 2;
      const boxes = { "top center": [cx - long / 2, b - 18, cx + long / 2, b - 2], "bottom center": [cx - long / 2, d + 2, cx + long / 2, d + 18], "middle left": [a - long - 4, cy - 8, a - 4, cy + 8], "middle right": [c + 4, cy - 8, c + long + 4, cy + 8],
        "bottom left": [cx - long, d + 2, cx, d + 18], "top left": [cx - long, b - 18, cx, b - 2], "bottom right": [cx, d + 2, cx + long, d + 18], "top right": [cx, b - 18, cx + long, b - 2] };
      const inside = Object.entries(boxes).filter(([, box]) => box[0] >= 0 && box[2] <= width + 30);
      const free = inside.find(([, box]) => !taken.some((other, its) => its !== at && box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]));
      const [place, box] = free || inside[0] || Object.entries(boxes)[0];
      taken.push(box);
      return place;
    });
  }
  function frontierView() {
    if (!counted.length) { splitclock.emptied("frontier", "No trial was scored, so no model has a place here."); return; }
    const rows = data.models.map((row) => {
      const own = of(row.model, counted), costs = own.map((trial) => trial.cost_usd).filter((value) => value !== null);
      return { model: row.model, wall: median(own.map((trial) => trial.agent_wall_ns)), cost: costs.length ? sum(costs) / costs.length : null, rate: row.pass_rate };
    }).filter((row) => row.wall !== null);
    const known = rows.filter((row) => row.cost !== null), priced = known.length > 0;
    const points = priced ? known : rows;
    const beats = (a, b) => a.wall <= b.wall && (!priced || a.cost <= b.cost) && a.rate >= b.rate && (a.wall < b.wall || (priced && a.cost < b.cost) || a.rate > b.rate);
    const front = points.filter((row) => !points.some((other) => beats(other, row))).sort((a, b) => a.wall - b.wall);
    const y = (row) => priced ? row.cost : row.rate;
    const most = { x: 1.08 * Math.max(...points.map((row) => row.wall)) / S, y: priced ? [0, 1.2 * Math.max(...points.map(y), 1e-6)] : [-0.12, 1.25] };
    draw("frontier-chart", () => ({
      height: 360,
      traces: [
        { type: "scatter", mode: "lines", x: front.map((row) => row.wall / S), y: front.map(y), line: { dash: "dot", color: "#8a8a8a" }, hoverinfo: "skip", showlegend: false },
        { type: "scatter", mode: "markers+text", x: points.map((row) => row.wall / S), y: points.map(y), text: points.map((row) => brief(label(row.model))), textposition: places(points, y, most, document.getElementById("frontier-chart")), cliponaxis: false,
          marker: { size: points.map((row) => 12 + 28 * (row.rate || 0)), color: "#2f6fdf", opacity: 0.8, line: { width: points.map((row) => front.includes(row) ? 2 : 0), color: "#c2570c" } },
          hovertext: points.map((row) => `${safe(row.model)}: ${duration(row.wall)}, ${usd(row.cost)} a trial, ${percent(row.rate)} solved`), hoverinfo: "text", showlegend: false },
      ],
      shape: { xaxis: { title: { text: "agent wall, median" }, ticksuffix: " s", range: [0, most.x] }, yaxis: priced ? { title: { text: "USD a trial" }, tickprefix: "$", range: most.y } : { title: { text: "solved" }, tickvals: [0, 0.25, 0.5, 0.75, 1], tickformat: ".0%", range: most.y }, margin: { l: 8, r: 40, t: 24, b: 48 } },
    }), (point) => { splitclock.showCell(points[point.pointNumber].model, null); });
    const unknown = rows.length - known.length;
    fill("frontier-lead", priced ? "Agent wall against cost of a scored trial; the size is the pass rate." : "Agent wall against pass rate, for no cost is known.");
    const names = front.map((row) => `${label(row.model)} (${duration(row.wall)}${priced ? `, ${usd(row.cost)}` : ""}, ${percent(row.rate)} solved)`);
    fill("frontier-hint", `On the Pareto front: ${names.join("; ")}. No other model is as ${priced ? "fast, as cheap and as able" : "fast and as able"}, and better in one of them.`, priced && unknown ? ` Without a known cost, and left out: ${rows.filter((row) => row.cost === null).map((row) => label(row.model)).join(", ")}.` : "");
  }

  // ---- the hourly premium: what a solved feature costs with the wait for it, at a value of an hour
  const hour = { usd: 60 };
  function perSolved(model) {
    const own = of(model, counted), passed = own.filter((trial) => trial.verdict === "pass").length;
    const known = own.every((trial) => trial.cost_usd !== null);
    const hours = passed ? sum(own.map((trial) => trial.agent_wall_ns)) / S / 3600 / passed : null;
    return { model, hours, usd: passed && known ? sum(own.map((trial) => trial.cost_usd)) / passed : null, atLeast: own.some((trial) => trial.cost_is_lower_bound) };
  }
  function hourView() {
    if (!counted.some((trial) => trial.verdict === "pass")) {
      for (const id of ["hour-controls", "hour-table"]) document.getElementById(id).hidden = true;
      fill("hour-hint", "No trial was solved, so a solved one has no price.");
      return;
    }
    const rows = models.map(perSolved).filter((row) => row.hours !== null).map((row) => ({ ...row, whole: row.usd === null ? null : row.usd + row.hours * hour.usd }));
    const least = Math.min(...rows.map((row) => row.whole ?? Infinity));
    const cells = (row) => [duration(row.hours * 3600 * S), usd(row.usd, row.atLeast), usd(row.hours * hour.usd), usd(row.whole, row.atLeast)];
    fill("hour-table", el("thead", {}, el("tr", {}, ["model", "wall a solved trial", "tokens", "waiting", "together"].map((head, at) => el("th", { scope: "col", class: at ? "figure" : null }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, el("th", { scope: "row" }, label(row.model), row.whole === least ? el("span", { class: "tag ok" }, "least") : null), cells(row).map((text) => el("td", { class: "figure" }, text))))));
    const paying = data.comparisons.filter((one) => one.premium && one.premium.usd_per_hour !== null);
    fill("hour-hint", paying.length ? paying.map((one) => `${label(one.fast)} instead of ${label(one.slow)} pays from ${usd(one.premium.usd_per_hour)} an hour${one.premium.is_rough ? ", roughly" : ""}. `) : "No pair of models has a price for its time: where the faster one costs no more, or a cost is unknown, there is none.");
  }
  function hourControls() {
    const shown = el("output", {}, usd(hour.usd));
    if (!counted.length) return;
    fill("hour-controls", el("label", { class: "slider" }, "value of an hour ", el("input", { type: "range", id: "hour-usd", min: 0, max: 300, step: 5, value: hour.usd, "aria-label": "value of an hour, in USD", "aria-valuetext": usd(hour.usd), oninput: (event) => { hour.usd = Number(event.target.value); shown.textContent = usd(hour.usd); event.target.setAttribute("aria-valuetext", usd(hour.usd)); hourView(); } }), shown));
  }

  splitclock.views.push(frontierView, hourControls, hourView);
})();
