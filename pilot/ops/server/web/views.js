// What each page shows, from what the API says. A view is async (api, at, query) -> nodes.

import { each, guarded, h, line, lines, short, stacked, table, timeline } from "./draw.js";

const STATES = ["done", "error", "held", "locked", "todo"];
const place = (page, query) => "#/" + page + (query ? "?" + new URLSearchParams(query) : "");
const state = (text) => h("span", { class: "state " + String(text).replace(/[^a-z]+/g, "-") }, text);
const pilotLink = (name, id = String(name)) => h("a", { href: place("pilot/" + encodeURIComponent(id)) }, id.length > 20 ? id.slice(0, 13) + "…" : id);
const taskLink = (name, id = String(name)) => h("a", { href: place("task/" + encodeURIComponent(id)) }, id);

export function since(seconds, now) {
  if (!seconds) return "–";
  return span(Math.max(0, (now || Date.now() / 1000) - seconds)) + " ago";
}

export function span(seconds) {
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86400).toFixed(1)} d`;
}

export async function overview(api) {
  const found = await api("overview?hours=24");
  const tile = (name, count, href) => h("a", { class: "tile " + name, href }, h("b", null, short(count)), h("span", null, name));
  const pilots = ["submitted", "running", "idle", "silent", "stopping", "holding", "failed", "finished"].filter((name) => found.pilots[name]).map((name) => [name, found.pilots[name]]);
  const rate = found.ticks.slice(1).map((tick, n) => [tick[0], Math.max(0, tick[3] - found.ticks[n][3]) / Math.max(1, tick[0] - found.ticks[n][0])]);
  return [
    h("h1", null, "Overview"),
    h("h2", null, "Tasks"), h("div", { class: "tiles" }, ["todo", "locked", "done", "error", "held"].map((name) => tile(name, found.tasks[name], place("tasks", { state: name })))),
    h("h2", null, "Pilots"), pilots.length ? h("div", { class: "tiles" }, pilots.map(([name, count]) => tile(name, count, place("pilots", { state: name })))) : h("p", { class: "quiet" }, "No pilot reported in the last day."),
    h("h2", null, "Why pilots failed, last day"),
    table([["Command", ""], ["Reason", "why"], ["Pilots", "num"], ["Sites", "num"], ["Last", "short wide"]], each(found.failures, (row) => [
      h("a", { href: place("pilots", { command: row.command, state: "failed" }) }, row.command), row.reason, row.count, row.sites === 1 ? row.site || "1" : row.sites, since(row.last, found.time)]), "No pilot failed."),
    h("h2", null, "Why tasks failed, last day"),
    table([["Reason", "why"], ["Attempts", "num"], ["Example", "id"], ["Last", "short wide"]], each(found.task_failures, (row) => [row.reason, row.count, taskLink(row.task), since(row.last, found.time)]), "No task failed."),
    h("div", { class: "halves" },
      h("section", null, h("h2", null, "Tasks by state, last day"), stacked(found.ticks, STATES)),
      h("section", null, h("h2", null, "Tasks done per minute"), line(rate, "Tasks done per minute over time", "done")),
      h("section", null, h("h2", null, "Running pilots"), line(found.ticks.map((tick) => [tick[0], tick[6]]), "Running pilots over time", "running")))];
}

export async function pilots(api, at, query) {
  const found = await api("pilots?" + new URLSearchParams({ limit: 100, ...query }));
  const rows = each(found.pilots, (pilot) => [
    pilotLink(pilot.pilot), state(pilot.state), pilot.site || "–", pilot.host, pilot.command, since(pilot.started), pilot.done, pilot.failed ? h("span", { class: "bad" }, pilot.failed) : 0,
    pilot.exit_code === null ? "" : pilot.exit_code, h("span", { class: pilot.reason ? "bad" : "" }, pilot.reason)]);
  return [h("h1", null, "Pilots"), filter("pilots", query, [["site", null], ["state", ["", "submitted", "running", "idle", "silent", "stopping", "holding", "failed", "finished"]], ["command", null]]),
    table([["Pilot", "id"], ["State", ""], ["Site", ""], ["Host", "wide"], ["Command", "wide"], ["Started", "short wide"], ["Done", "num"], ["Failed", "num"], ["Code", "num"], ["Reason", "why"]], rows, "No matching pilots."),
    more("pilots", query, found.next)];
}

function filter(page, query, fields) {
  const submit = (event) => {
    event.preventDefault();
    const given = [...new FormData(event.target)].filter(([, value]) => value);
    location.hash = place(page, given.length ? Object.fromEntries(given) : null);
  };
  return h("form", { class: "filter", onsubmit: submit, "data-keep": page }, fields.map(([name, choices]) => h("label", null, name,
    choices ? h("select", { name, onchange: (event) => event.target.form.requestSubmit() }, choices.map((choice) => h("option", { value: choice, selected: choice === (query[name] || "") }, choice || "any")))
      : h("input", { name, value: query[name] || "", size: 14, autocomplete: "off" }))), h("button", null, "Show"));
}

function more(page, query, next) {
  return next ? h("p", null, h("a", { href: place(page, { ...query, after: next }) }, "More")) : null;
}

export async function pilot(api, at) {
  const found = await api("pilots/" + encodeURIComponent(at));
  const facts = found.facts.filter((event) => event.kind === "WorkerNode" && event.fact).map((event) => event.fact).pop();
  const shown = [["state", state(found.state)], ["site", found.site || "–"], ["host", found.host], ["started", since(found.started)], ["last event", since(found.heard)],
    ["exit code", found.exit_code === null ? "–" : found.exit_code], ["reason", found.reason || "–"], ["version", found.version], ["tasks", `${found.done} done, ${found.failed} failed, ${found.running} running`]];
  if (facts) shown.push(["node", `${facts.cores} cores of ${facts.cpu_model}, ${facts.memory_mb} MB, ${facts.os}`], ["batch job", facts.batch ? `${facts.batch.system || "local"} ${facts.batch.job_id || ""}` : "–"]);
  const [submitted, ended] = ["pilot submitted", "job ended"].map((kind) => found.timeline.find((event) => event.event === kind));
  if (submitted) shown.push(["submitted", guarded(() => `${new Date(submitted.time).toLocaleString()} by ${submitted.factory}, job ${submitted.job} of ${submitted.backend}`)]);
  if (ended) shown.push(["job", guarded(() => `${ended.state}${ended.node ? " on " + ended.node : ""}, ${ended.queue_s === null ? "it was not seen running" : span(ended.queue_s) + " in the queue"}`)]);
  const output = ended && Array.isArray(ended.output) ? ended.output.map(String) : [];
  const pulse = found.pulse || {};
  if (pulse.load) shown.push(["load, memory, disk free", guarded(() => `${pulse.load.join(" ")}, ${pulse.memory_free_mb} MB, ${pulse.disk_free_mb} MB`)]);
  const drawn = guarded(() => { const { rows, length } = spans(found.timeline); return timeline(rows, length); });
  return [h("h1", null, "Pilot " + found.pilot), h("div", { class: "panel" }, h("dl", null, shown.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]))),
    output.length ? [h("h2", null, "Last lines of its output"), h("div", { class: "panel" }, h("pre", null, output.join("\n")))] : null,
    h("h2", null, "Timeline"), drawn,
    h("h2", null, "Log"), h("div", { class: "panel" }, h("pre", { class: "log", "data-log": at }, "")),
    h("details", null, h("summary", null, "Facts"), h("pre", null, JSON.stringify(found.facts.map((event) => ({ [event.kind]: event.fact })), null, 1)))];
}

// Commands and payloads as bars: seconds from the pilot's start
function spans(events) {
  if (!events.length) return { rows: [], length: 1 };
  const start = Date.parse(events[0].time), rows = [], open = new Map();
  const at = (event) => (Date.parse(event.time) - start) / 1000;
  if (events[0].event === "pilot submitted") rows.push({ name: "in the queue", from: 0, to: events[1] ? Math.max(0, at(events[1])) : null, state: "skipped", note: events[1] ? span(Math.max(0, at(events[1]))) : "waiting" });
  for (const event of events) {
    if (typeof (event.task || event.command || "") !== "string" || Number.isNaN(at(event))) continue;
    const key = event.event.startsWith("task") ? "task " + event.task : event.command;
    if (event.event === "command started" || event.event === "task started") {
      const row = { name: (event.event.startsWith("task") ? event.task : event.command) || "?", from: at(event), to: null, state: "running", note: "running" };
      open.set(key, row);
      rows.push(row);
    } else if (event.event === "command finished" || event.event === "task finished") {
      const row = open.get(key);
      if (!row) continue;
      row.to = at(event);
      row.state = String(event.status || event.outcome);
      row.note = span(Number(event.seconds) || 0) + (row.state === "ok" || row.state === "done" ? "" : " " + row.state);
      open.delete(key);
    }
  }
  const length = Math.max(1, ...events.map(at).filter((moment) => moment >= 0));
  for (const row of rows) if (row.to === null) row.to = length;
  const kept = rows.length > 60 ? rows.filter((row) => row.state !== "done").slice(0, 60) : rows;
  return { rows: kept, length };
}

export async function tasks(api, at, query) {
  const found = await api("tasks?" + new URLSearchParams({ limit: 100, ...query }));
  return [h("h1", null, "Tasks"), filter("tasks", query, [["state", ["", "todo", "locked", "done", "error", "held"]]]),
    table([["Task", "id"], ["State", ""], ["Attempts", "num"], ["Priority", "num wide"], ["Pilot", "id wide"], ["Reason", "why"]], each(found.tasks, (task) => [
      taskLink(task.id), state(task.state), `${task.attempts.length}`, task.priority, task.pilot ? pilotLink(task.pilot) : "", task.reason || ""]), "No matching tasks."),
    more("tasks", query, found.next)];
}

export async function task(api, at, query, act) {
  const found = await api("tasks/" + encodeURIComponent(at));
  const button = (word, verb) => h("button", { type: "button", onclick: () => act(verb, { tasks: [at] }) }, word);
  const what = found.command ? found.command.join(" ") : found.script;
  return [h("h1", null, "Task " + found.id), h("p", null, state(found.state), found.reason ? ", " + found.reason : ""),
    h("p", null, ["error", "held"].includes(found.state) ? button("Send back to todo", "retry") : ["todo", "locked"].includes(found.state) ? button("Hold", "cancel") : null),
    h("h2", null, "Command or script"), h("div", { class: "panel" }, h("pre", null, what)),
    each(found.attempts, (attempt) => h("section", null,
      h("h2", null, `Attempt ${attempt.generation}: `, state(attempt.outcome || "running")),
      h("p", null, "by pilot ", pilotLink(attempt.pilot), `, ${new Date(attempt.started * 1000).toLocaleString()}`, attempt.ended ? `, ${span(attempt.ended - attempt.started)}` : "", attempt.reason ? `: ${attempt.reason}` : ""),
      attempt.result ? ["stdout", "stderr"].filter((name) => attempt.result[name]).map((name) => h("div", { class: "panel" }, h("div", { class: "quiet" }, name + ", tail"), h("pre", null, attempt.result[name]))) : null)),
    h("details", null, h("summary", null, "All fields"), h("pre", null, JSON.stringify(found, null, 1)))];
}

export async function sites(api) {
  const found = await api("sites?hours=24");
  const count = (site, name) => site.pilots[name] || 0;
  return [h("h1", null, "Sites, last day"), table([["Site", ""], ["Running", "num"], ["Silent", "num"], ["Holding", "num wide"], ["Finished", "num"], ["Failed", "num"], ["Tasks done", "num"], ["Tasks failed", "num"]], each(found.sites, (site) => [
    h("a", { href: place("pilots", { site: site.site }) }, site.site || "(no name)"), count(site, "running") + count(site, "idle") + count(site, "stopping"), count(site, "silent"), count(site, "holding"), count(site, "finished"),
    count(site, "failed") ? h("span", { class: "bad" }, count(site, "failed")) : 0, site.done, site.failed ? h("span", { class: "bad" }, site.failed) : 0]), "No site reported.")];
}

export async function factories(api) {
  const found = await api("factories?hours=24");
  const count = (value) => value === null || value === undefined ? "?" : value;
  const part = (one) => h("section", null,
    h("h2", null, one.factory, ": ", state(one.state || "running"), ", last event " + since(one.heard)),
    table([["Site", ""], ["State", ""], ["Demand", "num"], ["Pending", "num"], ["Running", "num"], ["Held", "num wide"], ["Idle", "num wide"], ["Last decision", "why"]], each(one.sites, (site) => [
      h("a", { href: place("pilots", { site: site.site }) }, site.site), state(site.state), count(site.demand), count(site.pending), count(site.running), count(site.held), count(site.idle), site.why || ""]), "It has no sites."),
    each(one.unmet, (sentence) => h("p", { class: "bad" }, String(sentence))),
    h("div", { class: "halves" }, each(Object.entries(one.curves || {}), ([site, points]) => h("section", null, h("h2", null, site + ", last day"),
      lines(points, [["demand", "todo", 1], ["pending", "locked", 2], ["running", "done", 3]], "Demand, pending and running pilots of " + site + " over time")))));
  return [h("h1", null, "Factories"), found.factories.length ? each(found.factories, part) : h("p", { class: "quiet" },
    "No factory has reported. A factory keeps the right number of pilots submitted. It reports its state as events of the kind \"factory state\".")];
}

export async function statistics(api, at, query) {
  const hours = query.hours || "24";
  const found = await api("statistics?hours=" + encodeURIComponent(hours));
  return [h("h1", null, "Statistics"), filter("statistics", { hours }, [["hours", ["1", "24", "168", "720"]]]),
    h("h2", null, "Commands"), table([["Command", ""], ["Site", ""], ["Runs", "num"], ["Ok", "num"], ["Median", "num"], ["95 %", "num"], ["First reason", "why"]], each(found.commands.sort((a, b) => (b.runs - b.ok) - (a.runs - a.ok)), (row) => [
      row.command, row.site || "–", row.runs, row.runs && row.ok < row.runs ? h("span", { class: "bad" }, `${Math.round(100 * row.ok / row.runs)} %`) : "100 %", span(row.median_s), span(row.p95_s), row.first_reason]), "No command ended in this period."),
    h("h2", null, "Core hours by use"), table([["Site", ""], ["Pilots", "num"], ["Used", "num"], ["Failed", "num"], ["Validation", "num"], ["Idle", "num"]], each(found.waste, (row) => [
      row.site || "–", row.pilots, row.used_h.toFixed(2), row.failed_h.toFixed(2), row.validation_h.toFixed(2), row.idle_h.toFixed(2)]), "No pilot ended in this period.")];
}
