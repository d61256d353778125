// The page's life: which view the address asks for, its answer drawn, and drawn anew every few seconds.

import { h } from "./draw.js";
import * as views from "./views.js";

const EVERY_MS = 3000, LOG_MOST = 200000;
const main = document.getElementById("main"), pulse = document.getElementById("pulse");
let timer = 0, turn = 0, logSeen = { pilot: "", seq: 0, text: "" };

class Refused extends Error {}

async function ask(path, body) {
  const headers = {}, token = sessionStorage.getItem("token");
  if (token) headers.Authorization = "Bearer " + token;
  if (body) headers["Content-Type"] = "application/json";
  let reply, found;
  try {
    reply = await fetch("v1/" + path, { headers, method: body ? "POST" : "GET", body: body && JSON.stringify(body), cache: "no-store" });
    found = await reply.json();
  } catch {
    throw new Error("the server does not answer");
  }
  if (reply.status === 401) throw new Refused(found.error);
  if (!reply.ok) throw new Error(found.error || "HTTP " + reply.status);
  return found;
}

function address() {
  const [path, words] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, at] = path.split("/");
  return { page: page || "overview", at: at && decodeURIComponent(at), query: Object.fromEntries(new URLSearchParams(words || "")) };
}

async function show() {
  clearTimeout(timer);
  const mine = ++turn, { page, at, query } = address();
  const view = Object.hasOwn(views, page) && page !== "since" && page !== "span" ? views[page] : views.overview;
  document.querySelectorAll("nav a").forEach((link) => {
    const same = link.getAttribute("href") === "#/" + (page === "overview" ? "" : page.replace(/^(pilot|task)$/, "$1s"));
    same ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  });
  try {
    const nodes = await view(ask, at, query, act);
    if (mine !== turn) return;
    draw(nodes.flat(2).filter(Boolean));
    if (page === "pilot") await log(at, mine);
    pulse.textContent = "live, " + new Date().toLocaleTimeString();
    pulse.className = "";
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Refused) return signIn(error.message);
    pulse.textContent = error instanceof TypeError ? "this page cannot be shown: " + error.message : error.message;
    pulse.className = "bad";
    if (!main.dataset.page || main.dataset.page !== location.hash) main.replaceChildren(h("p", { class: "notice" }, pulse.textContent));
  }
  main.dataset.page = location.hash;
  timer = setTimeout(() => document.hidden ? (timer = setTimeout(show, EVERY_MS)) : show(), EVERY_MS);
}

// New nodes for old, but what somebody is typing into, has opened or has scrolled stays as it is
function draw(nodes) {
  const same = main.dataset.page === location.hash;
  const typing = same && main.querySelector("form[data-keep]");
  const opened = same ? [...main.querySelectorAll("details")].map((one) => one.open) : [];
  const scrolled = same && main.querySelector("pre.log");
  const at = scrolled && { top: scrolled.scrollTop, end: scrolled.scrollHeight - scrolled.clientHeight - scrolled.scrollTop < 20 };
  main.replaceChildren(...nodes.map((node) => typing && node.matches && node.matches("form[data-keep]") && typing.contains(document.activeElement) ? typing : node));
  main.querySelectorAll("details").forEach((one, n) => { one.open = opened[n] || false; });
  const pre = main.querySelector("pre.log");
  if (pre && pre.dataset.log === logSeen.pilot) {
    pre.textContent = logSeen.text;
    pre.scrollTop = at && !at.end ? at.top : pre.scrollHeight;
  }
}

async function log(pilot, mine) {
  if (logSeen.pilot !== pilot) logSeen = { pilot, seq: 0, text: "" };
  for (let more = true; more;) {
    const { events } = await ask(`pilots/${encodeURIComponent(pilot)}/events?kind=log&limit=500&after=${logSeen.seq}`);
    if (mine !== turn) return;
    for (const event of events) {
      logSeen.seq = event.seq;
      logSeen.text += (Array.isArray(event.lines) ? event.lines : []).join("\n") + "\n";
    }
    logSeen.text = logSeen.text.slice(-LOG_MOST);
    more = events.length === 500;
  }
  const pre = main.querySelector("pre.log");
  if (!pre || pre.textContent === logSeen.text) return;
  const end = pre.scrollHeight - pre.clientHeight - pre.scrollTop < 20;
  pre.textContent = logSeen.text;
  if (end) pre.scrollTop = pre.scrollHeight;
}

async function act(verb, body) {
  try {
    await ask(verb, body);
    await show();
  } catch (error) {
    pulse.textContent = error.message;
    pulse.className = "bad";
  }
}

function signIn(why) {
  const submit = (event) => {
    event.preventDefault();
    sessionStorage.setItem("token", new FormData(event.target).get("token").trim());
    show();
  };
  main.replaceChildren(h("h1", null, "Sign in"), h("p", { class: "quiet" }, why), h("form", { class: "filter", onsubmit: submit },
    h("label", null, "token", h("input", { name: "token", type: "password", size: 40, autocomplete: "off", autofocus: true })), h("button", null, "Show")));
}

addEventListener("hashchange", () => { scrollTo(0, 0); show(); });
show();
