// The world at the cursor: it is asked for, one question at a time, and shown beside the lanes.
const MOST_ROWS = 80;

/** Make an element of `entries`, [term, value] pairs of which the empty ones are left out. */
function listOf(list, entries) {
  list.replaceChildren(...entries.filter(([, value]) => value !== undefined && value !== "" && value !== null)
    .flatMap(([term, value]) => [element("dt", { textContent: term }), element("dd", {}, ...[value].flat())]));
}

function swatchOf(status) {
  const swatch = element("span", { className: "swatch" });
  swatch.style.setProperty("--tone", `var(--${toneOf(status)})`);
  return swatch;
}

/** Both clocks of a host in words, and short: to the second, without the year. */
function clocksOf({ wall_us: wall, boot_us: boot, off_us: off }, zone = "UTC") {
  const seconds = (text) => text.replace(/\.\d+$/, "");
  const short = `${seconds(dateAt(wall, aheadOf(zone, wall))).slice(5)}${off ? ` (${off > 0 ? "+" : ""}${duration(off)})` : ""} · boot ${seconds(instant(boot))}`;
  return { wall: `${localDate(wall, zone)}${offBy(off)}`, boot: instant(boot), short };
}

class World {
  /** `parts` are the elements to fill, `asked` gives [world, at, lanes in view, chosen lane], `shown` is told of each new view, `failed` why there is none, `statusOf` what a lane shows now. */
  constructor(parts, { asked, shown, failed, statusOf, act }) {
    Object.assign(this, { parts, asked, shown, failed, statusOf, act });
    this.rows = new Map();
    this.rulings = new Map();
    this.open = new Set();
  }

  /** Ask for the world at the cursor; while a question is open, once more after it. It is settled when the answers are there. */
  ask() {
    this.again = true;
    this.asking ??= this.askAgain().finally(() => { this.asking = undefined; });
    return this.asking;
  }

  async askAgain() {
    try {
      do {
        this.again = false;
        const [number, at, places, host] = this.asked();
        const rows = places.slice(0, MOST_ROWS).join(",");
        const answer = await fetch(`world?world=${number}&at=${at}&rows=${rows}${host === undefined ? "" : `&host=${host}`}`);
        const seen = await answer.json();
        if (seen.message) {
          // Of a world that is no longer shown nobody wants to hear.
          if (number === this.asked()[0]) this.failed(seen.message);
          continue;
        }
        this.seen = seen;
        this.rows = new Map(seen.rows);
        this.show(seen);
      } while (this.again);
    } catch {
      // The console is out of reach; its events say when it is back.
    }
  }

  /** What stands beside the name of a lane: how it is now, and its two clocks. */
  rowOf(lane) {
    const { seen } = this;
    if (!seen) return [];
    if (lane.kind === "network") return [this.now(seen.network.status, [])];
    if (lane.kind === "server") {
      if (lane.place) return [];
      const { server } = seen;
      return [this.now(server.status, [slotsOf(server)], clocksOf(server))];
    }
    const row = this.rows.get(lane.node);
    if (!row) { this.missing?.(); return []; }
    const more = [];
    if (row.slot) more.push(element("span", { className: "slot", textContent: "slot" }));
    if (!row.access) more.push(element("span", { className: "soft", textContent: "no access" }));
    if (row.failure !== "none") more.push(element("span", { className: "fails", textContent: String(row.failure) }));
    return [this.now(row.status, more, clocksOf(row, lane.zone))];
  }

  now(status, more, clocks) {
    const words = element("div", {}, swatchOf(status), element("span", { textContent: status }), ...more);
    const lines = [words];
    if (clocks) lines.push(element("div", { className: "clocks", textContent: clocks.short, title: `wall clock ${clocks.wall}; boot-time clock ${clocks.boot}` }));
    return element("div", { className: "now" }, ...lines);
  }

  show(seen) {
    this.showEvents(seen.events);
    this.showRules(seen.rules);
    this.parts.judged.textContent = `What the rules say of the history up to ${seen.instant}. Its digest: ${seen.digest.slice(0, 12)}`;
    this.parts.judged.dataset.digest = seen.digest;
    this.parts.judged.dataset.at = String(seen.at_us);
    this.parts.judged.dataset.world = String(seen.world);
    this.shown(seen);
  }

  /** Tell of the chosen lane. */
  details(lane) {
    const { seen } = this;
    const { title, details } = this.parts;
    title.textContent = lane?.name ?? "server";
    if (!seen) return;
    if (lane?.place && lane.kind === "server") {
      listOf(details, [["machine", lane.about], ["status", this.statusOf(lane)]]);
      return;
    }
    if (!lane || lane.kind === "server") {
      const { server } = seen;
      const clocks = clocksOf(server);
      listOf(details, [["status", [swatchOf(server.status), ` ${server.status}`]], ["address", server.address], ["slots", slotsOf(server)],
        ["wall clock", clocks.wall], ["boot-time clock", clocks.boot]]);
      return;
    }
    if (lane.kind === "network") {
      listOf(details, [["status", [swatchOf(seen.network.status), ` ${seen.network.status}`]], ["why", seen.network.because]]);
      return;
    }
    if (!seen.host || seen.host[0] !== lane.node) return;
    const host = seen.host[1];
    const clocks = clocksOf(host, host.zone);
    const page = host.page ? element("a", { href: host.page, target: "_blank", rel: "noopener", textContent: "Registration Management" }) : "";
    listOf(details, [
      ["status", [swatchOf(host.status), ` ${host.status}`, host.known === host.status ? "" : ` (${host.known} before that)`]],
      ["access", host.access ? "open" : "closed"],
      ["slot", host.slot === null ? "not known" : host.slot ? "held at the server" : "none"],
      ["failure shown", String(host.failure)],
      ["last contact", host.contact_us === null ? "never" : `${instant(host.contact_us)}, ${duration(seen.at_us - host.contact_us)} ago`],
      ["path", host.path.join(", ")],
      ["wall clock", clocks.wall], ["boot-time clock", clocks.boot],
      ["address", `${host.address}, ${host.about.join(", ")}`],
      ["failures", host.failed ? `${host.failed}, the last at ${instant(host.last_failure[0])}: ${host.last_failure[1]}` : "none"],
      ["page", page],
    ]);
  }

  showEvents(events) {
    const { events: list } = this.parts;
    keepFocus(list, () => list.replaceChildren(...events.map((event) => {
      const go = element("button", { type: "button", className: "go", onclick: () => this.act({ do: "jump", at_us: event.at_us }) },
        element("span", { className: "when", textContent: event.instant }), event.told);
      go.dataset.key = `go ${event.index}`;
      const take = element("button", { type: "button", className: "tool take", textContent: "×", title: "Take it back", onclick: () => this.act({ do: "remove", index: event.index }) });
      take.setAttribute("aria-label", `Take back ${event.told}`);
      take.dataset.key = `take ${event.index}`;
      return element("li", {}, go, element("span", { className: `badge ${event.state === "in force" ? "now" : ""}`, textContent: event.state }), take);
    })));
    if (!events.length) list.replaceChildren(element("li", {}, element("span", { className: "soft", textContent: "Nothing yet but registrations and polls." })));
  }

  showRules(rules) {
    const { rules: list } = this.parts;
    const judged = rules.filter((rule) => rule.ruling !== "unknown" || rule.trouble);
    keepFocus(list, () => list.replaceChildren(...judged.map((rule) => this.rule(rule))));
    if (!judged.length) list.replaceChildren(element("li", {}, element("span", { className: "soft", textContent: "Nothing has put any rule to the test yet." })));
    this.rulings = new Map(judged.map((rule) => [rule.id, rule.ruling]));
  }

  rule(rule) {
    const count = (number) => number.toLocaleString("en");
    const times = rule.ruling === "violated" ? `violated ${count(rule.violations)} of ${count(rule.tested)}` : rule.ruling === "held" ? `held ${count(rule.tested)}×` : "not judged";
    const words = element("button", { type: "button", className: "go words", textContent: rule.title });
    words.dataset.key = rule.id;
    const found = element("div", { className: "found", hidden: !this.open.has(rule.id) });
    words.setAttribute("aria-expanded", String(!found.hidden));
    words.addEventListener("click", () => {
      if (!this.open.delete(rule.id)) this.open.add(rule.id);
      found.hidden = !this.open.has(rule.id);
      words.setAttribute("aria-expanded", String(!found.hidden));
    });
    found.append(...rule.findings.map(([at, who, what], k) => {
      const go = element("button", { type: "button", className: "go", onclick: () => this.act({ do: "jump", at_us: at }) },
        element("span", { className: "when", textContent: `${instant(at)}, ${who}` }), what);
      go.dataset.key = `${rule.id} ${k}`;
      return go;
    }));
    if (!rule.findings.length) found.append(element("p", { className: "soft", textContent: rule.trouble || "None of these occasions stands out." }));
    const item = element("li", {}, element("span", { className: "id", textContent: rule.id }), words, element("span", { className: `badge ${rule.ruling}`, textContent: times }), found);
    item.dataset.rule = rule.id;
    const before = this.rulings.get(rule.id);
    if (this.rulings.size && before !== rule.ruling) item.className = "turned";
    return item;
  }
}

function slotsOf({ slots, capacity }) { return `${slots === null ? "?" : slots.toLocaleString("en")} of ${capacity.toLocaleString("en")} slots`; }

/** Fill a list anew, and leave the focus on what it was on. */
function keepFocus(list, fill) {
  const key = list.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const top = list.scrollTop;
  fill();
  list.scrollTop = top;
  if (key) list.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}
