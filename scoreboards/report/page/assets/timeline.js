"use strict";
// One trial's timeline: a line for each call, tool, queue and part of grading, on one axis that can be zoomed.
splitclock.timeline = (() => {
  const { duration, count, usd, bytes, el, S } = splitclock;
  const LEGEND = [
    ["setup", "set-up"], ["connect", "connect"], ["first_token", "first token"], ["decode", "decode"], ["exec", "tool's process"],
    ["transport", "sandbox transport"], ["wait", "waiting"], ["queue", "queue"], ["grade", "grading"],
  ];
  const SHADES = { setup: "setup", grade: "grade", wait: "wait", overlap: "exec", harness: "queue" };
  const shade = (row, [, , phase, sub]) => row.kind === "queue" ? "queue" : phase === "model" ? (["connect", "first_token"].includes(sub) ? sub : "decode")
    : phase === "tool" ? (sub === "transport" ? "transport" : "exec") : SHADES[phase] || "queue";
  const begin = (row) => Math.min(...row.spans.map((span) => span[0]));
  const end = (row) => Math.max(...row.spans.map((span) => span[1]));
  // Spans come as start and length in microseconds; from here on they are beginning and end in nanoseconds.
  const exact = (row) => ({ ...row, spans: row.spans.map(([start, length, phase, sub]) => [start * 1000, (start + length) * 1000, phase, sub]) });

  // What is known of a row, as a sentence: shown while it is pointed at or has the focus.
  function told(row) {
    const said = row.spans.map((span) => `${(span[3] || span[2]).replace("_", " ")} ${duration(span[1] - span[0])}`);
    const call = row.call, did = row.did;
    if (call) {
      said.push(`${count(call.input_tokens)} tokens in, ${count(call.output_tokens)} out`);
      if (call.decode_ns && call.decode_tokens) said.push(`${count(Math.round(call.decode_tokens / (call.decode_ns / S)))} tokens/s`);
      if (call.attempts > 1) said.push(`${call.attempts} attempts`);
      if (call.cost_usd !== undefined) said.push(usd(call.cost_usd));
    }
    if (did) {
      if (did.cpu_s !== undefined) said.push(`CPU ${duration(did.cpu_s * S)}`);
      if (did.peak_memory_bytes !== undefined) said.push(`peak memory ${bytes(did.peak_memory_bytes)}`);
      if (did.output_bytes) said.push(`output ${bytes(did.output_bytes)}`);
      if (did.exit_code) said.push(`exit ${did.exit_code}`);
      for (const [name, text] of [["timed_out", "timed out"], ["oom_killed", "killed for its memory"], ["failed", "failed"]]) if (did[name]) said.push(text);
      if (did.survivors) said.push(`${did.survivors} processes left behind`);
    }
    return `${row.label} \u2013 at ${duration(begin(row))}: ${said.join(", ")}`;
  }

  function make(packed, onPick) {
    const rows = packed.map(exact);
    const last = Math.max(1, ...rows.map(end)), agent = rows.filter((row) => ["call", "tool"].includes(row.kind));
    const span = agent.length ? [Math.min(...agent.map(begin)), Math.max(...agent.map(end))] : [0, last];
    const window_ = { from: 0, to: last };
    const list = el("ol", { class: "tl-rows", "aria-label": "Timeline" }), axis = el("div", { class: "tl-axis", "aria-hidden": "true" });
    // Below the lines: its height changes with the text, and must move no line away from under the pointer.
    const detail = el("p", { class: "hint tl-detail" }, "Point at a line for its figures; click it to see its turn.");
    const hidden = el("p", { class: "hint" });
    const lines = rows.map((row, number) => line(row, number));
    const zoom = (from, to) => {
      const length = Math.max(1e6, Math.min(to - from, last));
      window_.from = Math.max(0, Math.min(from, last - length));
      window_.to = window_.from + length;
      place();
    };
    const scale = (factor) => { const middle = (window_.from + window_.to) / 2, half = (window_.to - window_.from) * factor / 2; zoom(middle - half, middle + half); };
    const move = (part) => { const by = (window_.to - window_.from) * part; zoom(window_.from + by, window_.to + by); };

    function line(row, number) {
      const track = el("span", { class: "tl-track", "aria-hidden": "true" });
      const show = () => { detail.textContent = told(row); };
      const button = el("button", {
        type: "button", class: "tl-row", "data-row": number, "data-turn": row.turn, title: told(row),
        onclick: () => { show(); mark(number); onPick(row); }, ondblclick: () => { const pad = (end(row) - begin(row)) * 0.15; zoom(begin(row) - pad, end(row) + pad); },
        onmouseenter: show, onfocus: show,
      }, el("span", { class: "tl-label" }, row.label), track, el("span", { class: "tl-time" }, duration(end(row) - begin(row))),
        el("span", { class: "tl-time tl-used" }, row.did && row.did.cpu_s !== undefined ? duration(row.did.cpu_s * S) : ""), el("span", { class: "tl-time tl-used" }, row.did && row.did.peak_memory_bytes !== undefined ? bytes(row.did.peak_memory_bytes) : ""));
      const bars = row.spans.map((one) => { const bar = el("i", { class: `t-${shade(row, one)}` }); track.append(bar); return [bar, one]; });
      const item = el("li", {}, button);
      list.append(item);
      return { item, button, bars, row };
    }
    function place() {
      const { from, to } = window_, length = to - from;
      let away = 0;
      for (const { item, bars, row } of lines) {
        item.hidden = end(row) < from || begin(row) > to;
        away += item.hidden;
        for (const [bar, one] of bars) {
          const a = Math.max(one[0], from), b = Math.min(one[1], to);
          bar.hidden = b < a;
          bar.style.left = `${100 * (a - from) / length}%`;
          bar.style.width = `${100 * Math.max(0, b - a) / length}%`;
        }
      }
      hidden.textContent = away ? `${away} lines are outside what is shown.` : "";
      axis.replaceChildren(...ticks(from, to).filter((at) => at - from < 0.92 * length).map((at) => { const tick = el("span", {}, duration(at)); tick.style.left = `${100 * (at - from) / length}%`; return tick; }));
    }
    function mark(number) {
      for (const { button } of lines) button.removeAttribute("aria-current");
      if (lines[number]) lines[number].button.setAttribute("aria-current", "true");
    }
    // The line of a turn's call or of one of its tools: into view, and marked.
    function find(turn, tool) {
      const number = rows.findIndex((row) => row.turn === turn && (tool === null ? row.kind === "call" : row.kind === "tool" && row.tool === tool));
      if (number < 0) return;
      if (lines[number].item.hidden) zoom(0, last);
      mark(number);
      detail.textContent = told(rows[number]);
      splitclock.reveal(lines[number].button, "nearest");
    }
    const button = (text, name, act) => el("button", { type: "button", "aria-label": text.length > 1 ? null : name, title: name, onclick: act }, text);
    const tools = el("div", { class: "controls tl-tools" },
      button("+", "Zoom in", () => scale(0.5)), button("\u2212", "Zoom out", () => scale(2)), button("\u2190", "Earlier", () => move(-0.5)), button("\u2192", "Later", () => move(0.5)),
      button("Agent only", "Show the agent's time only", () => zoom(...span)), button("Whole trial", "Show the whole trial", () => zoom(0, last)));
    const legend = el("ul", { class: "legend", "aria-label": "Colours" }, LEGEND.map(([key, name]) => el("li", {}, el("i", { class: `t-${key}` }), name)));
    drag(axis, (a, b) => zoom(window_.from + a * (window_.to - window_.from), window_.from + b * (window_.to - window_.from)));
    place();
    const measured = rows.some((row) => row.did && (row.did.cpu_s !== undefined || row.did.peak_memory_bytes !== undefined));
    const heads = el("div", { class: "tl-head" }, el("span", {}), axis, el("span", { class: "tl-time" }, "took"), el("span", { class: "tl-time tl-used" }, "CPU"), el("span", { class: "tl-time tl-used" }, "memory"));
    return { node: el("div", { class: measured ? "tl tl-measured" : "tl" }, tools, legend, el("div", { class: "tl-scroll" }, heads, list), hidden, detail), find, zoom };
  }
  function ticks(from, to) {
    const rough = (to - from) / 4, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    const found = [];
    for (let at = Math.ceil(from / step) * step; at < to; at += step) found.push(at);
    return found;
  }
  // A part of the axis that is dragged over is zoomed to.
  function drag(node, choose) {
    let start = null;
    const at = (event) => { const box = node.getBoundingClientRect(); return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)); };
    node.addEventListener("pointerdown", (event) => { start = at(event); node.setPointerCapture(event.pointerId); });
    node.addEventListener("pointerup", (event) => { if (start !== null && Math.abs(at(event) - start) > 0.01) choose(Math.min(start, at(event)), Math.max(start, at(event))); start = null; });
  }
  return make;
})();
