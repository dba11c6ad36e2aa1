// Verdicts drawn: a badge, three bars, one thin bar, and the text with its parts coloured.

import { make, percent, pieces, unseen } from "./elements.js";

export const LABELS = ["entailment", "neutral", "contradiction"];
export const SAYS = {
  entailment: "The picture shows it.",
  neutral: "The picture might show it; it cannot be told for sure.",
  contradiction: "The picture shows something else.",
};

export const badge = (label) => make("span", { className: `badge ${label}` }, label);

export function bars(verdict) {
  return make("div.bars", ...LABELS.map((label) => {
    const fill = make("div.fill");
    fill.style.width = `${verdict[label] * 100}%`;
    const aria = { role: "meter", label: label, valuemin: 0, valuemax: 1, valuenow: verdict[label].toFixed(4), valuetext: percent(verdict[label]) };
    return make("div", { className: label },
      make("div.name", make("span", label), make("span", percent(verdict[label]))),
      make("div.rail", { aria }, fill));
  }));
}

// All three in one line; the numbers stand beside it.
export function ribbon(verdict) {
  return make("div.ribbon", { aria: { hidden: "true" } }, ...LABELS.map((label) => {
    const part = make("span", { className: label });
    part.style.flexGrow = String(Math.max(0, verdict[label]));
    return part;
  }));
}

// Neighbours with the same verdict are drawn as one; a blank between two verdicts belongs to neither.
export function colouredText(text, parts) {
  const found = [];
  for (const { text: words, range } of pieces(text, parts)) {
    const label = words.trim() ? range?.label ?? "" : null;
    if (found.length && label !== null && found.at(-1).label === label) found.at(-1).words += words;
    else if (found.length > 1 && label && found.at(-1).label === null && found.at(-2).label === label) found.splice(-2, 2, { words: found.at(-2).words + found.at(-1).words + words, label });
    else found.push({ words, label });
  }
  return make("p.parts", ...found.map(({ words, label }) => (label
    ? make("span", { className: `part ${label}` }, words, unseen(` (${label})`))
    : words)));
}
