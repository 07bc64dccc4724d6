// The words of the builder's menus.
export const SIGNS = [["=", "is"], ["!=", "is not"], [">", "is more than"], [">=", "is at least"], ["<", "is less than"], ["<=", "is at most"]];
const TIME_SIGNS = [["=", "is"], ["!=", "is not"], [">", "is after"], [">=", "is not before"], ["<", "is before"], ["<=", "is not after"]];
const VERSIONS = [["=", "is version"], ["!=", "is not version"], [">", "is above version"], [">=", "is at least version"], ["<", "is below version"], ["<=", "is at most version"]];
export const COUNTS = [["once", "at least once"], [">=", "at least"], ["=", "exactly"], ["<=", "at most"], [">", "more than"], ["<", "less than"], ["!=", "not exactly"]];
export const UNITS = [["m", "minutes"], ["h", "hours"], ["d", "days"], ["w", "weeks"], ["s", "seconds"], ["ms", "milliseconds"]];
export const SPANS = ["hour", "day", "week", "month", "quarter", "year"].map((unit) => [unit, unit === "day" ? "today" : `this ${unit}`]);
export const TIMES = ["instant", "now", "ago", "ahead", "start"];

export function operators(op, timely) {
  const menu = [
    { label: "Compare", items: timely ? TIME_SIGNS : SIGNS },
    { label: "Several values", items: [["in", "is one of"], ["not in", "is none of"], ["has", "includes"], ["not has", "does not include"]] },
    { label: "Is there at all", items: [["set", "is set"], ["unset", "is not set"], ["true", "is true"], ["not true", "is not true"]] },
    { label: "Text", items: [
      ["contains", "contains"], ["not contains", "does not contain"], ["starts_with", "starts with"], ["not starts_with", "does not start with"],
      ["ends_with", "ends with"], ["not ends_with", "does not end with"], ["match", "matches the pattern"], ["not match", "does not match the pattern"],
      ["regex", "matches the expression"], ["not regex", "does not match the expression"]] },
    { label: "Version of an app", items: VERSIONS.map(([sign, word]) => [`version ${sign}`, word]) },
  ];
  if (op.startsWith("not version ")) menu.at(-1).items.push([op, `not: ${VERSIONS.find(([sign]) => op.endsWith(` ${sign}`))[1]}`]);
  return menu;
}

export const FIGURES = [
  ["count", "the number of"], ["sum", "the sum of"], ["avg", "the average of"], ["min", "the smallest"], ["max", "the largest"], ["first", "the first"], ["last", "the last"],
  ["unique", "the different values of"], ["most_frequent", "the most frequent"], ["first time", "the time of the first"], ["last time", "the time of the last"],
];
// Functions with how many arguments they take.
export const FUNCTIONS = [
  ["length", "the length of", 1], ["ratio", "the ratio of:", 2], ["number", "as a number:", 1], ["string", "as text:", 1], ["bool", "as yes or no:", 1], ["typeof", "the type of", 1],
  ["lowercase", "in lower case:", 1], ["uppercase", "in upper case:", 1], ["snakecase", "in snake case:", 1], ["kebabcase", "in kebab case:", 1], ["titlecase", "in title case:", 1],
  ["contains", "whether it contains:", 2], ["starts_with", "whether it starts with:", 2], ["ends_with", "whether it ends with:", 2], ["match", "whether it matches:", 2],
  ["regex", "whether the expression matches:", 2], ["semver", "versions:", 3], ["audience", "whether in the audience", 1], ["subscribed", "whether subscribed to", 1], ["has_device", "whether with a device of", 1],
];
export const LITERALS = [["text", "text"], ["number", "number"], ["truth", "yes or no"], ["empty", "empty text"], ["nothing", "nothing"]];
export const MOMENTS = [["instant", "date"], ["ago", "ago"], ["ahead", "from now"], ["now", "now"], ["start", "start of"]];

// Where a path can begin, by where the condition stands: key, word, first keys, picker's kind.
const MESSAGE = [
  ["properties", "property", ["properties"], "property"], ["context", "context", ["context"], "context"],
  ["traits", "trait in the message", ["traits"], "message_trait"], ["", "field", [], "field"],
];
const PERSON = [
  ["traits", "trait", ["traits"], "trait"], ["identifiers", "identifier", ["person", "identifiers"], "identifier"],
  ["account", "account’s trait", ["account", "traits"], "account_trait"], ["person", "person’s trait", ["person", "traits"], "trait"], ["", "other", [], "trait"],
];
export const roots = (scope) => (scope.context === "person" && !scope.where ? PERSON
  : scope.context === "person" ? [...MESSAGE, ["person", "person’s trait", ["person", "traits"], "trait"], ["identifiers", "person’s identifier", ["person", "identifiers"], "identifier"]] : MESSAGE);

export function rootOf(parts, scope) {
  const fits = ([, , head]) => head.length < parts.length && head.every((key, index) => parts[index] === key);
  return roots(scope).filter(fits).sort((a, b) => b[2].length - a[2].length)[0] ?? roots(scope).find(([key]) => key === "");
}

// Keys with dots between, as one types them: a dot or backslash inside of a key has a backslash.
export const keysText = (keys) => keys.map((key) => (key ?? "").replace(/[\\.]/g, "\\$&")).join(".");
export const textKeys = (text) => {
  const keys = [""];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\" && at + 1 < text.length) { at += 1; keys.push(keys.pop() + text[at]); }
    else if (text[at] === ".") keys.push("");
    else keys.push(keys.pop() + text[at]);
  }
  return keys;
};
