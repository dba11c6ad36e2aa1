// Which words are in the picture, and where: the verdict of each part of the text, and a heat map.

import { button, make, percent, sentence, unseen } from "./elements.js";
import { patiently, post } from "./service.js";
import { colouredText, ribbon } from "./verdict.js";

// Shows the parts of `text` inside `place`; `image()` gives an id or a data URI, `frame` holds the picture.
export function explain({ place, frame, image, text, signal }) {
  const parts = make("div.explained", make("p.waiting-line", "Reading it word by word …"));
  const where = button("Show where", () => toggleHeat(where, frame, ask).catch(fail), { aria: { pressed: "false" } });
  place.replaceChildren(parts);
  clearHeat(frame);
  const ask = (regions) => patiently(async () => post("/v1/explain", { image: await image(), text, regions }, signal));
  const fail = (error) => { if (error.name !== "AbortError") parts.append(make("p.field-error", sentence(error.message))); };
  ask(false).then((answer) => {
    parts.replaceChildren(...describe(text, answer), make("div.actions", where));
  }).catch((error) => { parts.replaceChildren(); fail(error); });
}

function describe(text, { parts, culprits = [] }) {
  if (!parts.length) return [];
  const names = (some) => some.map((part) => `“${part.text}”`).join(", ");
  const narrow = (label) => parts.filter((part) => part.label === label && !parts.some((other) => other !== part && other.label === label && other.start >= part.start && other.end <= part.end));
  const missing = culprits.length ? culprits : narrow("contradiction");
  const unsure = narrow("neutral");
  const said = missing.length ? `Not in the picture: ${names(missing)}.` : unsure.length ? `Cannot be told: ${names(unsure)}.` : "Every part is in the picture.";
  return [colouredText(text, parts), make("p.missing", said), make("ul.part-list", ...parts.map(partRow))];
}

function partRow(part) {
  return make("li", { className: part.item == null ? "" : "within" }, make("span.words", part.text), ribbon(part),
    make("span", { className: `amount ${part.label}` }, unseen(`${part.label} `), percent(part[part.label])));
}

async function toggleHeat(button, frame, ask) {
  const shown = frame.querySelector("canvas");
  if (shown) {
    clearHeat(frame);
    return button.setAttribute("aria-pressed", "false");
  }
  button.disabled = true;
  button.textContent = "Looking …";
  try {
    const { regions } = await ask(true);
    if (regions) frame.append(heat(regions));
    frame.scrollIntoView({ block: "nearest" });
    button.setAttribute("aria-pressed", "true");
  } finally {
    button.disabled = false;
    button.textContent = "Show where";
  }
}

export const clearHeat = (frame) => frame.querySelector("canvas")?.remove();

// One pixel a region, blown up by the browser: what counts stays clear and warm, what does not goes dark.
function heat({ rows, columns, values }) {
  const canvas = make("canvas.heat", { width: columns, height: rows, aria: { role: "img", label: "Where in the picture the evidence lies" } });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  values.flat().forEach((value, index) => {
    const warm = Math.max(0, value - 0.35) / 0.65;
    pixels.data.set([20 + 235 * warm, 24 + 90 * warm, 40 - 20 * warm, 255 * (value < 0.35 ? 0.62 * (1 - value / 0.35) : 0.5 * warm)], index * 4);
  });
  context.putImageData(pixels, 0, 0);
  return canvas;
}
