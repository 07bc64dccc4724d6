// A field with a list of what was seen becomes a picker: of a field that is filled in, a browser's
// own list offers no more than what it says already. Without script the browser's own stays.
import { fit, picker } from "./builder/picker.js";

const KEPT = ["id", "name", "maxlength", "required", "aria-describedby", "aria-invalid"];

function offered(field) {
  const seen = [...document.getElementById(field.getAttribute("list")).options].map((one) => ({ label: one.value, sub: one.label }));
  const label = field.labels[0].firstChild.textContent.trim();
  const find = (text) => {
    const wanted = text.trim().toLowerCase();
    // What is said whole needs no list over what comes below.
    return seen.some((one) => one.label === text) ? [] : seen.filter((one) => one.label.toLowerCase().includes(wanted));
  };
  const onpick = ({ label: value }) => {
    input.value = value;
    fit(input);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const made = picker({ label, value: field.value, find, ontype: () => {}, onpick, required: false });
  const [input, list] = made.children;
  list.setAttribute("aria-label", `Seen so far: ${label}`);
  input.removeAttribute("aria-label");
  for (const name of KEPT) if (field.hasAttribute(name)) input.setAttribute(name, field.getAttribute(name));
  field.replaceWith(made);
}

for (const field of document.querySelectorAll("input[list]")) offered(field);
