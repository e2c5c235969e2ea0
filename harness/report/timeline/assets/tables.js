// The same in words: a table of what happened, for those who do not see the timeline, and what is printed.
const PAGE = 100;
const PRINTED = 200;

/** All that happened on these lanes, in order of time: [at, lane, words]. Runs of polls are one line each, or none. */
function happenings(story, lanes, { polls = true } = {}) {
  const rows = [];
  for (const lane of lanes) {
    for (const [start, , status, because] of lane.spans) {
      const why = story.text(because);
      rows.push([start, lane, `${start ? "became" : "was"} ${story.text(status)}${why ? `: ${why}` : ""}`]);
    }
    for (const [at, kind, words] of lane.marks) {
      const what = story.text(kind);
      if (polls || what !== "poll") rows.push([at, lane, what === "failure" ? `failed: ${story.text(words)}` : story.text(words)]);
    }
    if (!polls) continue;
    for (const [first, last, times, , words] of lane.runs) {
      rows.push([first, lane, times > 1 ? `${times} times up to ${instant(last)}, ${story.text(words)}` : story.text(words)]);
    }
  }
  return rows.sort((a, b) => a[0] - b[0]);
}

function clockText(story, lane, at) {
  if (lane.kind === "network") return "";
  const wall = story.wallAt(lane, at);
  return wall === undefined ? "not known" : localDate(wall, lane.zone);
}

class Happened {
  constructor(root, story, goTo) {
    Object.assign(this, { root, story, goTo, first: 0 });
  }

  /** Tell of these lanes, once no others follow at once: the lanes themselves are drawn first. */
  tell(lanes) {
    clearTimeout(this.due);
    this.due = setTimeout(() => {
      this.lanes = lanes;
      this.rows = undefined;
      this.first = 0;
      this.draw();
    }, 120);
  }

  draw() {
    this.rows ??= happenings(this.story, this.lanes);
    const shown = this.rows.slice(this.first, this.first + PAGE);
    const head = element("tr");
    for (const title of ["after the start", "by the lane's own clock", "lane", "what"]) {
      const cell = element("th", { textContent: title });
      cell.scope = "col";
      head.append(cell);
    }
    const body = element("tbody");
    for (const [at, lane, words] of shown) {
      const time = element("button", { type: "button", textContent: instant(at), onclick: () => this.goTo(at, lane, words) });
      body.append(element("tr", {}, element("td", {}, time), element("td", { textContent: clockText(this.story, lane, at) }),
        element("td", { textContent: nameOf(lane) }), element("td", { textContent: words })));
    }
    const box = element("div", { className: "rows", tabIndex: 0 }, element("table", {}, element("thead", {}, head), body));
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "What happened");
    const turn = (by) => { this.first = Math.min(Math.max(0, this.first + by), Math.max(0, this.rows.length - 1)); this.draw(); };
    const back = element("button", { type: "button", className: "tool", textContent: "Earlier rows", disabled: this.first === 0, onclick: () => turn(-PAGE) });
    const on = element("button", { type: "button", className: "tool", textContent: "Later rows", disabled: this.first + PAGE >= this.rows.length, onclick: () => turn(PAGE) });
    const last = Math.min(this.first + PAGE, this.rows.length);
    const count = element("span", { className: "soft", textContent: `${this.rows.length ? this.first + 1 : 0} to ${last} of ${this.rows.length}` });
    this.root.replaceChildren(box, element("div", { className: "pager" }, back, on, count));
  }
}

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

/** Put what is printed into `root` and `rowsRoot`: each lane as a line of a table, and what happened without polls. */
function layOut(root, rowsRoot, story, lanes, window) {
  const from = dateAt(story.start_us + window.from).slice(0, 16);
  const to = dateAt(story.start_us + window.to).slice(0, 16);
  const legend = element("div", { className: "legend" }, ...document.querySelector("#legend").cloneNode(true).childNodes);
  const head = element("tr", {}, element("th", { textContent: "lane" }), printedAxis(story, window),
    element("th", { textContent: "at the end" }), element("th", { textContent: "failures" }));
  const body = element("tbody", {}, ...lanes.map((lane) => printedLane(story, lane, window)));
  root.replaceChildren(element("h2", { textContent: `Lanes, ${from} to ${to} UTC` }), legend,
    element("table", {}, element("thead", {}, head), body));

  const rows = happenings(story, lanes, { polls: false }).filter(([at]) => at >= window.from && at <= window.to);
  const titles = ["after the start", "by the lane's own clock", "lane", "what"].map((title) => element("th", { textContent: title }));
  const told = rows.slice(0, PRINTED).map(([at, lane, words]) => element("tr", {}, ...[instant(at), clockText(story, lane, at), nameOf(lane), words]
    .map((text) => element("td", { textContent: text }))));
  const left = rows.length - PRINTED;
  rowsRoot.replaceChildren(element("h2", { textContent: "What happened, without polls" }),
    element("table", {}, element("thead", {}, element("tr", {}, ...titles)), element("tbody", {}, ...told)),
    ...(left > 0 ? [element("p", { textContent: `${left} more rows are on the page; fewer lanes or a shorter stretch in view print the rest.` })] : []));
}

function nameOf(lane) { return [lane.name, lane.side].filter(Boolean).join(" · "); }

function printedAxis(story, window) {
  const length = window.to - window.from;
  const axis = element("div", { className: "bar-axis" });
  for (const at of ticks(window.from, window.to, length / 7, story.start_us)) {
    const part = (at - window.from) / length;
    if (part > 0.92) continue;
    const label = element("span", { textContent: dateAt(story.start_us + at).slice(5, 16) });
    label.style.left = `${part * 100}%`;
    axis.append(label);
  }
  return element("th", { className: "bar" }, axis);
}

function printedLane(story, lane, window) {
  const wide = 1000;
  const x = (at) => ((at - window.from) / (window.to - window.from)) * wide;
  const bar = svg("svg", { viewBox: `0 0 ${wide} 14`, preserveAspectRatio: "none" });
  const stretch = ([start, end], y, height, status) => {
    if (end <= window.from || start >= window.to) return;
    const left = Math.max(0, x(start));
    const width = Math.max(0.7, Math.min(wide, x(end)) - left);
    bar.append(svg("rect", { x: left, y, width, height, fill: `var(--${toneOf(story.text(status))})` }));
  };
  for (const span of lane.spans) stretch(span, 2, 8, span[2]);
  for (const strip of lane.strips) stretch(strip, story.text(strip[2]) === "access open" ? 11 : 0, 1.4, strip[2]);
  for (const kind of ["event", "failure"]) {
    for (const [at] of lane.byKind.get(kind)) {
      if (at >= window.from && at <= window.to) bar.append(svg("rect", { x: x(at) - 0.6, y: 1, width: 1.2, height: 11, fill: kind === "failure" ? "var(--bad)" : "var(--text)" }));
    }
  }
  const last = lane.spans.at(-1);
  const failures = lane.byKind.get("failure").length;
  return element("tr", {}, element("td", { textContent: nameOf(lane) }), element("td", { className: "bar" }, bar),
    element("td", { textContent: last ? story.text(last[2]) : "" }), element("td", { textContent: failures ? String(failures) : "" }));
}
