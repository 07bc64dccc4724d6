// What the builder asks the server.
export const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? "";

export async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf(), "HX-Request": "true" },
  });
  if (!answer.ok) throw new Error(answer.status === 401 ? "Your login has expired. Reload the page." : `The server refused: ${answer.status}`);
  return answer.json();
}

const known = new Map();

// Options for a picker; answers are kept for the life of the page.
export async function pick(args) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined) query.append(name, one);
  }
  const address = `/conditions/pick?${query}`;
  if (!known.has(address)) {
    const asked = fetch(address, { headers: { "HX-Request": "true" } }).then((answer) => {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    });
    known.set(address, asked);
    asked.catch(() => known.delete(address));
  }
  return known.get(address);
}
