// Logs. A step that is opened shows its first error, or its newest lines; what is before and behind
// them comes when it is scrolled to. Lines stand in parts, which a browser lays
// out only when they come into sight, so that a long log stays smooth.
"use strict";

const most = 2000; // lines that one answer of the server has
const piece = 500; // lines of a part

// unfold opens the group of a line, and returns the line.
function unfold(line) {
  const group = line?.closest("details.group");
  if (group) group.open = true;
  return line;
}

class Log {
  constructor(step) {
    this.step = step;
    this.box = step.querySelector(".log");
    this.from = this.to = 0; // lines that are shown; 0: none
    const shown = this.box.querySelectorAll("a.n");
    if (shown.length) this.reach(shown);
    this.group = this.lastGroup(); // that further lines belong to
    this.edges = new IntersectionObserver((seen) => {
      for (const s of seen) if (s.isIntersecting) s.target.click();
    }, { root: this.box });
    step.addEventListener("toggle", () => { if (step.open) this.open(); else this.stop(); });
    step.addEventListener("refreshed", () => this.open());
    if (step.open) this.open();
  }

  get total() { return Number(this.step.dataset.lines); }
  get error() { return Number(this.step.dataset.error || 0); } // line that tells why the step failed; 0: none
  get ended() { return this.step.dataset.closed === "true"; }

  reach(numbers) {
    const low = Number(numbers[0].dataset.n), high = Number(numbers[numbers.length - 1].dataset.n);
    this.from = this.from ? Math.min(this.from, low) : low;
    this.to = Math.max(this.to, high);
  }

  // one does things one after the other.
  one(work) {
    this.busy = (this.busy || Promise.resolve()).then(work).catch((err) => console.warn(String(err)));
    return this.busy;
  }

  line(n) { return document.getElementById(`${this.step.id}:L${n}`); }

  atEnd() { return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 30; }

  async fetch(from, to) {
    const res = await fetch(`${this.step.dataset.base}/lines?from=${from}&to=${to}`);
    if (!res.ok) throw new Error(`lines: ${res.status}`);
    return res.text();
  }

  // lastGroup is the group that the lines shown end in; null: none, or it has ended.
  lastGroup() {
    const all = this.box.querySelectorAll("details.group");
    const last = all[all.length - 1];
    return last && !last.querySelector(".l.ends") ? last : null;
  }

  // fold puts the lines of each group into an element that can be folded. A group is
  // open until it ends.
  fold(lines, group) {
    const nodes = [];
    for (const line of lines) {
      if (line.classList.contains("begins")) {
        if (group) group.open = false;
        group = document.createElement("details");
        group.className = "group";
        group.open = true;
        group.append(document.createElement("summary"));
        group.firstChild.append(line);
        nodes.push(group);
      } else if (group) {
        group.append(line);
        if (line.classList.contains("ends")) {
          group.open = false;
          group = null;
        }
      } else nodes.push(line);
    }
    return { nodes, group };
  }

  // put adds lines as parts, at the end or at the beginning.
  put(html, before) {
    const all = document.createElement("template");
    all.innerHTML = html;
    const lines = [...all.content.querySelectorAll(".l")];
    const { nodes, group } = this.fold(lines, before ? null : this.group);
    if (!before) this.group = group;
    const parts = [];
    for (let i = 0; i < nodes.length; i += piece) {
      const part = document.createElement("div");
      part.className = "part";
      part.append(...nodes.slice(i, i + piece));
      part.style.containIntrinsicBlockSize = `auto ${18 * part.children.length}px`;
      parts.push(part);
    }
    const numbers = lines.map((l) => l.querySelector("a.n")).filter(Boolean);
    if (numbers.length) this.reach(numbers);
    if (before) this.box.prepend(...parts); else this.box.append(...parts);
    unfold(this.line(this.error))?.classList.add("wrong");
  }

  // show replaces what is shown by a range of lines.
  async show(from, to) {
    const html = await this.fetch(Math.max(1, from), to);
    this.stop();
    this.box.replaceChildren();
    this.from = this.to = 0;
    this.group = null;
    this.put(html);
    this.ends();
  }

  // ends puts a button where there is more, which works by itself when it comes into sight.
  ends() {
    for (const b of this.box.querySelectorAll("button")) { this.edges.unobserve(b); b.remove(); }
    const button = (text, work) => {
      const b = document.createElement("button");
      b.type = "button";
      b.textContent = text;
      b.addEventListener("click", () => { this.edges.unobserve(b); b.disabled = true; this.one(work); });
      this.edges.observe(b);
      return b;
    };
    const { from, to, total } = this;
    if (from > 1) this.box.prepend(button(`Lines ${Math.max(1, from - most)} to ${from - 1}`, () => this.earlier()));
    if (to && to < total && !this.source) this.box.append(button(`Lines ${to + 1} to ${Math.min(total, to + most)}`, () => this.later()));
  }

  async earlier() {
    const html = await this.fetch(Math.max(1, this.from - most), this.from - 1);
    const below = this.box.scrollHeight - this.box.scrollTop;
    this.put(html, true);
    this.ends();
    this.box.scrollTop = this.box.scrollHeight - below;
  }

  async later() {
    const at = this.box.scrollTop;
    this.put(await this.fetch(this.to + 1, Math.min(this.total, this.to + most)));
    this.ends();
    this.box.scrollTop = at;
    this.follow();
  }

  // open fills the log of a step that is open, and follows one that goes on.
  open() {
    return this.one(async () => {
      const fresh = !this.seen;
      this.seen = true;
      const { error } = this;
      const leap = error && !this.leapt && !this.placed && (fresh || this.atEnd()); // the error may be known only when the log is whole
      if (leap && !this.line(error)) await this.show(error - 200, error + 800);
      else if (!this.to && this.total) await this.show(this.total - piece + 1, this.total);
      this.follow();
      this.ends();
      if (leap) this.leap(error);
      else if (fresh && !this.placed) this.box.scrollTop = this.box.scrollHeight;
    });
  }

  // leap shows the first error, with a little of what is before it.
  leap(error) {
    this.leapt = true;
    const line = this.line(error);
    if (!line) return; // it was cut out of the middle
    unfold(line).classList.add("wrong");
    this.box.scrollTop += line.getBoundingClientRect().top - this.box.getBoundingClientRect().top - 60;
  }

  // follow adds lines as they come, and stays at the end while the reader is there.
  follow() {
    if (this.source || this.ended || this.step.dataset.state !== "running" || this.to < this.total || !this.step.open) return;
    const source = this.source = new EventSource(`${this.step.dataset.base}/live?from=${this.to + 1}`);
    let waiting = "";
    const put = () => {
      const { box } = this;
      const end = this.atEnd();
      this.put(waiting);
      waiting = "";
      if (end) box.scrollTop = box.scrollHeight;
    };
    source.addEventListener("message", (event) => {
      if (!waiting) requestAnimationFrame(put);
      waiting += JSON.parse(event.data).h;
    });
    source.addEventListener("end", () => this.stop());
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) this.stop(); });
  }

  stop() {
    this.source?.close();
    this.source = null;
  }
}

const logs = new Map([...document.querySelectorAll("details.step")].map((step) => [step.id, new Log(step)]));

// place reads a link to a step or to lines of it: #step, #step:L12, #step:L12-L20.
function place() {
  let hash = location.hash;
  try { hash = decodeURIComponent(hash); } catch { /* somebody else's */ }
  const [, id, from, to] = /^#([^:]+)(?::L(\d+)(?:-L(\d+))?)?$/.exec(hash) || [];
  return { id, from: Number(from || 0), to: Number(to || from || 0) };
}

async function goTo() {
  for (const line of document.querySelectorAll(".l.on")) line.classList.remove("on");
  const { id, from, to } = place();
  const log = logs.get(id);
  const line = (n) => document.getElementById(`${id}:L${n}`);
  if (log) {
    log.placed = Boolean(from);
    log.step.open = true;
    if (!from) log.step.scrollIntoView();
    else await log.one(async () => { if (!line(from)) await log.show(from - 200, from + 800); });
  }
  for (let n = from; n && n <= to && line(n); n++) unfold(line(n)).classList.add("on");
  if (from) line(from)?.scrollIntoView({ block: "center" });
}

document.addEventListener("click", (event) => {
  const n = event.target.closest?.("a.n");
  const { id, from } = place();
  if (!n || !event.shiftKey || !from || n.closest(".l").id.split(":L")[0] !== id) return;
  event.preventDefault();
  const ends = [from, Number(n.dataset.n)].sort((a, b) => a - b);
  location.hash = `${id}:L${ends[0]}-L${ends[1]}`;
});

const times = document.getElementById("times");
if (times) {
  times.hidden = false;
  times.addEventListener("click", () => {
    times.setAttribute("aria-pressed", String(document.body.classList.toggle("times")));
  });
}
addEventListener("hashchange", goTo);
goTo();
