// The board: lanes under a time axis. Only the lanes in view are drawn, however many there are.
const LEAST_WINDOW_US = 20;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

class Board {
  /**
   * Put a board for `story` into `root`; `say` tells a screen reader what was jumped to, `changed` that the view is another.
   * `row` gives what stands beside the name of a lane, `picked` is told of a lane that was chosen, `gone` of an instant that somebody went to.
   */
  constructor(root, story, { say, changed, row, picked, gone }) {
    this.root = root;
    this.story = story;
    Object.assign(this, { say, changed, row, picked, gone });
    this.window = { from: 0, to: story.duration_us };
    this.chosen = undefined;
    this.pin = undefined;
    this.build();
    this.mirror();
    this.show(story.lanes);
    new ResizeObserver(() => this.resize()).observe(root);
  }

  build() {
    this.names = element("div", { className: "names" });
    this.plot = element("div", { className: "plot" });
    this.canvas = element("div");
    this.line = element("div", { className: "line", hidden: true });
    this.pinLine = element("div", { className: "pin", hidden: true });
    this.plot.append(this.canvas, this.line, this.pinLine);
    this.stage = element("div", { className: "stage" }, this.names, this.plot);
    this.spacer = element("div");
    this.scroller = element("div", { className: "scroller" }, this.stage, this.spacer);
    this.root.append(this.scroller);
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "application");
    this.root.setAttribute("aria-roledescription", "timeline");
    this.root.setAttribute("aria-label", "Timeline of lanes; the table below tells the same in words");
    this.root.setAttribute("aria-describedby", "hint");
    // Whoever scrolls by keyboard has to be able to get there; its keys are those of the board around it.
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute("role", "group");
    this.scroller.setAttribute("aria-label", "Lanes");
    this.tip = element("div", { className: "tip", hidden: true });
    this.tip.setAttribute("role", "tooltip");
    document.body.append(this.tip);
    this.scroller.addEventListener("scroll", () => { if (!this.told) this.hideTip(); this.later(); });
    this.plot.addEventListener("pointerdown", (event) => this.startMoving(event));
    this.plot.addEventListener("pointermove", (event) => this.hover(event));
    this.plot.addEventListener("pointerleave", () => { if (!this.told) this.hideTip(); });
    this.plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.plot.addEventListener("dblclick", (event) => this.zoom(1 / 4, this.timeOf(event)));
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.names.addEventListener("click", (event) => {
      const name = event.target.closest(".name");
      if (name) this.choose(this.story.lanes[Number(name.dataset.lane)]);
    });
  }

  // What is in view.

  /** Show these lanes, in this order. */
  show(lanes) {
    this.lanes = lanes;
    this.pinned = lanes.filter((lane) => lane.pinned);
    this.moving = lanes.filter((lane) => !lane.pinned);
    const top = AXIS + this.pinned.length * ROW;
    const above = this.root.getBoundingClientRect().top + scrollY;
    const room = Math.max(top + 5 * ROW, Math.min(innerHeight - above - 24, 900));
    this.height = Math.max(top + ROW, Math.min(top + this.moving.length * ROW, room));
    this.stage.style.height = `${this.height}px`;
    this.scroller.style.height = `${this.height}px`;
    this.spacer.style.height = `${top + this.moving.length * ROW - this.height}px`;
    this.canvas.style.height = `${this.height}px`;
    this.scroller.scrollTop = Math.min(this.scroller.scrollTop, this.moving.length * ROW);
    this.resize();
  }

  /** Show another story in place of this one, as far as it goes in the same window, with the same lane chosen. */
  retell(story) {
    const name = this.chosen?.name;
    const wasWhole = this.window.to === this.story.duration_us && this.window.from === 0;
    this.story = story;
    this.chosen = story.lanes.find((lane) => lane.name === name);
    this.markOf = undefined;
    this.hideTip();
    if (wasWhole) this.whole(); else this.look(this.window.from, this.window.to);
  }

  resize() {
    const width = this.plot.clientWidth;
    if (!width) return;
    this.width = width;
    if (!this.chart) this.chart = echarts.init(this.canvas, null, { renderer: "canvas", width, height: this.height });
    else this.chart.resize({ width, height: this.height });
    this.later();
  }

  recolour() { this.ink = undefined; this.later(); }

  later() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => { this.due = undefined; this.draw(); });
  }

  /** Show the time from `from` to `to`, as far as there is any. */
  look(from, to) {
    const whole = this.story.duration_us;
    const length = Math.min(Math.max(to - from, Math.min(LEAST_WINDOW_US, whole)), whole);
    const begin = Math.min(Math.max(0, from), whole - length);
    this.window = { from: begin, to: begin + length };
    this.hideTip();
    this.later();
    this.mirror();
    this.changed(this.window);
  }

  /** Say in the document what is in view, for whoever cannot read a canvas. */
  mirror() {
    this.root.dataset.from = String(this.window.from);
    this.root.dataset.to = String(this.window.to);
  }

  /** Make the window `factor` as long, with `at` staying where it is. */
  zoom(factor, at = this.pinInView() ?? (this.window.from + this.window.to) / 2) {
    const { from, to } = this.window;
    this.look(at - (at - from) * factor, at + (to - at) * factor);
  }

  /** Move the window by a part of its length. */
  move(part) {
    const { from, to } = this.window;
    const by = (to - from) * part;
    this.look(from + by, to + by);
  }

  whole() { this.look(0, this.story.duration_us); }

  pinInView() {
    return this.pin && this.pin.at >= this.window.from && this.pin.at <= this.window.to ? this.pin.at : undefined;
  }

  /** Put the pin at an instant, without drawing anything else again. */
  mark(at) {
    this.pin = { at };
    this.placePin();
  }

  placePin() {
    const x = this.pin ? this.xOf(this.pin.at) : -1;
    this.pinLine.hidden = !(x >= 0 && x <= this.width);
    if (!this.pinLine.hidden) this.pinLine.style.left = `${x - 1}px`;
  }

  /** Go to an instant of a lane (undefined: of none), and say what is there. */
  goTo(at, lane, words) {
    this.pin = { at, lane };
    const { from, to } = this.window;
    const whole = this.story.duration_us;
    const length = Math.min(to - from, Math.max(whole / 8, Math.min(whole, 6 * 3_600_000_000)));
    this.look(at - length / 2, at + length / 2);
    if (lane) this.choose(lane, false);
    this.told = [at, lane, words];
    this.draw();
    const where = lane ? `${lane.name}${lane.side ? ` ${lane.side}` : ""}` : "no lane";
    this.say(`${instant(at)}, ${where}: ${words ?? this.statusAt(lane, at)}`);
    this.gone?.(at);
  }

  statusAt(lane, at) {
    const span = lane && this.story.spanAt(lane, at);
    return span ? this.story.text(span[2]) : "status not known";
  }

  choose(lane, aloud = true) {
    this.chosen = lane;
    const row = this.moving.indexOf(lane);
    if (row >= 0) {
      const top = row * ROW;
      const room = this.height - AXIS - this.pinned.length * ROW;
      const scrolled = this.scroller.scrollTop;
      // One that is out of view comes to the middle of it.
      if (top < scrolled || top + ROW > scrolled + room) this.scroller.scrollTop = Math.round((top - room / 2) / ROW) * ROW;
    }
    this.later();
    this.picked?.(lane);
    if (aloud) this.say(`${lane.name} ${lane.side}, ${this.statusAt(lane, (this.window.from + this.window.to) / 2)} in the middle of the view`);
  }

  // Drawing.

  draw() {
    if (!this.chart) return;
    this.ink ??= colours();
    const { ink, window, width } = this;
    const scrolled = this.scroller.scrollTop;
    const pinnedEnd = AXIS + this.pinned.length * ROW;
    const first = Math.max(0, Math.floor(scrolled / ROW));
    const after = Math.min(this.moving.length, Math.ceil((scrolled + this.height - pinnedEnd) / ROW));
    this.placed = [];
    for (let k = first; k < after; k += 1) this.placed.push([this.moving[k], pinnedEnd + k * ROW - scrolled, k]);
    const fixed = this.pinned.map((lane, k) => [lane, AXIS + k * ROW, k]);
    const pieces = this.placed.map(([lane, top, k]) => this.drawn(lane, top, k));
    pieces.push({ type: "group", silent: true, children: [rect(0, 0, width, pinnedEnd, ink.card)] });
    pieces.push(...fixed.map(([lane, top, k]) => this.drawn(lane, top, k)));
    if (this.pinned.length && this.moving.length) pieces.push({ type: "group", silent: true, children: [rect(0, pinnedEnd - 1, width, 2, ink.line)] });
    this.placed.unshift(...fixed);
    this.chart.setOption(this.option(pieces), { notMerge: false, replaceMerge: ["series"], silent: true });
    this.drawNames();
    this.line.hidden = true;
    this.placePin();
    // What was gone to stays told until something else is looked at.
    if (this.told) this.showTip(...this.told);
    this.root.dataset.drawn = String(this.placed.length);
  }

  drawn(lane, top, k) {
    return drawLane(this.story, lane, top, this.window, this.width, this.ink, { chosen: lane === this.chosen, odd: k % 2 === 1 });
  }

  option(pieces) {
    const { ink, window, width } = this;
    const apartUs = ((window.to - window.from) / width) * 104;
    const found = ticks(window.from, window.to, apartUs, this.story.start_us);
    const labelled = found.filter((at) => { const x = this.xOf(at); return x > 40 && x < width - 40; });
    return {
      animation: false,
      grid: { left: 0, right: 0, top: AXIS, bottom: 0 },
      xAxis: {
        type: "value", min: window.from, max: window.to, position: "top", z: 5,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: {
          customValues: labelled, margin: 8, hideOverlap: false, formatter: (at) => this.tickLabel(at),
          rich: { date: { color: ink.text, fontSize: 11, lineHeight: 15, align: "center", fontWeight: 600 }, since: { color: ink.soft, fontSize: 10.5, lineHeight: 14, align: "center" } },
        },
        splitLine: { show: false },
      },
      yAxis: { type: "value", min: 0, max: 1, show: false },
      series: [
        { id: "lanes", type: "custom", silent: true, clip: false, data: pieces.map((_, k) => [window.from, 0, k]), encode: { x: 0, y: 1 }, z: 2,
          renderItem: (params) => pieces[params.dataIndex] },
        { id: "grid", type: "custom", silent: true, clip: false, data: [[window.from, 0]], encode: { x: 0, y: 1 }, z: 3,
          renderItem: () => ({ type: "group", silent: true, children: found.map((at) => ({ type: "rect", silent: true,
            shape: { x: Math.round(this.xOf(at)), y: AXIS, width: 1, height: this.height - AXIS }, style: { fill: ink.soft, opacity: 0.16 } })) }) },
      ],
    };
  }

  tickLabel(at) {
    const wall = dateAt(this.story.start_us + at);
    const midnight = wall.slice(11) === "00:00:00";
    const narrow = this.window.to - this.window.from < 2 * DAY_US;
    const short = midnight ? wall.slice(5, 10) : wall.slice(11).replace(/^(\d\d:\d\d):00$/, "$1");
    const date = narrow && !midnight && this.window.to - this.window.from > 60_000_000 ? `${short}` : short;
    return `{date|${date}}\n{since|${Math.abs(at) < 1 ? "0" : duration(at, 3)}}`;
  }

  drawNames() {
    const shown = `${this.moving.length + this.pinned.length} of ${this.story.lanes.length} lanes`;
    const children = [element("div", { className: "count", textContent: shown, style: `` })];
    children[0].style.height = `${AXIS}px`;
    for (const [lane, top] of this.placed) {
      const name = element("div", { className: "name", title: lane.about }, element("span", { textContent: lane.name }));
      if (lane.side) name.append(element("span", { className: "side", textContent: lane.side }));
      name.classList.toggle("pinned", lane.pinned);
      name.classList.toggle("chosen", lane === this.chosen);
      name.dataset.lane = String(lane.place);
      if (this.row) name.append(...this.row(lane));
      name.style.top = `${top}px`;
      name.style.height = `${ROW}px`;
      children.push(name);
    }
    this.names.replaceChildren(...children);
  }

  xOf(at) { return ((at - this.window.from) / (this.window.to - this.window.from)) * this.width; }

  timeOf(event) {
    const x = event.clientX - this.plot.getBoundingClientRect().left;
    return this.window.from + (x / this.width) * (this.window.to - this.window.from);
  }

  // Pointer, wheel and keys.

  wheel(event) {
    const onAxis = event.clientY - this.plot.getBoundingClientRect().top < AXIS;
    if (event.ctrlKey || event.metaKey || event.altKey || (onAxis && event.deltaY)) {
      event.preventDefault();
      this.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), this.timeOf(event));
    } else if (event.deltaX || event.shiftKey) {
      event.preventDefault();
      this.move((event.deltaX || event.deltaY) / this.width);
    }
  }

  startMoving(event) {
    if (event.button !== 0) return;
    const start = { x: event.clientX, y: event.clientY, window: this.window, scrolled: this.scroller.scrollTop };
    let moved = false;
    const move = (now) => {
      if (!moved && Math.abs(now.clientX - start.x) + Math.abs(now.clientY - start.y) < 4) return;
      moved = true;
      this.plot.classList.add("moving");
      const { from, to } = start.window;
      const by = ((start.x - now.clientX) / this.width) * (to - from);
      this.scroller.scrollTop = start.scrolled + (start.y - now.clientY);
      this.look(from + by, to + by);
    };
    const end = (now) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      this.plot.classList.remove("moving");
      if (!moved) {
        const lane = this.laneAt(now);
        if (lane) this.choose(lane);
        this.gone?.(Math.round(Math.min(Math.max(this.timeOf(now), 0), this.story.duration_us)));
      }
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  laneAt(event) {
    const y = event.clientY - this.plot.getBoundingClientRect().top;
    const pinnedEnd = AXIS + this.pinned.length * ROW;
    const found = (this.placed ?? []).find(([lane, top]) => y >= top && y < top + ROW && (lane.pinned || y >= pinnedEnd));
    return found?.[0];
  }

  hover(event) {
    const lane = this.laneAt(event);
    if (event.buttons || !lane) { this.hideTip(); return; }
    this.told = undefined;
    const time = Math.min(Math.max(this.timeOf(event), 0), this.story.duration_us);
    const near = this.markNear(lane, time);
    const at = near ? near[0] : Math.round(time);
    this.showTip(at, lane, undefined, event, near);
  }

  /** The mark of a lane within a few pixels of an instant, undefined if there is none. */
  markNear(lane, time) {
    const reach = (7 / this.width) * (this.window.to - this.window.from);
    let best;
    const consider = (mark) => {
      if (Math.abs(mark[0] - time) > reach) return;
      const gain = KINDS.indexOf(this.story.text(mark[1]));
      if (!best || gain > best.gain || (gain === best.gain && Math.abs(mark[0] - time) < Math.abs(best.mark[0] - time))) best = { mark, gain };
    };
    for (let k = lastBefore(lane.marks, time - reach) + 1; k < lane.marks.length && lane.marks[k][0] <= time + reach; k += 1) consider(lane.marks[k]);
    for (const [first, last, times, kind, words] of lane.runs) {
      const step = times > 1 ? (last - first) / (times - 1) : 1;
      if (step * (this.width / (this.window.to - this.window.from)) < 4 && times > 1) continue;
      const k = Math.min(times - 1, Math.max(0, Math.round((time - first) / step)));
      consider([runAt(first, last, times, k), kind, words]);
    }
    return best?.mark;
  }

  hideTip() { this.told = undefined; this.tip.hidden = true; this.line.hidden = true; }

  showTip(at, lane, words, event, mark) {
    const { story } = this;
    const span = lane && story.spanAt(lane, at);
    const children = [element("b", { textContent: lane ? [lane.name, lane.side].filter(Boolean).join(" · ") : "the whole" })];
    if (lane?.about) children.push(element("span", { className: "soft", textContent: lane.about }));
    const told = words ?? (mark && story.text(mark[2]));
    if (told) children.push(element("div", { className: "what", textContent: told }));
    const list = element("dl");
    const add = (name, value) => list.append(element("dt", { textContent: name }), element("dd", { textContent: value }));
    if (span) {
      const why = story.text(span[3]);
      add("status", `${story.text(span[2])}${why ? ` (${why})` : ""}`);
      add("", `from ${instant(span[0])} to ${instant(span[1])}, ${duration(span[1] - span[0])}`);
    }
    for (const [start, end, what] of lane?.strips ?? []) if (start <= at && at < end) add("besides", story.text(what));
    add("true time", `${instant(at)} after the start`);
    if (story.server) {
      const wall = story.wallAt(story.server, at);
      add("server's clock", wall === undefined ? "not known" : localDate(wall, story.server.zone));
    }
    if (lane && lane !== story.server && lane.kind !== "network") {
      const wall = story.wallAt(lane, at);
      add(`${lane.kind}'s clock`, wall === undefined ? "not known" : `${localDate(wall, lane.zone)}${offBy(wall - story.start_us - at)}`);
    }
    children.push(list);
    this.tip.replaceChildren(...children);
    this.tip.style.setProperty("--tone", span ? `var(--${toneOf(story.text(span[2]))})` : "var(--accent)");
    this.tip.hidden = false;
    const plot = this.plot.getBoundingClientRect();
    const row = this.placed?.find(([each]) => each === lane);
    const x = event ? event.clientX : plot.left + this.xOf(at);
    const y = event ? event.clientY : plot.top + (row ? row[1] : AXIS) + ROW / 2;
    const size = this.tip.getBoundingClientRect();
    // What was gone to is told beside the lanes, so that the words that led there stay in view.
    const room = x - 16 - size.width > this.root.getBoundingClientRect().left;
    const right = event || !room ? innerWidth : plot.right;
    const left = x + 16 + size.width > right ? x - 16 - size.width : x + 16;
    const top = y + 16 + size.height > innerHeight ? y - 12 - size.height : y + 16;
    this.tip.style.left = `${Math.max(4, left)}px`;
    this.tip.style.top = `${Math.max(4, top)}px`;
    this.line.hidden = false;
    this.line.style.left = `${this.xOf(at)}px`;
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((this.height - AXIS - this.pinned.length * ROW) / ROW) - 1);
    const actions = {
      ArrowLeft: () => this.move(-0.2), ArrowRight: () => this.move(0.2),
      ArrowUp: () => this.step(-1), ArrowDown: () => this.step(1), PageUp: () => this.step(-page), PageDown: () => this.step(page),
      Home: () => this.look(0, this.window.to - this.window.from),
      End: () => this.look(this.story.duration_us - (this.window.to - this.window.from), this.story.duration_us),
      "+": () => this.zoom(1 / 2), "=": () => this.zoom(1 / 2), "-": () => this.zoom(2), 0: () => this.whole(),
      n: () => this.stepMark(1), p: () => this.stepMark(-1), Escape: () => { this.pin = undefined; this.hideTip(); this.later(); },
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  step(by) {
    const all = [...this.pinned, ...this.moving];
    if (!all.length) return;
    const now = all.indexOf(this.chosen);
    this.choose(all[now < 0 ? 0 : Math.min(all.length - 1, Math.max(0, now + by))]);
  }

  /** Go to the next (1) or the previous (-1) mark of the chosen lane, seen from the last place gone to. */
  stepMark(by) {
    if (!this.chosen) this.step(1);
    const marks = [...this.story.marksOf(this.chosen)];
    if (this.markOf !== this.chosen) { this.markOf = this.chosen; this.markPlace = by > 0 ? -1 : marks.length; }
    const place = this.markPlace + by;
    if (place < 0 || place >= marks.length) { this.say("no further mark"); return; }
    this.markPlace = place;
    this.goTo(marks[place][0], this.chosen, this.story.text(marks[place][2]));
  }
}

/** By how much a clock is off, in words; nothing if it is right. */
function offBy(us) {
  if (!us) return "";
  return `, ${duration(Math.abs(us))} ${us > 0 ? "ahead" : "behind"}`;
}

/** The strip above the board: how many nodes were how, and which part of the whole is in view. */
class Overview {
  constructor(root, board) {
    this.root = root;
    this.board = board;
    this.frame = element("div", { className: "window" });
    this.canvas = element("div");
    this.canvas.style.height = "46px";
    root.append(this.canvas, this.frame);
    root.addEventListener("pointerdown", (event) => this.choose(event));
    root.addEventListener("wheel", (event) => {
      event.preventDefault();
      board.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), this.timeOf(event));
    }, { passive: false });
    new ResizeObserver(() => this.draw()).observe(root);
  }

  timeOf(event) {
    const box = this.root.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.board.story.duration_us;
  }

  choose(event) {
    const start = this.timeOf(event);
    const move = (now) => this.board.look(Math.min(start, this.timeOf(now)), Math.max(start, this.timeOf(now)));
    const end = (now) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      if (Math.abs(now.clientX - event.clientX) < 4) {
        const half = (this.board.window.to - this.board.window.from) / 2;
        this.board.look(start - half, start + half);
      }
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
  }

  draw() {
    const width = this.root.clientWidth;
    if (!width) return;
    const { story } = this.board;
    const nodes = this.board.moving;
    const ink = colours();
    const height = 46;
    if (!this.chart) this.chart = echarts.init(this.canvas, null, { renderer: "canvas", width, height });
    else this.chart.resize({ width, height });
    const columns = Math.max(1, Math.floor(width));
    const base = new Float64Array(columns);
    const elements = nodes.length ? shares(story, nodes, columns).map(([tone, heights]) => {
      const up = [];
      const down = [];
      for (let k = 0; k < columns; k += 1) {
        const low = height * (1 - base[k]);
        base[k] += heights[k];
        const high = height * (1 - base[k]);
        up.push(`${k ? "L" : "M"}${k} ${high.toFixed(2)}L${k + 1} ${high.toFixed(2)}`);
        down.push(`L${k + 1} ${low.toFixed(2)}L${k} ${low.toFixed(2)}`);
      }
      return path(`${up.join("")}${down.reverse().join("")}Z`, { fill: ink.tones[tone].fill });
    }) : [];
    this.chart.setOption({
      animation: false,
      grid: { left: 0, right: 0, top: 0, bottom: 0 },
      xAxis: { type: "value", min: 0, max: 1, show: false },
      yAxis: { type: "value", min: 0, max: 1, show: false },
      series: [{ type: "custom", silent: true, clip: false, data: [[0, 0]], renderItem: () => ({ type: "group", silent: true, children: elements }) }],
    }, { notMerge: true, silent: true });
    this.follow(this.board.window);
  }

  follow({ from, to }) {
    const whole = this.board.story.duration_us;
    this.frame.style.left = `${(from / whole) * 100}%`;
    this.frame.style.width = `max(6px, ${((to - from) / whole) * 100}%)`;
    this.frame.hidden = from <= 0 && to >= whole;
  }
}
