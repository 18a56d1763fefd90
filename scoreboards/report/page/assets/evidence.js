"use strict";
// What a verdict rests on: the difference, the tests, signs of tampering, and where it all ran.
splitclock.evidence = (() => {
  const { count, el } = splitclock;
  const { text } = splitclock.transcript;
  const MOST_OPEN = 400;
  const part = (title, open, ...children) => el("details", { class: "part", open }, el("summary", {}, title), ...children);

  // A line's runs of colours: a letter and its length each, "." for none.
  function coloured(line, marks) {
    if (!marks) return line;
    const pieces = [];
    let at = 0;
    for (const [, kind, length] of marks.matchAll(/([.a-z])(\d+)/g)) {
      const piece = line.slice(at, at += Number(length));
      pieces.push(kind === "." ? piece : el("span", { class: `y-${kind}` }, piece));
    }
    pieces.push(line.slice(at));
    return pieces;
  }
  const KINDS = { "+": "added", "-": "removed", " ": "same", "@": "hunk", i: "note" };
  const lineOf = ([kind, line, marks]) => el("span", { class: `d-${KINDS[kind] || "note"}` }, kind === "@" || kind === "i" ? "" : kind, coloured(line, marks), "\n");
  function difference(found) {
    if (!found) return part("Difference: none", false, el("p", { class: "hint" }, "Nothing was changed, or the trial ended before its files were taken."));
    const added = found.files.reduce((all, file) => all + file.added, 0), removed = found.files.reduce((all, file) => all + file.removed, 0);
    return part(`Difference: ${found.files.length} file${found.files.length === 1 ? "" : "s"}, +${count(added)} \u2212${count(removed)}`, false,
      found.files.map((file) => el("details", { open: file.lines.length <= MOST_OPEN }, el("summary", {}, el("code", {}, file.path), ` +${file.added} \u2212${file.removed}`),
        el("pre", { class: "diff", tabindex: "0", "aria-label": `Difference of ${file.path}` }, file.lines.map(lineOf)))),
      found.left_out ? el("p", { class: "hint" }, `${count(found.left_out)} more lines are left out.`) : null);
  }
  const told = (outcomes) => Object.entries(outcomes).map(([outcome, number]) => `${count(number)} ${outcome}`).join(", ") || "none";
  function tests(body) {
    const wanted = Object.values(body.new_tests).reduce((all, one) => all + one, 0), passed = body.new_tests.passed || 0;
    const lost = Object.values(body.lost_tests).reduce((all, one) => all + one, 0);
    const title = wanted || lost ? `Tests: ${passed} of ${wanted} new ones pass, ${lost} lost` : "Tests: none decided";
    if (!body.tests) return part(title, false, el("p", { class: "left-out" }, "Names of tests and their reasons are left out of this page."));
    const row = ([kind, name, outcome, reason]) => el("tr", {}, el("td", {}, el("span", { class: outcome === "passed" ? "good" : "bad" }, outcome)), el("td", {}, kind), el("th", { scope: "row" }, el("code", {}, name), reason ? text("reason", reason) : null));
    return part(title, passed < wanted || lost > 0,
      el("p", { class: "hint" }, `The suite reported: ${told(body.tests.outcomes)}.`),
      body.tests.named.length ? el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tests" }, el("table", {}, el("thead", {}, el("tr", {}, ["outcome", "which", "test"].map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, body.tests.named.map(row)))) : null,
      body.tests.left_out ? el("p", { class: "hint" }, `${count(body.tests.left_out)} more are left out.`) : null,
      [...body.notes, ...body.tests.problems].map((note) => el("p", { class: "hint" }, note)));
  }
  function tamper(body) {
    const title = body.signs ? `Tampering: ${body.signs} ${body.signs === 1 ? "sign" : "signs"}` : body.looked_at ? "Tampering: no sign" : "Tampering: not looked at";
    if (!body.tamper) return part(title, false, el("p", { class: "left-out" }, "What was seen is left out of this page."));
    return part(title, body.signs > 0, !body.looked_at ? el("p", { class: "hint" }, "An older Splitclock wrote this record.") : null,
      body.tamper.length ? el("ul", {}, body.tamper.map(([kind, what, where]) => el("li", {}, el("b", {}, kind), ": ", el("code", {}, what), where ? ` (${where})` : "")))
        : body.looked_at ? el("p", { class: "hint" }, "Nothing denied, put back, left running or out of the ordinary.") : null);
  }
  function provenance(body) {
    return part("Provenance", false, el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Where it ran" }, el("table", { class: "pairs" }, el("tbody", {}, Object.entries(body.provenance).sort().map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)))))));
  }
  function brief(body) {
    return body.brief === undefined ? null : part("Brief: what the model was told", false, el("pre", { tabindex: "0", "aria-label": "Brief" }, body.brief || "nothing"));
  }
  return (body) => [body.turns === undefined ? null : difference(body.difference), tests(body), tamper(body), brief(body), provenance(body)];
})();
