// The steps as a graph: nodes, and edges with the ways that lead along them. `exits` are the
// names under which the server counts who went there; `add` says where a new step comes in.
export const END = "end", START = "start";

export function graphOf(model, words) {
  const nodes = [{ id: START, kind: START }], edges = [];
  const link = (from, to, more) => edges.push({ id: `${from}>${edges.filter((one) => one.from === from).length}`, from, to, ...more });
  let ended = false;
  model.all(); // every way has its list from here on
  const target = (id) => { if (id === END) ended = true; return id; };

  const draw = (list, place, after) => {
    list.forEach((step, at) => {
      const here = `${place}[${at}]`;
      nodes.push({ id: step.uid, kind: step.kind, step, list, at, place: here });
      const follows = list[at + 1]?.uid ?? after;
      const rest = { add: { list, at: at + 1 } };
      if (step.kind === "exit") return;
      const ways = waysOf(step, words);
      if (step.kind === "goto") {
        const aim = step.spec.step && model.all().find(({ step: one, place: p }) => one.id === step.spec.step || words.ids?.[p] === step.spec.step);
        if (aim) link(step.uid, aim.step.uid, { back: true, label: "", exits: ["goto"] });
        link(step.uid, target(follows), { ...rest, label: aim ? "after that" : "", exits: ["next"] });
        return;
      }
      if (!ways.length) { link(step.uid, target(follows), { ...rest, label: "", exits: ["next"] }); return; }
      const several = ways.length > 1, join = several ? `${step.uid}.join` : null;
      const meet = join ?? follows;
      const count = edges.length;
      for (const way of ways) {
        if (way.ends && !way.list.length) { link(step.uid, target(END), { label: way.label, exits: way.exits, add: { list: way.list, at: 0 } }); continue; }
        if (!way.list) { link(step.uid, meet, { ...rest, label: way.label, exits: way.exits, add: several ? null : rest.add }); continue; }
        link(step.uid, way.list[0]?.uid ?? meet, { label: way.label, exits: way.exits, add: { list: way.list, at: 0 } });
        draw(way.list, `${here}.${step.kind}.${way.field}`, meet);
      }
      if (!join) return;
      const met = edges.slice(count).filter(({ to }) => to === join);
      if (met.length === 1) met[0].to = target(follows);
      else if (met.length || list[at + 1]) {
        nodes.push({ id: join, kind: "join", of: step.uid });
        link(join, target(follows), { ...rest, label: "", exits: [] });
      }
    });
  };
  link(START, target(model.steps[0]?.uid ?? END), { label: "", exits: [START], add: { list: model.steps, at: 0 } });
  draw(model.steps, "steps", END);
  if (ended) nodes.push({ id: END, kind: END });
  return { nodes, edges };
}

// The ways out of a step: {label, exits, list, field}; a way without a list is what follows.
export function waysOf({ kind, spec }, words) {
  const many = (name, items, label, exit) => (items ?? []).map((item, at) => ({
    label: label(item, at), exits: [exit(item, at)], list: item.else ?? item.then ?? [], field: `${name}[${at}].${"else" in item ? "else" : "then"}`, at,
  }));
  if (kind === "branch") {
    const found = many("ways", spec.ways, (way, at) => ("else" in way ? "Everybody else" : way.name || words.short(way.when) || `Way ${at + 1}`), (way, at) => ("else" in way ? "else" : way.name || `when-${at + 1}`));
    return (spec.ways ?? []).some((way) => "else" in way) ? found : [...found, { label: "Everybody else", exits: ["next"] }];
  }
  if (kind === "split") {
    const total = (spec.ways ?? []).reduce((sum, { share }) => sum + Number(share || 0), 0) || 1;
    return many("ways", spec.ways, (way, at) => `${way.name || `Way ${at + 1}`} · ${Math.round((Number(way.share || 0) / total) * 100)} %`, (way, at) => way.name || `way-${at + 1}`);
  }
  if (kind === "experiment") {
    const total = (spec.variants ?? []).reduce((sum, { share }) => sum + Number(share ?? 50), 0) || 1;
    return many("variants", spec.variants, (one) => `${one.name || "?"} · ${Math.round((Number(one.share ?? 50) / total) * 100)} %`, (one) => one.name || "");
  }
  if (kind === "wait_until") {
    const late = spec.timeout ? [{ label: `After ${words.duration(spec.timeout)}`, exits: ["timeout"], list: spec.on_timeout, field: "on_timeout" }] : [];
    if (spec.any) return [...many("any", spec.any, (one, at) => one.name || one.event || words.short(one.if) || `Thing ${at + 1}`, (one, at) => one.name || `met-${at + 1}`), ...late];
    if (!late.length && !spec.then?.length) return [];
    return [{ label: "When it happens", exits: ["met", "next"], list: spec.then, field: "then" }, ...late];
  }
  if (kind === "webhook") return [{ label: "Answered", exits: ["next"] }, { label: "Failed", exits: ["error"], list: spec.on_error, field: "on_error" }];
  if (kind === "approval") {
    return [
      { label: "Approved", exits: ["next"] }, { label: "Refused", exits: ["rejected"], list: spec.on_reject, field: "on_reject", ends: true },
      ...(spec.timeout ? [{ label: `After ${words.duration(spec.timeout)}`, exits: ["timeout"], list: spec.on_timeout, field: "on_timeout", ends: true }] : []),
    ];
  }
  const outs = words.shapes?.[kind]?.fields.find(({ type }) => type === "outs");
  if (outs) return [...outs.outs.map((exit) => ({ label: exit, exits: [exit], list: spec[outs.name]?.[exit] ?? [], field: `${outs.name}.${exit}` })), { label: "Otherwise", exits: ["next"] }];
  return [];
}
