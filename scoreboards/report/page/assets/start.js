"use strict";
// Draws every view. Charts need the library, which is packed; a browser that cannot unpack it shows what is text.
(async () => {
  const say = (text) => { const node = splitclock.fill("trouble", text); node.hidden = false; };
  try {
    await splitclock.library();
  } catch (error) {
    say(`This browser cannot open what is packed in this page (${error.message}): there are no charts and no trials, but all figures stand in the tables.`);
  }
  for (const view of splitclock.views) view();
  document.documentElement.dataset.ready = "yes";
})();
