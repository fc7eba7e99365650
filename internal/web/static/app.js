// What makes pages live. They are whole without it.
"use strict";

const most = 2000; // lines that one answer of the server has

// Live states: the same page is fetched again, and what is marked data-swap replaced.
async function refresh() {
  const res = await fetch(location.href.split("#")[0], { headers: { Accept: "text/html" } });
  if (!res.ok) return;
  const fresh = new DOMParser().parseFromString(await res.text(), "text/html");
  for (const now of document.querySelectorAll("[data-swap]")) {
    const then = fresh.getElementById(now.id);
    if (!then) { location.reload(); return; }
    if (now.innerHTML !== then.innerHTML && !now.contains(document.activeElement)) now.innerHTML = then.innerHTML;
    now.className = then.className;
  }
  for (const then of fresh.querySelectorAll("details.step")) {
    const now = document.getElementById(then.id);
    if (!now || !document.getElementById("job-head")) { location.reload(); return; }
    const failed = then.open && now.dataset.state !== then.dataset.state;
    Object.assign(now.dataset, then.dataset);
    now.className = then.className;
    if (failed && !now.open) now.open = true;
    else if (now.open) load(now);
  }
  document.title = fresh.title;
  const icon = fresh.getElementById("favicon").getAttribute("href");
  const mine = document.getElementById("favicon");
  if (mine.getAttribute("href") !== icon) mine.setAttribute("href", icon);
  if (!("live" in fresh.body.dataset)) delete document.body.dataset.live;
}

async function keepFresh() {
  while ("live" in document.body.dataset) {
    await new Promise((done) => setTimeout(done, 3000));
    if (document.hidden) continue;
    try { await refresh(); } catch { /* the server is away; the next turn tries again */ }
  }
}

// Logs: a step that is opened gets its newest lines; earlier ones on demand.
const first = (log) => Number(log.querySelector("a.n")?.dataset.n || 0);
const last = (log) => Number([...log.querySelectorAll("a.n")].pop()?.dataset.n || 0);

async function lines(step, from, to) {
  const res = await fetch(`${step.dataset.base}/lines?from=${from}&to=${to}`);
  if (!res.ok) throw new Error(`lines: ${res.status}`);
  return res.text();
}

// earlier puts a button above a log that does not begin with its first line.
function earlier(step) {
  const log = step.querySelector(".log");
  log.querySelector("button")?.remove();
  const top = first(log);
  if (top <= 1) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = `Lines ${Math.max(1, top - most)} to ${top - 1}`;
  button.addEventListener("click", async () => {
    const html = await lines(step, Math.max(1, top - most), top - 1);
    button.remove();
    const height = log.scrollHeight - log.scrollTop;
    log.insertAdjacentHTML("afterbegin", html);
    log.scrollTop = log.scrollHeight - height;
    earlier(step);
  });
  log.prepend(button);
}

// load fills the log of a step that is open, and follows one that goes on.
async function load(step) {
  const log = step.querySelector(".log");
  const total = Number(step.dataset.lines);
  if (step.busy || step.source) return;
  step.busy = true;
  try {
    if (!first(log) && total) {
      log.innerHTML = await lines(step, Math.max(1, total - most / 4 + 1), total);
      earlier(step);
    } else if (last(log) < total && step.dataset.closed === "true") {
      log.insertAdjacentHTML("beforeend", await lines(step, last(log) + 1, Math.min(total, last(log) + most)));
    }
    if (step.dataset.closed === "false" && step.dataset.state === "running") follow(step);
    else if (!step.seen) log.scrollTop = log.scrollHeight;
    step.seen = true;
  } finally { step.busy = false; }
}

// follow adds lines as they come, and stays at the end while the reader is there.
function follow(step) {
  const log = step.querySelector(".log");
  const source = new EventSource(`${step.dataset.base}/live?from=${last(log) + 1}`);
  step.source = source;
  let waiting = "";
  const put = () => {
    const end = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
    log.insertAdjacentHTML("beforeend", waiting);
    waiting = "";
    if (end) log.scrollTop = log.scrollHeight;
  };
  source.addEventListener("message", (event) => {
    if (!waiting) requestAnimationFrame(put);
    waiting += JSON.parse(event.data).h;
  });
  const stop = () => { source.close(); step.source = null; };
  source.addEventListener("end", stop);
  step.addEventListener("toggle", () => { if (!step.open) stop(); }, { once: true });
}

// Links to lines: #step, #step:L12 and #step:L12-L20, also of what is not loaded yet.
async function goTo() {
  for (const line of document.querySelectorAll(".l.on")) line.classList.remove("on");
  const [, id, from, to] = /^#([^:]+)(?::L(\d+)(?:-L(\d+))?)?$/.exec(decodeURIComponent(location.hash)) || [];
  const step = id && document.getElementById(id);
  if (step?.matches("details.step")) {
    step.seen = true;
    step.open = true;
    if (from && !document.getElementById(`${id}:L${from}`)) {
      const log = step.querySelector(".log");
      step.busy = true;
      try {
        log.innerHTML = await lines(step, Math.max(1, from - 200), Math.max(Number(from) + 800, Number(to || 0)));
        earlier(step);
      } finally { step.busy = false; }
    }
    if (!from) step.scrollIntoView();
  }
  for (let n = Number(from); from && n <= Number(to || from); n++) document.getElementById(`${id}:L${n}`)?.classList.add("on");
  if (from) document.getElementById(`${id}:L${from}`)?.scrollIntoView({ block: "center" });
}

document.addEventListener("click", (event) => {
  const n = event.target.closest?.("a.n");
  const [, id, from] = /^#([^:]+):L(\d+)/.exec(decodeURIComponent(location.hash)) || [];
  if (!n || !event.shiftKey || !from) return;
  event.preventDefault();
  if (n.closest(".l").id.split(":L")[0] !== id) return;
  const ends = [Number(from), Number(n.dataset.n)].sort((a, b) => a - b);
  location.hash = `${id}:L${ends[0]}-L${ends[1]}`;
});

for (const step of document.querySelectorAll("details.step")) {
  if (step.open) load(step);
  step.addEventListener("toggle", () => { if (step.open) load(step); });
}
const times = document.getElementById("times");
if (times) {
  times.hidden = false;
  times.addEventListener("click", () => {
    times.setAttribute("aria-pressed", String(document.body.classList.toggle("times")));
  });
}
addEventListener("hashchange", goTo);
goTo();
keepFresh();
