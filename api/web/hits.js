// The grid of hits: cards that glide to their new places, and can be walked through with the arrow keys.

import { $, basename, calm, make, percent } from "./elements.js";
import { thumbnail } from "./pictures.js";
import { badge, ribbon } from "./verdict.js";

const cards = new Map();
let openHit = () => {};

export const onOpen = (work) => { openHit = work; };

export function clearHits() {
  cards.clear();
  $("hits").replaceChildren();
}

export function skeletons(count) {
  cards.clear();
  $("hits").replaceChildren(...Array.from({ length: count }, () => make("li.hit.skeleton", { aria: { hidden: "true" } }, make("span.blank"))));
}

// `reading` says that verdicts are still to come, `moved` that ranks by similarity are worth comparing with.
export function showHits(hits, { reading, verified, rankBefore, far }) {
  const places = whereabouts();
  const focused = document.activeElement?.closest?.(".hit")?.dataset.id;
  const elements = hits.map((hit, index) => {
    const card = cards.get(hit.id) ?? newCard(hit);
    fill(card, hit, { rank: index + 1, before: rankBefore(hit.id), reading, verified, far });
    return card.element;
  });
  const list = $("hits");
  // Cards that keep their place are left alone: moving an element takes the focus from it.
  for (const card of [...list.children]) if (!elements.includes(card)) card.remove();
  elements.forEach((element, index) => { if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null); });
  list.setAttribute("aria-busy", String(reading));
  if (focused && !list.contains(document.activeElement)) cards.get(focused)?.open.focus({ preventScroll: true });
  glide(places);
}

const whereabouts = () => new Map([...$("hits").children].map((card) => [card, card.getBoundingClientRect()]));

function newCard(hit) {
  const open = make("button", { type: "button", className: "open" }, thumbnail(hit.thumbnail_url));
  const card = { open, place: make("p.place"), ribbon: make("div"), verdict: make("div.line"), scores: make("dl.scores") };
  card.element = make("li.hit", open, card.place, card.ribbon, make("div.facts", card.verdict, card.scores, ...(hit.caption ? [make("p.caption", { title: hit.caption }, hit.caption)] : [])));
  card.element.title = hit.path;
  card.element.dataset.id = hit.id;
  open.addEventListener("click", () => openHit(card.hit));
  cards.set(hit.id, card);
  return card;
}

function fill(card, hit, state) {
  const { rank, before, reading, verified, far } = state;
  const said = JSON.stringify([hit, state]);
  if (card.said === said) return;
  card.said = said;
  const name = hit.caption || basename(hit.path);
  card.hit = hit;
  card.element.classList.toggle("far", Boolean(far) || hit.label === "contradiction");
  card.open.setAttribute("aria-label", `${rank}. ${name}${hit.label ? `, ${hit.label} ${percent(hit.entailment)}` : ""}. Details`);
  card.place.replaceChildren(make("span", { title: "rank" }, String(rank)), ...movement(before, rank));
  const strip = hit.label ? ribbon(hit) : make("div", { className: `ribbon${reading ? " waiting" : ""}` });
  card.ribbon.replaceWith(strip);
  card.ribbon = strip;
  card.ribbon.hidden = card.verdict.hidden = !verified && !hit.label;
  const alike = hit.duplicates?.length ? [make("span.alike-count", { title: "pictures that look the same" }, `+${hit.duplicates.length} alike`)] : [];
  card.verdict.replaceChildren(hit.label ? badge(hit.label) : make("span", { className: `badge${reading ? " waiting" : ""}` }, reading ? "reading …" : "not read"), ...alike);
  card.scores.replaceChildren(
    ...(verified || hit.label ? [make("dt", "entailment"), make("dd", hit.label ? percent(hit.entailment) : "–")] : []),
    make("dt", "similarity"), make("dd", hit.similarity.toFixed(3)));
}

function movement(before, rank) {
  if (!before || before === rank) return [];
  const up = before > rank;
  const words = `${up ? "up" : "down"} from ${before} by similarity`;
  return [make("span", { className: up ? "up" : "down", title: words, aria: { label: words, role: "img" } }, `${up ? "↑" : "↓"} ${Math.abs(before - rank)}`)];
}

// From where they were to where they belong, for the eye to follow; all are measured before any moves.
function glide(places) {
  if (calm()) return;
  for (const [card, to] of whereabouts()) {
    const from = places.get(card);
    if (from && from.left === to.left && from.top === to.top) continue;
    const frames = from ? [{ transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)`, zIndex: 1 }, { transform: "none" }] : [{ opacity: 0 }, { opacity: 1 }];
    card.animate(frames, { duration: 420, easing: "cubic-bezier(.2,.7,.2,1)" });
  }
}

const buttons = () => [...document.querySelectorAll("#hits .open")];
export const focusFirst = () => buttons()[0]?.focus();

const columns = () => [...$("hits").children].filter((card, _, [first]) => card.offsetTop === first.offsetTop).length;

$("hits").addEventListener("keydown", (event) => {
  const all = buttons();
  const at = all.indexOf(document.activeElement);
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[event.key];
  if (at < 0) return;
  if (event.key === "Escape") $("q").focus();
  else if (event.key === "Home") all[0].focus();
  else if (event.key === "End") all.at(-1).focus();
  else if (step && at + step < 0 && event.key === "ArrowUp") $("q").focus();
  else if (step) all[Math.min(all.length - 1, Math.max(0, at + step))].focus();
  else return;
  event.preventDefault();
});
