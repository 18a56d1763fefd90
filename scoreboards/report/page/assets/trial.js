"use strict";
// The trial's own view: its verdict and why, timeline and transcript side by side, and the evidence.
(() => {
  const { every, ticked, models, duration, count, usd, el, fill, label, of } = splitclock;
  let current = -1;

  const name = (trial) => `${trial.feature} #${trial.repeat}: ${trial.verdict}, ${duration(trial.agent_wall_ns)}`;
  function controls() {
    const groups = models.map((model) => el("optgroup", { label: label(model) }, of(model, every).map((trial) => el("option", { value: trial.at, selected: trial.at === current }, name(trial)))));
    const step = (by) => splitclock.showTrial((current + by + every.length) % every.length);
    fill("trial-controls", el("label", {}, "Trial ", el("select", { id: "trial-choice", onchange: (event) => splitclock.showTrial(Number(event.target.value)) }, groups)),
      el("button", { type: "button", onclick: () => step(-1), "aria-label": "Previous trial" }, "\u2190"), el("button", { type: "button", onclick: () => step(1), "aria-label": "Next trial" }, "\u2192"));
  }
  const fact = (term, value, note) => el("div", {}, el("dt", {}, term), el("dd", {}, value, note ? el("small", {}, ` ${note}`) : null));
  function head(trial, body) {
    const why = trial.error || trial.reason;
    return [
      el("p", { class: "verdict" }, el("b", { class: trial.verdict === "pass" ? "good" : "bad" }, trial.verdict), ` ${label(trial.model)} on ${trial.feature}, repeat ${trial.repeat}${why ? `: ${why}` : ""}`),
      body.bound ? el("p", { class: "bound" }, ticked(body.bound)) : null,
      el("dl", { class: "facts" },
        fact("agent wall", duration(trial.agent_wall_ns), `of ${duration(trial.wall_ns)} in all`),
        fact("turns", count(trial.turns), `${count(trial.tool_calls)} tool calls`),
        fact("output", count(trial.output_tokens), "tokens"),
        fact("cost", usd(trial.cost_usd, trial.cost_is_lower_bound)),
        fact("the agent stopped", trial.stop || "\u2013", body.blame),
        fact("grade", trial.rung || "\u2013", trial.noisy ? "on a busy machine: times are not to be trusted" : "")),
      body.others.length ? el("p", { class: "hint" }, `Other attempts: ${body.others.map((one) => `${one.attempt} (${one.verdict}, ${one.stop})`).join(", ")}`) : null,
      (body.failures || []).map((one) => el("p", { class: "hint bad" }, `failed call: ${one}`)),
    ];
  }
  function parts(trial, body) {
    const bars = splitclock.timeline(body.rows, (row) => { if (row.turn !== null) said.show(row.turn, row.tool); });
    const said = splitclock.transcript.make(body, (turn, place) => bars.find(turn, place));
    return [
      ...head(trial, body),
      el("div", { class: body.turns ? "two" : "one" }, el("div", {}, el("h3", {}, "Timeline"), body.rows.length ? bars.node : el("p", { class: "hint" }, "The run folder has no spans of this trial.")), el("div", {}, el("h3", {}, "Transcript"), said.node)),
      ...splitclock.evidence(body),
    ];
  }
  // The first trial is shown unasked; one that a reader chose is printed too.
  splitclock.showTrial = (number, jump) => {
    document.getElementById("trial").classList.add("chosen");
    return show(number, jump);
  };
  async function show(number, jump) {
    current = number;
    controls();
    const section = document.getElementById("trial"), view = document.getElementById("trial-view");
    view.setAttribute("aria-busy", "true");
    if (jump) { splitclock.reveal(section); document.getElementById("trial-choice").focus({ preventScroll: true }); }
    try {
      const body = await splitclock.body(number);
      if (number === current) fill("trial-view", parts(every[number], body));
    } catch (error) {
      if (number === current) fill("trial-view", el("p", { class: "warnings" }, `This trial cannot be opened: ${error.message}`));
    }
    view.setAttribute("aria-busy", "false");
    view.dataset.trial = number;
  }
  splitclock.views.push(() => { if (every.length) show(0); });
})();
