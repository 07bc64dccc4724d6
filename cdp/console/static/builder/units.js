// Durations and instants as the builder's fields hold them, and back.
const DAY = 86_400_000;
export const SIZES = { w: 7 * DAY, d: DAY, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

// What is not filled in yet: `write` throws it, and the builder waits.
export class Unfinished extends Error {}

// 5400000 → {n: "90", unit: "m"}; the largest unit that is exact, as texts have it.
export function duration(ms) {
  if (!ms) return { n: "0", unit: "s" };
  const unit = ["d", "h", "m", "s", "ms"].find((one) => ms % SIZES[one] === 0);
  return { n: String(ms / SIZES[unit]), unit };
}

export function msOf({ n, unit }) {
  if (!/^\d{1,15}$/.test(String(n ?? "").trim())) throw new Unfinished("a number");
  return Number(n) * SIZES[unit];
}

// 1769817600000 → {date: "2026-01-31", time: ""}, in UTC; midnight needs no time.
export function instant(at) {
  const [date, time] = new Date(at).toISOString().split("T");
  return { date, time: time.replace("Z", "").replace(/\.000$/, "").replace(/^00:00:00$/, "") };
}

export function atOf({ date, time }) {
  const at = Date.parse(`${date}T${time || "00:00:00"}Z`);
  if (!date || Number.isNaN(at)) throw new Unfinished("a date");
  return at;
}
