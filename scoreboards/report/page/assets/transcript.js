"use strict";
// What was said and done, turn by turn. Everything here was written by others: it is text, and nothing else.
splitclock.transcript = (() => {
  const { duration, count, el } = splitclock;
  const LONG = 1500;

  // Texts as they are; long ones are folded behind their size.
  function text(name, value, open) {
    if (!value) return null;
    const lines = value.split("\n").length;
    if (value.length <= LONG && lines <= 24) return el("div", { class: "said" }, name ? el("h5", {}, name) : null, el("pre", {}, value));
    return el("details", { class: "said", open }, el("summary", {}, `${name || "text"}: ${count(lines)} lines, ${count(value.length)} characters`), el("pre", { tabindex: "0", "aria-label": name || "text" }, value));
  }
  const outcome = (did) => !did ? ["no result"] : [duration(did.total_ns), did.work && did.work !== "other" ? did.work : null,
    did.exit_code ? `exit ${did.exit_code}` : null, did.timed_out ? "timed out" : null, did.oom_killed ? "killed for its memory" : null, did.failed ? "failed" : null].filter(Boolean);

  function tool(turn, one, place, onPick) {
    return el("section", { class: "tool", id: `turn-${turn}-${place}`, tabindex: "-1" },
      el("h4", {}, el("button", { type: "button", class: "link", title: "Show it in the timeline", onclick: () => onPick(turn, place) }, `\u2192 ${one.tool}`), el("small", {}, ` ${outcome(one.did).join(", ")}`)),
      one.asked.map(([name, value]) => text(name, value)), text("output", one.output));
  }
  function turn(one, onPick) {
    const call = one.call || {};
    const figures = [call.total_ns === undefined ? null : duration(call.total_ns), call.output_tokens === undefined ? null : `${count(call.output_tokens)} tokens`].filter(Boolean).join(", ");
    return el("article", { class: "turn", id: `turn-${one.number}`, tabindex: "-1", "aria-label": `Turn ${one.number}` },
      el("h4", {}, el("button", { type: "button", class: "link", title: "Show it in the timeline", onclick: () => onPick(one.number, null) }, `Turn ${one.number}`), el("small", {}, ` ${figures}`)),
      one.reasoning ? el("details", { class: "said" }, el("summary", {}, "reasoning"), el("pre", {}, one.reasoning)) : null,
      one.content ? el("p", { class: "content" }, one.content) : null,
      one.tools.map((each, place) => tool(one.number, each, place, onPick)),
      one.told.map((each) => text("the harness said", each)));
  }
  function make(body, onPick) {
    if (!body.turns) return { node: el("p", { class: "left-out" }, "What was said and run is left out of this page."), show: () => {} };
    const turns = body.turns.map((one) => turn(one, onPick));
    const node = el("div", { class: "turns", tabindex: "0", role: "region", "aria-label": "Transcript" }, turns.length ? turns : el("p", { class: "hint" }, "The model never answered."));
    const show = (number, place) => {
      for (const old of node.querySelectorAll(".marked")) old.classList.remove("marked");
      const own = node.querySelector(`#turn-${Number(number)}`), part = place === null || place === undefined ? null : node.querySelector(`#turn-${Number(number)}-${Number(place)}`);
      if (!own) return;
      own.classList.add("marked");
      if (part) part.classList.add("marked");
      splitclock.reveal(part || own, "start");
      (part || own).focus({ preventScroll: true });
    };
    return { node, show };
  }
  return { make, text };
})();
