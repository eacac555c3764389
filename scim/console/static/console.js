// What the pages cannot do without a script. Each part is a comfort: without it the page still works.
"use strict";

// Times in the reader's own zone; the exact UTC time stays in the tooltip.
function localTimes(root) {
  for (const time of root.querySelectorAll("time.exact, time.clock")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const options = { hour: "2-digit", minute: "2-digit", hour12: false };
    if (time.classList.contains("exact")) options.second = "2-digit";
    const day = at.toDateString() === new Date().toDateString() || time.classList.contains("clock")
      ? "" : at.toLocaleDateString(undefined, { day: "numeric", month: "short" }) + " ";
    time.textContent = day + at.toLocaleTimeString(undefined, options);
  }
}

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    const said = copy.textContent;
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      copy.textContent = "Copied";
    } catch {
      const range = document.createRange(); // no clipboard here: select it, so that Ctrl-C does it
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      copy.textContent = "Selected, press Ctrl-C";
    }
    setTimeout(() => { copy.textContent = said; }, 2500);
  }
  if (event.target.closest("[data-theme-switch]")) {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("theme", next); } catch { /* for this page only */ }
  }
  const fill = event.target.closest("[data-fill]");
  if (fill) {
    for (const [name, value] of Object.entries(JSON.parse(fill.dataset.fill))) {
      const field = document.querySelector(`[name="${name}"]`);
      if (field) field.value = value;
    }
  }
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
}, true);

// A page nobody looks at does not ask.
document.addEventListener("htmx:beforeRequest", (event) => {
  const trigger = event.detail.elt.getAttribute("hx-trigger") || "";
  if (trigger.includes("every") && document.hidden) event.preventDefault();
  const pause = document.getElementById("pause");
  if (trigger.includes("every") && pause && pause.checked) event.preventDefault();
});
document.addEventListener("htmx:sendError", () => { document.getElementById("offline").hidden = false; });
document.addEventListener("htmx:responseError", () => { document.getElementById("offline").hidden = false; });
document.addEventListener("htmx:afterOnLoad", () => { document.getElementById("offline").hidden = true; });
document.addEventListener("htmx:afterSwap", (event) => localTimes(event.target.parentElement || document));
document.addEventListener("DOMContentLoaded", () => localTimes(document));
