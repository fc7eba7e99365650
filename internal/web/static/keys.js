// The keyboard: j and k go through what a page lists, Enter opens it, / searches, ? tells.
"use strict";

const help = document.getElementById("keys");

function step(by) {
  const items = [...document.querySelectorAll(".c-title, .step > summary, .hits a")].filter((e) => e.offsetParent);
  if (!items.length) return;
  const here = items.indexOf(document.activeElement);
  const next = items[here < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, here + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function search() {
  const field = document.querySelector("main input[type=search], main .filter input");
  if (!field) return;
  field.focus();
  field.select();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea") || help.open) return;
  const does = { j: () => step(1), k: () => step(-1), "/": search, "?": () => help.showModal() }[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

const ask = document.getElementById("keys-button");
ask.hidden = false;
ask.addEventListener("click", () => help.showModal());
