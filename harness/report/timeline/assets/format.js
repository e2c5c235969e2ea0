// Times as people read them. All instants are whole microseconds: since the start, or since the Unix epoch for dates.
const UNITS = [["d", 86_400_000_000], ["h", 3_600_000_000], ["m", 60_000_000], ["s", 1_000_000], ["ms", 1_000], ["us", 1]];
const DAY_US = UNITS[0][1];

function two(number) { return String(number).padStart(2, "0"); }

/** A duration in its two largest parts, such as "23h 5m"; with `parts` in more. */
function duration(us, parts = 2) {
  let left = Math.abs(Math.round(us));
  const found = [];
  for (const [unit, size] of UNITS) {
    const amount = Math.floor(left / size);
    left -= amount * size;
    if (amount && found.length < parts) found.push(`${amount}${unit}`);
  }
  return (us < 0 ? "-" : "") + (found.join(" ") || "0s");
}

function clockFace(ofDayUs, precise = true) {
  const seconds = Math.floor(ofDayUs / 1_000_000);
  const rest = ofDayUs % 1_000_000;
  const face = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return precise && rest ? `${face}.${String(rest).padStart(6, "0")}` : face;
}

/** An instant of the story, such as "1d 01:30:00" or "0d 00:00:00.000005". */
function instant(us) {
  const whole = Math.round(us);
  return `${Math.floor(whole / DAY_US)}d ${clockFace(whole % DAY_US)}`;
}

function modulo(number, by) { return ((number % by) + by) % by; }

/** A date, by a clock that is so far ahead of UTC: "2026-03-01 02:00:00". */
function dateAt(wallUs, aheadUs = 0) {
  const local = Math.round(wallUs) + aheadUs;
  const ofDay = modulo(local, DAY_US);
  const day = new Date((local - ofDay) / 1000);
  if (Number.isNaN(day.getTime())) return "far from any calendar";
  return `${day.toISOString().slice(0, 10)} ${clockFace(ofDay)}`;
}

const zones = new Map();

/** How far a time zone is ahead of UTC at an instant, in microseconds. */
function aheadOf(zone, wallUs) {
  const offset = /^UTC(?:([+-])(\d\d):(\d\d))?$/.exec(zone);
  if (offset) return offset[1] ? (offset[1] === "-" ? -1 : 1) * (offset[2] * 60 + Number(offset[3])) * 60_000_000 : 0;
  try {
    if (!zones.has(zone)) zones.set(zone, new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }));
    const part = zones.get(zone).formatToParts(new Date(wallUs / 1000)).find((each) => each.type === "timeZoneName");
    const found = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(part.value);
    return found[1] ? (found[1] === "-" ? -1 : 1) * (found[2] * 60 + Number(found[3])) * 60_000_000 : 0;
  } catch {
    return 0;
  }
}

/** A date as a host of that time zone shows it. */
function localDate(wallUs, zone) {
  return `${dateAt(wallUs, aheadOf(zone, wallUs))} ${zone}`;
}

/** The distances between ticks that people count in. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap((n) => [n, n * 1_000])
  .concat([1, 2, 5, 10, 15, 30].flatMap((n) => [n * 1_000_000, n * 60_000_000]))
  .concat([1, 2, 3, 6, 12].map((n) => n * 3_600_000_000))
  .concat([1, 2, 4, 7, 14, 28, 91, 182, 364, 1820, 3640, 36400].map((n) => n * DAY_US))
  .sort((a, b) => a - b);

/** The instants from `from` to `to` that get a tick, at least `apart` of them from one another: whole by the clock on the wall. */
function ticks(from, to, apart, startWallUs) {
  const step = STEPS.find((each) => each >= apart) ?? STEPS.at(-1);
  const base = modulo(startWallUs, step > DAY_US ? DAY_US : step);
  const found = [];
  for (let at = Math.ceil((from + base) / step) * step - base; at <= to; at += step) found.push(at);
  return found;
}
