// A journey while it is edited: the body of the definition with every step as an object of its
// own, {kind, spec, id, note}, and what undo needs. Places are named as the server names them.
let count = 0;
const fresh = () => `s${++count}`;

export class Model {
  constructor(shapes, body) {
    this.shapes = shapes;
    this.past = [];
    this.ahead = [];
    this.listeners = [];
    this.load(body);
    this.now = JSON.stringify(this.body());
  }

  load(body) {
    const { steps, ...rest } = structuredClone(body);
    this.rest = rest;
    this.steps = this.read(steps ?? []);
  }

  read(list) {
    return (Array.isArray(list) ? list : []).map((value) => this.readStep(value));
  }

  readStep(value) {
    const kind = Object.keys(value ?? {}).find((name) => name in this.shapes);
    // What can't be read as a step is kept as it is, and the server says what is wrong with it.
    if (!kind) return { uid: fresh(), kind: null, raw: value, spec: {} };
    const shape = this.shapes[kind];
    const given = structuredClone(value[kind]);
    const plain = given !== null && typeof given === "object" && !Array.isArray(given);
    let spec = plain ? given : given === null ? {} : { [shape.short ?? "value"]: given };
    if (kind === "set" && plain && !("variables" in given)) spec = { variables: given };
    const step = { uid: fresh(), kind, spec, id: value.id ?? "", note: value.note ?? "" };
    for (const { holder, name } of holders(step, this.shapes)) holder[name] = this.read(holder[name]);
    // As long as a step says the same it is written as it was read: its file stays as it is.
    Object.assign(step, { given: structuredClone(value), was: JSON.stringify(this.form(step)) });
    return step;
  }

  write(step) {
    if (!step.kind) return step.raw;
    const value = this.form(step);
    return JSON.stringify(value) === step.was ? step.given : value;
  }

  form(step) {
    const spec = tidy(structuredClone({ ...step.spec }), this.shapes[step.kind], (list) => list.map((one) => this.write(one)));
    const keys = Object.keys(spec), { short } = this.shapes[step.kind];
    const value = step.kind === "set" ? spec.variables ?? {} : short && keys.length === 1 && keys[0] === short ? spec[short] : step.kind === "exit" && !keys.length ? null : spec;
    return { ...(step.id ? { id: step.id } : {}), [step.kind]: value, ...(step.note ? { note: step.note } : {}) };
  }

  body() {
    return { ...this.rest, steps: this.steps.map((step) => this.write(step)) };
  }

  // After a change: what was before can come back. Typing in one field is one change.
  changed(typing = null) {
    const now = JSON.stringify(this.body());
    if (now === this.now) return;
    const same = typing && this.typing === typing && Date.now() - this.at < 1500;
    if (!same) { this.past.push(this.now); if (this.past.length > 200) this.past.shift(); }
    this.typing = typing;
    this.at = Date.now();
    this.ahead = [];
    this.now = now;
    this.tell();
  }

  tell() { for (const listener of this.listeners) listener(); }

  undo() { this.turn(this.past, this.ahead); }

  redo() { this.turn(this.ahead, this.past); }

  turn(from, to) {
    if (!from.length) return;
    to.push(this.now);
    this.now = from.pop();
    this.typing = null;
    this.load(JSON.parse(this.now));
    this.tell();
  }

  // Another body in the place of this one, as one change.
  replace(body) {
    this.load(body);
    this.changed();
  }

  insert(list, at, step) {
    list.splice(at, 0, step);
    this.changed();
    return step;
  }

  remove(step) {
    const found = this.where(step.uid);
    if (!found) return;
    found.list.splice(found.at, 1);
    this.changed();
  }

  duplicate(step) {
    const found = this.where(step.uid);
    return found && this.insert(found.list, found.at + 1, this.copyOf(this.write(step)));
  }

  // A step that was written, as a new one: ids are not copied, since each has its own.
  copyOf(written) {
    const made = this.readStep(written);
    const forget = (step) => {
      step.id = "";
      for (const { holder, name } of holders(step, this.shapes)) holder[name].forEach(forget);
    };
    if (made.kind) forget(made);
    return made;
  }

  // All steps with where they stand: {step, list, at, place}.
  all(list = this.steps, place = "steps") {
    return list.flatMap((step, at) => [
      { step, list, at, place: `${place}[${at}]` },
      ...holders(step, this.shapes).flatMap(({ holder, name, field }) => this.all(holder[name], `${place}[${at}].${step.kind}.${field}`)),
    ]);
  }

  where(uid) { return this.all().find(({ step }) => step.uid === uid); }
}

// Where steps lie inside of a step: {holder, name, field}; field as the server writes it.
export function holders(step, shapes) {
  if (!step.kind) return [];
  const { spec } = step, found = [];
  for (const field of shapes[step.kind].fields) {
    if (field.type === "steps") { spec[field.name] ??= []; found.push({ holder: spec, name: field.name, field: field.name }); }
    if (field.type === "outs") {
      const ways = (spec[field.name] ??= {});
      for (const exit of field.outs) { ways[exit] ??= []; found.push({ holder: ways, name: exit, field: `${field.name}.${exit}` }); }
    }
    if (field.type !== "many" || !Array.isArray(spec[field.name])) continue;
    spec[field.name].forEach((item, at) => {
      for (const sub of field.fields) {
        if (sub.type !== "steps" || (sub.name === "else") !== (sub.name === "else" && "else" in item)) continue;
        if (sub.name === "then" && "else" in item) continue;
        item[sub.name] ??= [];
        found.push({ holder: item, name: sub.name, field: `${field.name}[${at}].${sub.name}` });
      }
    });
  }
  return found;
}

// A spec as it is written: what says nothing is left out, steps become what files have.
function tidy(spec, shape, write) {
  for (const field of shape.fields) {
    const value = spec[field.name];
    if (field.type === "steps" && Array.isArray(value)) spec[field.name] = write(value);
    else if (field.type === "many" && Array.isArray(value)) spec[field.name] = value.map((item) => tidy(item, field, write));
    else if (field.type === "group" && value && typeof value === "object") spec[field.name] = tidy(value, field, write);
    if (field.type === "outs" && value) spec[field.name] = Object.fromEntries(Object.entries(value).filter(([, list]) => list.length).map(([exit, list]) => [exit, write(list)]));
    if (empty(spec[field.name]) && field.name !== "else") delete spec[field.name];
  }
  return spec;
}

const empty = (value) => value === undefined || value === "" || (Array.isArray(value) && !value.length)
  || (value !== null && typeof value === "object" && !Array.isArray(value) && !Object.keys(value).length);
