// What nodes and edges say. Names of templates and the prose of conditions come from the server.
const UNITS = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day", w: "week" };
const DAYS = { mon: "Monday", tue: "Tuesday", wed: "Wednesday", thu: "Thursday", fri: "Friday", sat: "Saturday", sun: "Sunday" };

export function duration(text) {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(String(text ?? "").trim());
  return found ? `${found[1]} ${UNITS[found[2]]}${found[1] === "1" ? "" : "s"}` : String(text ?? "");
}

const cut = (text, most = 60) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const list = (names) => names.filter(Boolean).join(", ");

export class Words {
  constructor(titles, shapes) {
    this.titles = titles;
    this.shapes = shapes;
    const brought = Object.entries(shapes).filter(([kind]) => !(kind in NAMES));
    for (const [kind, { title }] of brought) NAMES[kind] = title;
    if (brought.length) MENU.splice(-1, 0, ["From plugins", brought.map(([kind, { title, about }]) => [kind, title, about])]);
    this.prose = {};
    this.ids = {};
    this.duration = duration;
  }

  // What the server said of the journey: ids of steps by place, conditions in prose by text.
  learn({ ids, prose }) {
    this.ids = ids ?? {};
    this.prose = prose ?? {};
  }

  short(condition) { return cut(this.prose[condition] ?? condition ?? ""); }

  title(kind, key) { return this.titles[kind]?.[key]?.name ?? key ?? ""; }

  channel(key) { return this.titles.template?.[key]?.sub ?? ""; }

  // What a step does, in a few words; "" if it still says nothing.
  step({ kind, spec, raw }) {
    const say = SAY[kind];
    return say ? cut(say(spec, this) || "", 90) : kind ? "" : JSON.stringify(raw ?? null).slice(0, 60);
  }

  trigger(body) {
    const spec = body.trigger ?? {};
    const kind = Object.keys(TRIGGERS).find((name) => spec[name]);
    const said = kind ? TRIGGERS[kind](spec, this) : "Say what begins it";
    return cut([said, body.if ? `if ${this.short(body.if)}` : ""].filter(Boolean).join(", "), 110);
  }
}

const where = (spec, words) => (spec.where ? ` where ${words.short(spec.where)}` : "");
const SAY = {
  send: (s, w) => (s.first_of?.length ? `${list(s.first_of.map((key) => w.title("template", key)))}: the first that reaches` : w.title("template", s.template)),
  wait: (s, w) => list([
    s.for && duration(s.for), s.date && `until ${s.before ? `${duration(s.before)} before ` : s.after ? `${duration(s.after)} after ` : ""}${w.short(s.date)}`,
    s.on?.length && `on ${s.on.map((day) => DAYS[day] ?? day).join(" or ")}`, s.until && `${s.date ? "at" : "until"} ${s.until}`, s.hours && `between ${s.hours.start} and ${s.hours.end}`, s.jitter && `up to ${duration(s.jitter)} more`,
  ]),
  wait_until: (s, w) => (s.any ? list(s.any.map((one) => one.name || one.event || w.short(one.if))) : s.event ? s.event + where(s, w) : w.short(s.if)) + (s.timeout ? `, for ${duration(s.timeout)} at most` : ""),
  branch: (s) => `${(s.ways ?? []).length} way${(s.ways ?? []).length === 1 ? "" : "s"} by condition`,
  split: (s) => `${(s.ways ?? []).length} ways by lot`,
  experiment: (s) => s.name || list((s.variants ?? []).map(({ name }) => name)),
  holdout: (s) => (s.share === undefined ? "" : `${s.share} % get nothing more`),
  update: (s) => list(Object.entries(s.traits ?? {}).map(([name, value]) => `${name} = ${typeof value === "object" ? "…" : value}`)),
  set: (s) => list(Object.keys(s.variables ?? {})),
  emit: (s) => s.event,
  webhook: (s) => `${s.method ?? "POST"} ${(s.url ?? "").replace(/^https?:\/\//, "")}`,
  add_to: (s, w) => w.title("audience", s.audience),
  remove_from: (s, w) => w.title("audience", s.audience),
  call: (s, w) => w.title("journey", s.journey),
  rate: (s) => (s.count ? `${Number(s.count).toLocaleString("en")} people in ${duration(s.per)}` : ""),
  approval: (s) => s.question,
  goto: (s) => (s.step ? `${s.step}, ${s.most ?? 10} times at most` : ""),
  exit: (s) => s.reason,
};
const TRIGGERS = {
  event: (s, w) => `Somebody does ${s.event}${where(s, w)}`,
  enters: (s, w) => `Somebody enters ${w.title("audience", s.enters)}`,
  leaves: (s, w) => `Somebody leaves ${w.title("audience", s.leaves)}`,
  trait: (s) => `The trait ${s.trait} changes${s.from !== undefined ? ` from ${s.from}` : ""}${s.to !== undefined ? ` to ${s.to}` : ""}`,
  date: (s) => `${s.before ? `${duration(s.before)} before ` : s.after ? `${duration(s.after)} after ` : "On "}the date ${s.date}${s.yearly ? ", every year" : ""}`,
  every: (s, w) => `Every ${s.every}, for everybody in ${w.title("audience", s.audience)}`,
  api: () => "A call of the API",
  webhook: () => "A call from outside",
  group: () => "Somebody joins an account",
  called: () => "Another journey starts it",
};

// Kinds in the menu that adds a step, in groups, with what people look for.
export const MENU = [
  ["Messages", [["send", "Send a message", "email, text, push, in-app"]]],
  ["Time", [["wait", "Wait", "for a time, until a day or date"], ["wait_until", "Wait until something happens", "with what to do if it does not"], ["rate", "Let only so many through", "a limit for a time"], ["approval", "Wait for approval", "somebody decides"]]],
  ["Ways", [["branch", "Branch by condition", "if … then … else"], ["split", "Split by lot", "shares in per cent"], ["experiment", "Experiment", "variants, with a goal and a winner"], ["holdout", "Hold some out", "to see what it brings about"], ["goto", "Go back to a step", "a number of times"]]],
  ["Data", [["update", "Set traits", "of the person"], ["add_to", "Put on a list", ""], ["remove_from", "Take off a list", ""], ["emit", "Say an event", "in the person’s name"], ["set", "Remember something", "for later steps"]]],
  ["Elsewhere", [["webhook", "Call an address", "and use the answer"], ["call", "Start another journey", ""]]],
  ["End", [["exit", "End the journey", ""]]],
];
export const NAMES = { ...Object.fromEntries(MENU.flatMap(([, items]) => items.map(([kind, name]) => [kind, name]))), wait_until: "Wait until" };

// What a new step says before anybody has touched it.
export const FRESH = {
  wait: { for: "1d" }, branch: { ways: [{ when: "", then: [] }, { else: [] }] }, split: { ways: [{ share: 50 }, { share: 50 }] },
  experiment: { variants: [{ name: "a", share: 50 }, { name: "b", share: 50 }] }, holdout: { share: 10 }, rate: { count: 100, per: "1h" }, wait_until: { event: "", timeout: "3d" },
};
