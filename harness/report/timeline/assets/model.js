// The story, as it stands in the page, with what can be asked of it.
// The kinds of marks, those that matter most last: they are drawn over the others, and told before them.
const KINDS = ["poll", "unbind", "register", "slot", "event", "seen", "note", "failure"];

/** The place of the last of `rows` that starts at or before `at`, by their first value; -1 if none does. */
function lastBefore(rows, at) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

class Story {
  constructor(data) {
    Object.assign(this, data);
    const { texts } = data;
    this.lanes = data.lanes.map((lane, place) => {
      const statuses = new Set(lane.spans.map((span) => texts[span[2]]));
      const byKind = new Map(KINDS.map((kind) => [kind, []]));
      for (const mark of lane.marks) byKind.get(texts[mark[1]]).push(mark);
      return { ...lane, place, statuses, byKind, pinned: lane.kind !== "node", text: `${lane.name} ${lane.side} ${lane.about}`.toLowerCase() };
    });
    this.server = this.lanes.find((lane) => lane.kind === "server");
  }

  text(place) { return this.texts[place]; }

  /** The span of a lane at an instant: [start, end, status, because]; the last one includes its end. */
  spanAt(lane, at) {
    const span = lane.spans[lastBefore(lane.spans, at)];
    return span && (at < span[1] || span[1] === this.duration_us) ? span : undefined;
  }

  /** What a lane's wall clock showed at an instant, undefined if nobody knows. */
  wallAt(lane, at) {
    const piece = lane.clock[lastBefore(lane.clock, at)];
    if (!piece || at > piece[1]) return undefined;
    const [start, end, startWall, endWall] = piece;
    const gained = (endWall - startWall) - (end - start);
    return startWall + (at - start) + (end > start ? Math.floor(gained * ((at - start) / (end - start))) : 0);
  }

  /** Whether anything ever failed on a lane. */
  failed(lane) {
    return lane.byKind.get("failure").length > 0 || lane.statuses.has("rejected") || lane.statuses.has("lapsed");
  }

  /** All marks of a lane in order of time, runs spread out: [at, kind, words]. At most `most` of a run are. */
  *marksOf(lane, most = Infinity) {
    const spread = lane.runs.flatMap(([first, last, times, kind, words]) => {
      const found = [];
      for (let k = 0; k < Math.min(times, most); k += 1) found.push([runAt(first, last, times, k), kind, words]);
      return found;
    });
    yield* [...lane.marks, ...spread].sort((a, b) => a[0] - b[0]);
  }
}

/** When the k-th mark of a run is, from 0. */
function runAt(first, last, times, k) {
  return times > 1 ? first + Math.round((last - first) * (k / (times - 1))) : first;
}

/** What a filter means: parts between commas of which one must occur, "*" for anything, "^" not needed. */
function matcher(text) {
  const parts = text.toLowerCase().split(",").map((part) => part.trim()).filter(Boolean);
  const patterns = parts.map((part) => {
    const body = part.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
    return new RegExp(part.includes("*") ? `^${body}(?![^ ])` : body);
  });
  return (lane) => !patterns.length || patterns.some((pattern) => pattern.test(lane.text));
}
