// What lanes look like: from a lane and a window of time to the elements of an ECharts custom series.
// From the top of a row: events, changes of the slot and what is wrong with the path, the band of the status with its polls, whether access
// is open, and then what was asked and what failed.
const ROW = 40;
const AXIS = 46;
const BAND = { top: 9, height: 17 };
const ACCESS = { top: BAND.top + BAND.height + 1, height: 2 };
const MARKS = BAND.top + BAND.height + 8;

/** The colours of the page as it is now. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  const tones = Object.fromEntries(Object.values(TONES).map((tone) => [tone, { fill: of(tone), ink: of(`${tone}-ink`) }]));
  tones.other = { fill: of("other"), ink: of("other-ink") };
  return { tones, text: of("text"), soft: of("soft"), card: of("card"), grid: of("grid"), line: of("line"), stripe: of("stripe"),
    chosen: of("chosen"), accent: of("accent"), bad: of("bad"), head: of("head") };
}

/** The tone of a status; what stands in brackets behind it does not matter. */
function toneOf(status) { return TONES[status.split(" (")[0]] ?? "other"; }

/** How the mark of a kind is drawn at `x` of a row that begins at `top`, as the data of a path. */
const SHAPES = {
  poll: (x, top) => `M${x} ${top + BAND.top + BAND.height - 3}v3`,
  unbind: (x, top) => `M${x - 3} ${top + MARKS - 3}h6v6h-6z`,
  register: (x, top) => `M${x - 3.5} ${top + MARKS}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z`,
  seen: (x, top) => `M${x - 3.5} ${top + MARKS}l3.5 -3.5l3.5 3.5l-3.5 3.5z`,
  slot: (x, top) => `M${x} ${top + BAND.top - 6}l3 3l-3 3l-3 -3z`,
  event: (x, top) => `M${x} ${top + BAND.top - 1}l4.5 -6h-9z`,
  note: (x, top) => `M${x} ${top + MARKS - 4}l4 4l-4 4l-4 -4z`,
  failure: (x, top) => `M${x - 2.5} ${top + MARKS - 2.5}l5 5M${x - 2.5} ${top + MARKS + 2.5}l5 -5`,
};

function shapeStyle(kind, ink) {
  return {
    poll: { stroke: ink.card, lineWidth: 1, fill: "none" },
    unbind: { stroke: ink.text, lineWidth: 1.3, fill: ink.card },
    register: { stroke: ink.text, lineWidth: 1.4, fill: ink.card },
    seen: { stroke: ink.text, lineWidth: 1.3, fill: ink.card },
    slot: { fill: ink.accent, stroke: ink.card, lineWidth: 0.8 },
    event: { fill: ink.text, stroke: ink.card, lineWidth: 0.8 },
    note: { fill: ink.accent, stroke: ink.card, lineWidth: 1 },
    failure: { stroke: ink.bad, lineWidth: 1.8, fill: "none", lineCap: "round" },
  }[kind];
}

/** The first of each bunch of instants that one cannot tell apart at this scale, as pixels. */
function* apart(rows, window, width, least) {
  const perUs = width / (window.to - window.from);
  let last = -Infinity;
  for (let k = Math.max(0, lastBefore(rows, window.from - 8 / perUs)); k < rows.length; k += 1) {
    const x = (rows[k][0] - window.from) * perUs;
    if (x > width + 8) return;
    if (x >= -8 && x - last >= least) { yield x; last = x; }
  }
}

/** The same for a run of marks; none where they would be a solid bar. */
function* apartInRun([first, last, times], window, width, least) {
  const perUs = width / (window.to - window.from);
  const step = times > 1 ? (last - first) / (times - 1) : 1;
  if (times > 1 && step * perUs < least) return;
  const begin = Math.max(0, Math.floor((window.from - first) / step));
  for (let k = begin; k < times; k += 1) {
    const at = runAt(first, last, times, k);
    if (at > window.to) return;
    if (at >= window.from) yield (at - window.from) * perUs;
  }
}

/** The elements that draw `lane` with its top at `top`. */
function drawLane(story, lane, top, window, width, ink, { chosen, odd }) {
  const perUs = width / (window.to - window.from);
  const elements = [rect(0, top, width, ROW, chosen ? ink.chosen : odd ? ink.stripe : ink.card)];
  const bandTop = top + BAND.top;
  if (!lane.spans.length) elements.push(rect(0, bandTop + BAND.height / 2, width, 1, ink.line));
  let k = Math.max(0, lastBefore(lane.spans, window.from));
  for (; k < lane.spans.length && lane.spans[k][0] < window.to; k += 1) {
    const [start, end, status] = lane.spans[k];
    const left = Math.max(0, (start - window.from) * perUs);
    const right = Math.min(width, (end - window.from) * perUs);
    if (right <= 0) continue;
    const words = story.text(status);
    const tone = ink.tones[toneOf(words)];
    elements.push(rect(left, bandTop, Math.max(right - left, 1), BAND.height, tone.fill));
    if (right - left > words.length * 6.2 + 14) {
      elements.push({ type: "text", silent: true, style: { x: left + 6, y: bandTop + BAND.height / 2 - 0.5, text: words, fill: tone.ink,
        font: "11px system-ui, sans-serif", verticalAlign: "middle" } });
    }
  }
  for (const [start, end, what] of lane.strips) {
    if (end <= window.from || start >= window.to) continue;
    const words = story.text(what);
    const below = words === "access open";
    const left = Math.max(0, (start - window.from) * perUs);
    const right = Math.min(width, (end - window.from) * perUs);
    const fill = ink.tones[toneOf(words)].fill;
    const [y, height] = below ? [top + ACCESS.top, ACCESS.height] : [top + BAND.top - 4, 3];
    elements.push(rect(left, y, Math.max(right - left, 1), height, fill));
  }
  for (const kind of KINDS) {
    const places = [...apart(lane.byKind.get(kind), window, width, kind === "poll" ? 3 : 5)];
    if (kind === "poll") for (const run of lane.runs) places.push(...apartInRun(run, window, width, 4));
    if (!places.length) continue;
    const data = places.map((x) => SHAPES[kind](Math.round(x * 2) / 2, top)).join("");
    elements.push(path(data, shapeStyle(kind, ink)));
  }
  elements.push(rect(0, top + ROW - 1, width, 1, ink.grid));
  return { type: "group", silent: true, children: elements };
}

function rect(x, y, width, height, fill) {
  return { type: "rect", silent: true, shape: { x, y, width, height }, style: { fill } };
}

function path(data, style) {
  // Without a layout, pathData is drawn where its numbers say.
  return { type: "path", silent: true, shape: { pathData: data }, style };
}

/** How many of the lanes whose status is known have each tone: [tone, its share of them by column] from the bottom up. */
function shares(story, shown, columns) {
  const lanes = shown.filter((lane) => lane.spans.length);
  const counts = new Map();
  const perUs = columns / story.duration_us;
  for (const lane of lanes) {
    for (const [start, end, status] of lane.spans) {
      const tone = toneOf(story.text(status));
      if (!counts.has(tone)) counts.set(tone, new Float64Array(columns + 1));
      const edges = counts.get(tone);
      // A column is shared by the spans that meet in it.
      spread(edges, start * perUs, end * perUs);
    }
  }
  const order = ["well", "waiting", "refused", "down", "lost", "none", "other"];
  const found = [...counts].map(([tone, edges]) => {
    let sum = 0;
    const heights = new Float64Array(columns);
    for (let k = 0; k < columns; k += 1) { sum += edges[k]; heights[k] = sum / lanes.length; }
    return [tone, heights];
  });
  return found.sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
}

/** Add the stretch [from, to) of columns to the differences between columns, a part of a column as a part of one. */
function spread(edges, from, to) {
  const add = (at, amount) => {
    const column = Math.min(Math.floor(at), edges.length - 1);
    const part = at - column;
    edges[column] += amount * (1 - part);
    if (column + 1 < edges.length) edges[column + 1] += amount * part;
  };
  add(from, 1);
  add(to, -1);
}
