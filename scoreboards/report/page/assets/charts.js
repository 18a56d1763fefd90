"use strict";
// Charts: one look in light and dark, text that is never markup, redrawn when the scheme or the width changes.
splitclock.charts = (() => {
  const { data } = splitclock;
  const PHASE = {
    setup: ["#6b7280", "."], model: ["#2f6fdf", ""], tool: ["#c2570c", "/"], overlap: ["#a3358f", "x"],
    wait: ["#7c5cd6", "\\"], grade: ["#0f766e", "-"], harness: ["#8a8a8a", "+"],
  };
  const SERIES = ["#2f6fdf", "#c2570c", "#0f766e", "#a3358f", "#7c5cd6", "#a16207", "#be123c", "#0369a1", "#4d7c0f", "#6b7280"];
  const PAPER = 680;
  const drawn = new Map();

  // Plotly reads a few tags in text, so every text from outside is escaped before it gets there.
  const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  // A name as a chart has room for: of a long one the beginning and the end.
  function brief(name) {
    const most = innerWidth < 640 ? 24 : 44, text = String(name);
    return safe(text.length <= most ? text : `${text.slice(0, most - 13)}\u2026${text.slice(-12)}`);
  }
  // Bars are placed by number, so that two names that look alike when shortened stay two.
  const places = (names) => names.map((_, at) => at);
  const named = (names) => ({ autorange: "reversed", showgrid: false, zeroline: false, tickvals: places(names), ticktext: names.map(brief) });
  const scheme = matchMedia("screen and (prefers-color-scheme: dark)"); // paper is light
  const dark = () => scheme.matches;

  function layout(extra) {
    const ink = dark() ? "#e7e5e4" : "#1c1917", line = dark() ? "#44403c" : "#e7e5e4";
    const axis = { gridcolor: line, title: { font: { size: 12 }, standoff: 8 }, zerolinecolor: dark() ? "#78716c" : "#a8a29e", automargin: true, fixedrange: true };
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 8, r: 16, t: 8, b: 48 },
      font: { color: ink, family: "system-ui, sans-serif", size: 13 }, hoverlabel: { align: "left" },
      legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", traceorder: "normal" }, barmode: "relative", bargap: 0.35,
    };
    const made = { ...base, ...extra };
    for (const name of ["xaxis", "yaxis"]) {
      const own = extra[name] || {};
      made[name] = { ...axis, ...own, title: { ...axis.title, ...(own.title || {}) } };
    }
    return made;
  }
  function draw(id, make, onClick) {
    const node = document.getElementById(id);
    if (typeof Plotly === "undefined") { node.hidden = true; return; }
    const again = () => {
      const { traces, shape, height } = make();
      node.style.height = `${height || 320}px`;
      Plotly.react(node, traces, layout(shape || {}), { displayModeBar: false, responsive: true });
    };
    drawn.set(id, again);
    again();
    if (node.removeAllListeners) node.removeAllListeners("plotly_click");
    if (onClick) node.on("plotly_click", (event) => onClick(event.points[0]));
  }
  scheme.addEventListener("change", () => drawn.forEach((again) => again()));
  // Paper is narrower than most windows, and tells no chart so.
  const width = (pixels) => { for (const id of drawn.keys()) Plotly.relayout(id, pixels ? { width: pixels } : { width: null, autosize: true }); };
  addEventListener("beforeprint", () => width(PAPER));
  addEventListener("afterprint", () => width(null));

  const fillOf = (key, place) => PHASE[key] || [SERIES[place % SERIES.length], ["", "/", "\\", "x", ".", "-", "+", "|"][place % 8]];
  const marker = (key, place) => {
    const [color, pattern] = fillOf(key, place);
    return { color, pattern: { shape: pattern, fillmode: "overlay", fgcolor: "rgba(255,255,255,.45)", size: 6 } };
  };
  return { draw, safe, brief, places, named, marker, PHASE, SERIES, data };
})();
