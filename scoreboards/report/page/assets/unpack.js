"use strict";
// What is packed in the page, or beside it: the chart library and the bodies of trials, opened when they are wanted.
(() => {
  const chunks = JSON.parse(document.getElementById("chunks").textContent);
  const arrived = new Map();
  const coming = new Map();
  const packed = (id) => JSON.parse(document.getElementById(id).textContent);

  async function unpack(text) {
    if (typeof DecompressionStream !== "function") throw new Error("it knows no DecompressionStream");
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  // The library runs as a script of the page, which the page's policy knows by its hash.
  splitclock.library = async () => {
    const script = document.createElement("script");
    script.textContent = await unpack(packed("library"));
    document.head.append(script);
  };
  // Data files call this with their trials by number.
  splitclock.arrived = (bodies) => {
    for (const [number, text] of Object.entries(bodies)) arrived.set(Number(number), text);
  };
  function file(number) {
    const name = `trials-${String(number).padStart(3, "0")}.js`;
    if (!coming.has(number)) {
      coming.set(number, new Promise((done, fail) => {
        const script = document.createElement("script");
        script.src = name;
        script.onload = done;
        script.onerror = () => { coming.delete(number); fail(new Error(`${name} does not stand beside this page; keep the folder whole`)); };
        document.head.append(script);
      }));
    }
    return coming.get(number);
  }
  splitclock.body = async (number) => {
    if (!chunks.length) return JSON.parse(await unpack(packed(`body-${number}`)));
    if (!arrived.has(number)) await file(chunks.findLastIndex((first) => first <= number));
    return JSON.parse(await unpack(arrived.get(number)));
  };
})();
