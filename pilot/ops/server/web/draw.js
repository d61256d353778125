// Elements and drawings. Everything that came from elsewhere becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(name, attributes, ...children) {
  return build(document.createElement(name), attributes, children);
}

function s(name, attributes, ...children) {
  return build(document.createElementNS(SVG, name), attributes, children);
}

function build(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false).map((child) => child instanceof Node ? child : String(child)));
  return element;
}

// What came from elsewhere may be of any shape: an item that cannot be drawn says so, and the others are drawn.
export function each(items, make) {
  return (Array.isArray(items) ? items : []).map((item) => guarded(() => make(item)));
}

export function guarded(make) {
  try {
    return make();
  } catch (error) {
    return h("span", { class: "bad" }, "cannot be shown: " + error.message);
  }
}

export function table(heads, rows, empty) {
  if (!rows.length) return h("p", { class: "quiet" }, empty);
  const cell = (tag, [text, kind]) => h(tag, { class: kind }, text);
  return h("div", { class: "panel" }, h("table", null,
    h("thead", null, h("tr", null, heads.map((head) => cell("th", head)))),
    h("tbody", null, rows.map((row) => h("tr", null, Array.isArray(row) ? row.map((text, n) => cell("td", [text, heads[n][1]])) : h("td", { colspan: heads.length }, row))))));
}

const WIDTH = 640, HEIGHT = 170, LEFT = 44, RIGHT = 8, TOP = 8, BOTTOM = 20;

function nice(most) {
  const step = Math.pow(10, Math.floor(Math.log10(Math.max(1, most))));
  return [1, 2, 5, 10].map((n) => n * step).find((value) => value >= most) || most;
}

function frame(minutes, most, title, marks) {
  const first = minutes[0], last = Math.max(first + 1, minutes[minutes.length - 1]), top = nice(most);
  const x = (minute) => LEFT + (WIDTH - LEFT - RIGHT) * (minute - first) / (last - first);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const clock = (minute) => new Date(minute * 60000).toLocaleString([], last - first > 1440 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit" });
  const grid = [0, .5, 1].map((share) => [
    s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(top * share), y2: y(top * share), class: "stroke-line" }),
    s("text", { x: LEFT - 6, y: y(top * share) + 4, "text-anchor": "end" }, short(top * share))]);
  const hours = [0, .5, 1].map((share) => s("text", { x: x(first + (last - first) * share), y: HEIGHT - 4, "text-anchor": ["start", "middle", "end"][share * 2] }, clock(first + (last - first) * share)));
  return s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, s("title", null, title), grid, marks(x, y), hours);
}

export function short(value) {
  const units = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  for (const [size, unit] of units) if (value >= size) return (value / size).toFixed(value < 10 * size ? 1 : 0) + unit;
  return String(Math.round(value * 10) / 10);
}

// ticks: [minute, todo, locked, done, error, held, pilots]
export function stacked(ticks, states) {
  if (ticks.length < 2) return h("p", { class: "quiet" }, "A chart needs two minutes of history.");
  const column = { todo: 1, locked: 2, done: 3, error: 4, held: 5 };
  const sums = ticks.map(() => 0);
  const most = Math.max(1, ...ticks.map((tick) => states.reduce((sum, state) => sum + tick[column[state]], 0)));
  const picture = frame(ticks.map((tick) => tick[0]), most, "Tasks by state over time", (x, y) => states.map((state) => {
    const lower = ticks.map((tick, n) => [x(tick[0]), y(sums[n])]);
    const upper = ticks.map((tick, n) => [x(tick[0]), y(sums[n] += tick[column[state]])]);
    return s("polygon", { class: "fill-" + state, points: upper.concat(lower.reverse()).map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ") });
  }));
  return h("div", { class: "panel" }, picture, h("div", { class: "legend" }, states.map((state) => h("span", { class: state }, `${state} ${short(ticks[ticks.length - 1][column[state]])}`))));
}

export function line(points, title, kind) {
  if (points.length < 2) return h("p", { class: "quiet" }, "A chart needs two minutes of history.");
  const most = Math.max(1, ...points.map((point) => point[1]));
  return h("div", { class: "panel" }, frame(points.map((point) => point[0]), most, title, (x, y) =>
    s("polyline", { class: "stroke-" + kind, points: points.map(([minute, value]) => `${x(minute).toFixed(1)},${y(value).toFixed(1)}`).join(" ") })));
}

// points: [minute, ...]; kinds: [name, colour, column]; a value that is not known leaves a gap
export function lines(points, kinds, title) {
  if (points.length < 2) return h("p", { class: "quiet" }, "A chart needs two minutes of history.");
  const values = (column) => points.map((point) => point[column]).filter((value) => value !== null);
  const most = Math.max(1, ...kinds.flatMap(([, , column]) => values(column)));
  const picture = frame(points.map((point) => point[0]), most, title, (x, y) => kinds.map(([, colour, column]) => s("polyline", { class: "stroke-" + colour,
    points: points.filter((point) => point[column] !== null).map((point) => `${x(point[0]).toFixed(1)},${y(point[column]).toFixed(1)}`).join(" ") })));
  const last = points[points.length - 1];
  return h("div", { class: "panel" }, picture, h("div", { class: "legend" }, kinds.map(([name, colour, column]) => h("span", { class: colour }, `${name} ${last[column] === null ? "?" : last[column]}`))));
}

// rows: {name, note, from, to, state} in seconds from the pilot's start
export function timeline(rows, length) {
  if (!rows.length) return h("p", { class: "quiet" }, "Nothing has started yet.");
  const high = 22, width = 900, left = 190, all = Math.max(1, length);
  const x = (seconds) => left + (width - left - 90) * Math.min(seconds, all) / all;
  return h("div", { class: "panel" }, s("svg", { viewBox: `0 0 ${width} ${rows.length * high + 4}`, role: "img", "aria-label": "Timeline of commands and payloads" },
    rows.map((row, n) => {
      const fill = { ok: "done", done: "done", skipped: "todo", running: "locked", released: "held", returned: "held" }[row.state] || "error";
      const from = x(row.from), to = Math.max(from + 2, x(row.to));
      return s("g", null, s("title", null, `${row.name}: ${row.state}, ${row.note}`),
        s("text", { x: left - 8, y: n * high + 15, "text-anchor": "end" }, row.name.length > 26 ? row.name.slice(0, 25) + "…" : row.name),
        s("rect", { x: left, y: n * high + 9, width: width - left - 90, height: 2, class: "fill-bar" }),
        s("rect", { x: from, y: n * high + 4, width: to - from, height: 13, rx: 2, class: "fill-" + fill }),
        s("text", { x: to + 6, y: n * high + 15 }, row.note));
    })));
}
