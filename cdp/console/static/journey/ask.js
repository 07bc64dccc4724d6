// What the canvas asks the server; the caller looks at the answer's status.
import { csrf } from "../builder/server.js";

export const post = (address, body) => fetch(address, {
  method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf(), "HX-Request": "true" },
});
