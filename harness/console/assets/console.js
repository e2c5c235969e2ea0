// The console's page: it puts the parts together, hears what the console tells, and says what somebody does.
const byId = (id) => document.getElementById(id);
const EMPTY = { title: "", start_us: 0, duration_us: 1, texts: [], lanes: [], rules: [], expectations: [] };
const filters = { text: "", status: undefined };
let state;
let told;

function say(words) { byId("told").textContent = words; }

function message(words) {
  byId("message-words").textContent = words ?? "";
  byId("message").hidden = !words;
}

/** Say something to the console; return why it was not done, if it was not. */
async function post(words) {
  try {
    const answer = await fetch("say", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(words) });
    return (await answer.json()).message;
  } catch {
    return "The console is out of reach. Nothing is lost: it is told again when it is back.";
  }
}

async function act(words) {
  const problem = await post({ cursor_us: cursor.now, ...words });
  message(problem);
  return problem;
}

// The lanes.

const board = new Board(byId("board"), new Story(EMPTY), {
  say,
  changed(window) { overview?.follow(window); },
  row: (lane) => world.rowOf(lane),
  picked() { offer(); world.ask(); },
  gone: (at) => act({ do: "jump", at_us: at }),
});
let overview = new Overview(byId("overview"), board);

const world = new World({ title: byId("host-title"), details: byId("details"), events: byId("events"), rules: byId("rules"), judged: byId("judged") }, {
  asked() {
    // The lanes may still be those of the world before, which had nodes that this one has not.
    const isThere = (place) => place < state.nodes;
    return [state.world, cursor.now, (board.placed ?? []).map(([lane]) => lane.node).filter(isThere), [board.chosen?.node].find(isThere)];
  },
  shown(seen) {
    if (board.placed) board.drawNames();
    world.details(board.chosen);
    showCounts(seen.counts);
    showBeside(seen.beside);
  },
  failed: message,
  statusOf: (lane) => board.statusAt(lane, cursor.now),
  act,
});
world.missing = () => { clearTimeout(world.due); world.due = setTimeout(() => world.ask(), 30); };

const actions = new Actions(byId("actions"), act);

function offer() {
  const lane = board.chosen ?? { name: "server", kind: "server" };
  actions.offer(lane);
  world.details(lane);
}

const cursor = new Cursor((at) => {
  board.mark(at);
  byId("instant").textContent = cursor.runs ? instant(at).replace(/\.\d+$/, "") : instant(at);
  byId("date").textContent = `${dateAt((state?.start_us ?? 0) + at).replace(/\.\d+$/, "")} UTC`;
  if (!state) return;
  follow(at);
  world.ask();
  if (!cursor.runs) showPlay();
});

/** Keep the cursor in view. */
function follow(at) {
  const { from, to } = board.window;
  if (at >= from && at <= to) return;
  const length = to - from;
  board.look(at - length * (cursor.rate ? 0.1 : 0.5), at + length * (cursor.rate ? 0.9 : 0.5));
}

// What the console tells.

function hear(now) {
  const before = state;
  state = now;
  document.title = `${now.title} - fdl-harness console`;
  byId("title").textContent = now.title;
  showBranches();
  cursor.told(now);
  cursor.moved(cursor.now);
  showPlay();
  document.body.dataset.version = String(now.version);
  if (before?.world !== now.world) tell();
}

/** Get the story of the world that is shown now, and show its lanes. */
async function tell() {
  const number = state.world;
  byId("waiting").textContent = "The lanes are being drawn up ...";
  // How the world is now comes first: of a large fleet the story takes seconds.
  await world.ask();
  let data;
  try {
    const answer = await fetch(`story?world=${number}`);
    if (answer.ok) data = await answer.json();
  } catch { /* Its events say when the console is back. */ }
  if (state.world !== number) return;
  byId("waiting").textContent = "";
  if (!data) return;
  const story = new Story(data);
  let place = 0;
  for (const lane of story.lanes) if (lane.kind === "node") { lane.node = place; place += 1; }
  board.retell(story);
  board.chosen ??= story.server;
  told = number;
  filter();
  offer();
  document.body.dataset.told = String(number);
}

const source = new EventSource("events");
source.addEventListener("state", (event) => { connected(true); hear(JSON.parse(event.data)); });
source.addEventListener("error", () => {
  connected(false);
  if (source.readyState === EventSource.CLOSED) message("The console has ended, or has another address now: it prints its address when it is started.");
});

let isConnected = true;
function connected(now) {
  if (isConnected === now) return;
  isConnected = now;
  if (now) { message(); if (told !== state?.world && state) tell(); }
  showBadges();
}

// What is shown of the session.

function showBadges() {
  if (!state) return;
  const branch = state.branches[state.chosen];
  const badge = (words, tone = "") => element("span", { className: `badge ${tone}`, textContent: words });
  const found = [badge(branch.outcome, branch.outcome), badge("simulated", "simulated"), badge(`reading ${state.reading}`), badge(`seed ${state.seed}`), badge(state.file),
    ...branch.systems.map((system) => badge(`under test: ${system}`))];
  if (branch.violated.length) found.splice(1, 0, badge(`violated: ${branch.violated.join(", ")}`, "violated"));
  if (branch.expected) found.push(badge(`${branch.met} of ${branch.expected} expectations met`, branch.met < branch.expected ? "missed" : ""));
  for (const trouble of branch.troubles) found.push(badge(trouble, "violated"));
  if (!isConnected) found.unshift(badge("not connected, trying again", "offline"));
  byId("badges").replaceChildren(...found.flatMap((each) => [each, " "]));
}

function showBranches() {
  showBadges();
  const { branches, chosen } = state;
  const tabs = branches.map((branch, place) => {
    const tab = element("button", { type: "button", className: "chip branch", textContent: branch.name, onclick: () => act({ do: "choose", branch: place }) });
    tab.dataset.key = `tab ${place}`;
    tab.setAttribute("aria-pressed", String(place === chosen));
    return tab;
  });
  keepFocus(byId("branches"), () => byId("branches").replaceChildren(...tabs));
  const rows = branches.map((branch, place) => {
    const close = element("button", { type: "button", className: "tool take", textContent: "×", disabled: branches.length === 1, onclick: () => act({ do: "close", branch: place }) });
    close.setAttribute("aria-label", `Close ${branch.name}`);
    close.dataset.key = `close ${place}`;
    const now = element("span", { className: "beside-now", textContent: "" });
    const cells = [branch.name, branch.told.join("; ") || "nothing", now, element("span", { className: `badge ${branch.outcome}`, textContent: branch.outcome }), branch.violated.join(", ") || "none",
      String(branch.held), branch.expected ? `${branch.met} of ${branch.expected}` : "none stated", element("code", { textContent: branch.digest.slice(0, 16), title: branch.digest }), close];
    const row = element("tr", { className: place === chosen ? "chosen" : "" }, ...cells.map((cell) => element("td", {}, cell)));
    row.dataset.digest = branch.digest;
    return row;
  });
  keepFocus(byId("compared"), () => byId("compared").replaceChildren(...rows));
  if (world.seen) showBeside(world.seen.beside);
  for (const [id, words] of [["undo", branches[chosen].undo], ["redo", branches[chosen].redo]]) {
    byId(id).disabled = !words;
    byId(id).title = words ?? "";
  }
}

/** How the nodes of each branch are at the cursor. */
function showBeside(beside) {
  for (const [place, now] of [...document.querySelectorAll(".beside-now")].entries()) {
    now.replaceChildren(...(beside[place] ?? []).map(([status, count]) => element("div", {}, swatchOf(status), ` ${status} ${count.toLocaleString("en")}`)));
  }
}

function showPlay() {
  const { runs } = cursor;
  byId("play").textContent = runs ? "Pause" : "Play";
  byId("play").setAttribute("aria-pressed", String(runs));
}

function showCounts(counts) {
  const chips = counts.map(([status, count]) => {
    const chip = element("button", { type: "button", className: "chip" }, swatchOf(status), ` ${status} ${count.toLocaleString("en")}`);
    chip.dataset.key = status;
    chip.setAttribute("aria-pressed", String(filters.status === status));
    chip.addEventListener("click", () => { filters.status = filters.status === status ? undefined : status; filter(); showCounts(counts); });
    return chip;
  });
  keepFocus(byId("counts"), () => byId("counts").replaceChildren(...chips));
}

/** Show the lanes that match; with a status those that have it at the cursor now. */
function filter() {
  const { story } = board;
  const matches = matcher(filters.text);
  const at = cursor.now;
  const has = (lane) => { const span = story.spanAt(lane, at); return span && story.text(span[2]) === filters.status; };
  board.show(story.lanes.filter((lane) => lane.pinned || (matches(lane) && (!filters.status || has(lane)))));
  overview.draw();
}

// What somebody does.

function play() { act(cursor.runs ? { do: "pause" } : { do: "play", rate: speed() }); }

function speed() {
  const { value } = byId("speed");
  return value === "all" ? Math.max(1, Math.ceil(state.duration_us / 10_000_000)) : Number(value);
}

byId("play").addEventListener("click", play);
byId("speed").addEventListener("change", () => { if (cursor.runs) act({ do: "play", rate: speed() }); });
for (const button of document.querySelectorAll("[data-step]")) button.addEventListener("click", () => act({ do: "step", by: Number(button.dataset.step) }));
for (const button of document.querySelectorAll("[data-by]")) button.addEventListener("click", () => act({ do: "jump", at: button.dataset.by }));
for (const button of document.querySelectorAll("[data-jump]")) button.addEventListener("click", () => act({ do: "jump", at_us: button.dataset.jump === "end" ? state.duration_us : 0 }));
byId("jump").addEventListener("submit", (event) => { event.preventDefault(); act({ do: "jump", at: byId("jump-to").value }); });
byId("undo").addEventListener("click", () => act({ do: "undo" }));
byId("redo").addEventListener("click", () => act({ do: "redo" }));
byId("branch").addEventListener("click", () => act({ do: "branch" }));
byId("message-close").addEventListener("click", () => message());
byId("filter").addEventListener("input", (event) => { filters.text = event.target.value; filter(); });
byId("save").addEventListener("click", () => { byId("save").href = `file?world=${state.world}&at=${cursor.now}&name=${encodeURIComponent(fileName())}`; });
for (const [id, action] of Object.entries({ in: () => board.zoom(1 / 2), out: () => board.zoom(2), whole: () => board.whole() })) byId(id).addEventListener("click", action);

/** What a saved file is called: as the one that was opened, with the branch. */
function fileName() {
  const stem = state.file.split(/[\\/]/).pop().replace(/\.toml$/, "").replace(/[<>]/g, "");
  const branch = state.branches[state.chosen].name.replace(/[^\w-]+/g, "-");
  return `${stem}-${branch}.toml`;
}

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select, button, a, dialog, summary")) return;
  const action = { " ": play, "[": () => act({ do: "step", by: -1 }), "]": () => act({ do: "step", by: 1 }) }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

setUpText({ current: () => state.world, open: (text) => post({ do: "open", text }) });
setUpTheme(() => { board.recolour(); overview.draw(); });
