"use strict";
// Frontier of wall, cost and pass rate, and what an hour of waiting must be worth for the faster tokens to pay.
(() => {
  const { data, duration, percent, usd, median, sum, el, fill, label, S, charts, models, of, counted } = splitclock;
  const { draw, safe } = charts;

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
    }), (point) => { splitclock.showCell(points[point.pointNumber].model, null); });
    const unknown = rows.length - known.length;
    fill("frontier-hint", priced ? (unknown ? `${unknown} models have no known cost and are left out.` : "") : "No cost is known: pass rate stands in its place.");
  }

  splitclock.views.push(frontierView);
})();
