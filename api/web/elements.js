// Making elements and words. Text is always set as text, never as markup.

export const $ = (id) => document.getElementById(id);

// make("p.small", { title: "…" }, "text", child): the properties may be left out.
export function make(tag, ...children) {
  const [name, ...classes] = tag.split(".");
  const { aria = {}, ...properties } = children[0]?.constructor === Object ? children.shift() : {};
  const element = Object.assign(document.createElement(name), properties);
  if (classes.length) element.classList.add(...classes);
  for (const [state, value] of Object.entries(aria)) element.setAttribute(state === "role" ? state : `aria-${state}`, value);
  element.append(...children);
  return element;
}

export function button(words, work, properties = {}) {
  const made = make("button", { type: "button", className: "quiet", ...properties }, words);
  made.addEventListener("click", work);
  return made;
}

export const unseen = (text) => make("span.unseen", text);

export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share > 0.999 && share < 1) return "> 99.9 %";
  return `${(share * 100).toFixed(share < 0.0995 || share > 0.9905 ? 1 : 0)} %`;
}

export const number = (count) => count.toLocaleString("en");
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");
export const basename = (path) => path.split(/[\\/]/).pop();
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function debounced(work, milliseconds) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), milliseconds);
  };
}

// The text in pieces, each with the narrowest range that covers it. The service counts characters, JavaScript
// UTF-16 units: so whole characters are counted.
export function pieces(text, ranges) {
  const widest = [...ranges].sort((one, other) => other.end - other.start - (one.end - one.start));
  const found = [];
  Array.from(text).forEach((character, at) => {
    const range = widest.findLast((one) => one.start <= at && at < one.end) ?? null;
    if (found.length && found.at(-1).range === range) found.at(-1).text += character;
    else found.push({ text: character, range });
  });
  return found;
}

export function fieldError(id, message, field = null) {
  $(id).textContent = message ? sentence(message) : "";
  if (!field) return;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
