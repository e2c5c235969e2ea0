// The page: puts the parts together.
const story = new Story(JSON.parse(document.querySelector("#story").textContent));
const byId = (id) => document.getElementById(id);
const filters = { text: "", statuses: new Set(), failed: false };
let shown = story.lanes;

function say(words) { byId("told").textContent = words; }

const board = new Board(byId("board"), story, {
  say,
  changed(window) {
    overview?.follow(window);
    byId("range").textContent = rangeText(window);
  },
});
let overview = new Overview(byId("overview"), board);
const happened = new Happened(byId("happened"), story, goTo);

function rangeText({ from, to }) {
  const whole = from <= 0 && to >= story.duration_us ? "The whole: " : "";
  return `${whole}${dateAt(story.start_us + from)} to ${dateAt(story.start_us + to)} UTC, ${duration(to - from, 3)}`;
}

/** Go to an instant of a lane, which is shown whatever the filters say. */
function goTo(at, lane, words) {
  if (lane && !shown.includes(lane)) {
    Object.assign(filters, { text: "", statuses: new Set(), failed: false });
    byId("filter").value = "";
    filter();
  }
  board.goTo(at, lane, words);
}

function filter() {
  const matches = matcher(filters.text);
  shown = story.lanes.filter((lane) => lane.pinned || (matches(lane)
    && (!filters.statuses.size || [...filters.statuses].some((status) => lane.statuses.has(status)))
    && (!filters.failed || story.failed(lane))));
  for (const chip of byId("statuses").children) chip.setAttribute("aria-pressed", String(filters.statuses.has(chip.dataset.status)));
  byId("failed").setAttribute("aria-pressed", String(filters.failed));
  board.show(shown);
  overview.draw();
  happened.tell(shown);
}

function setUpFilters() {
  const nodes = story.lanes.filter((lane) => !lane.pinned);
  const counts = new Map();
  for (const lane of nodes) for (const status of lane.statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  for (const [status, count] of counts) {
    const swatch = element("span", { className: "swatch" });
    swatch.style.setProperty("--tone", `var(--${toneOf(status)})`);
    const chip = element("button", { type: "button", className: "chip", title: `Lanes that ever were ${status}: ${count}` }, swatch, `${status} ${count}`);
    chip.dataset.status = status;
    chip.setAttribute("aria-pressed", "false");
    chip.addEventListener("click", () => {
      if (!filters.statuses.delete(status)) filters.statuses.add(status);
      filter();
      say(`${shown.length} of ${story.lanes.length} lanes`);
    });
    byId("statuses").append(chip);
  }
  byId("failed").addEventListener("click", () => { filters.failed = !filters.failed; filter(); say(`${shown.length} of ${story.lanes.length} lanes`); });
  byId("filter").addEventListener("input", (event) => { filters.text = event.target.value; filter(); });
}

function setUpLegend() {
  const legend = byId("legend");
  const statuses = new Set(story.lanes.flatMap((lane) => [...lane.statuses, ...lane.strips.map((strip) => story.text(strip[2]))]));
  const tones = new Map();
  for (const status of statuses) {
    const tone = status === "access open" ? status : toneOf(status);
    tones.set(tone, [...(tones.get(tone) ?? []), status.split(" (")[0]]);
  }
  for (const [tone, words] of tones) {
    const swatch = element("span", { className: "swatch" });
    swatch.style.setProperty("--tone", `var(--${tone === "access open" ? "well" : tone})`);
    if (tone === "access open") swatch.style.height = "3px";
    legend.append(element("span", {}, swatch, tone === "access open" ? "access open (line below)" : [...new Set(words)].join(", ")));
  }
  const kinds = new Set(story.lanes.flatMap((lane) => [...lane.marks.map((mark) => story.text(mark[1])), ...lane.runs.map((run) => story.text(run[3]))]));
  for (const kind of KINDS) {
    if (!kinds.has(kind)) continue;
    const names = { poll: "poll", unbind: "unbind", register: "register", slot: "change of a slot", event: "event", seen: "status seen", note: "note", failure: "failure" };
    const icon = svg("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" });
    const top = { poll: -BAND.top - BAND.height + 2, event: -BAND.top + 4, slot: -BAND.top + 3 }[kind] ?? -MARKS;
    const style = { poll: "stroke:var(--text);fill:none", unbind: "stroke:var(--text);fill:none", register: "stroke:var(--text);stroke-width:1.6;fill:none", slot: "fill:var(--accent)",
      event: "fill:var(--text)", seen: "stroke:var(--text);stroke-width:1.6;fill:none", note: "fill:var(--accent)", failure: "stroke:var(--bad);stroke-width:2;fill:none" }[kind];
    const shape = svg("path", { d: SHAPES[kind](0, top) });
    shape.style.cssText = style;
    icon.append(shape);
    legend.append(element("span", {}, icon, names[kind]));
  }
}

function setUpPrint() {
  const lay = () => layOut(byId("printed"), byId("printed-rows"), story, shown, board.window);
  addEventListener("beforeprint", lay);
  matchMedia("print").addEventListener("change", (event) => { if (event.matches) lay(); });
  byId("print").addEventListener("click", () => print());
}

setUpTheme(() => { board.recolour(); overview.draw(); });
setUpFilters();
setUpLegend();
setUpPrint();
new Verdicts(byId("verdicts"), story, board, goTo);
for (const [id, action] of Object.entries({
  earlier: () => board.move(-0.4), later: () => board.move(0.4), in: () => board.zoom(1 / 2), out: () => board.zoom(2), whole: () => board.whole(),
})) byId(id).addEventListener("click", action);
byId("range").textContent = rangeText(board.window);
// Once more, with everything above the board in its place.
board.show(shown);
happened.tell(shown);
