// Live states: the same page is fetched again, and what is marked data-swap
// replaced. Pages are whole without it.
"use strict";

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
    if (!now) { location.reload(); return; }
    const failed = then.open && now.dataset.state !== then.dataset.state;
    Object.assign(now.dataset, then.dataset);
    now.className = then.className;
    if (failed) now.open = true;
    else if (now.open) now.dispatchEvent(new Event("refreshed"));
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

keepFresh();
