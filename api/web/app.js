"use strict";

const SHOWN = 24;
const CANDIDATES = 100;
const LABELS = ["entailment", "neutral", "contradiction"];
const SAYS = {
  entailment: "The picture shows it.",
  neutral: "The picture might show it; it cannot be told for sure.",
  contradiction: "The picture shows something else.",
};
const $ = (id) => document.getElementById(id);

function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share > 0.999 && share < 1) return "> 99.9 %";
  return `${(share * 100).toFixed(share < 0.0995 || share > 0.9905 ? 1 : 0)} %`;
}

// An element with properties and children; text is always set as text, never as markup.
function make(tag, properties = {}, ...children) {
  const { aria = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

class Failure extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, "Veralens does not answer. Is it still running?");
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Failure(response.status, problem.detail || response.statusText, Number(response.headers.get("Retry-After")));
}

function post(path, body, signal) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
}

// ---- verdicts --------------------------------------------------------------------------------------------

function badge(label) {
  return make("span", { className: `badge ${label}` }, label);
}

function bars(verdict) {
  return make("div", { className: "bars" }, ...LABELS.map((label) => {
    const fill = make("div", { className: "fill" });
    fill.style.width = `${verdict[label] * 100}%`;
    const aria = { role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": verdict[label].toFixed(4), "aria-valuetext": percent(verdict[label]) };
    return make("div", { className: label },
      make("div", { className: "name" }, make("span", {}, label), make("span", {}, percent(verdict[label]))),
      make("div", { className: "rail", aria }, fill));
  }));
}

// ---- search ----------------------------------------------------------------------------------------------

const state = { query: "", similar: null, judged: null, running: null, cards: new Map() };

async function search(query) {
  state.running?.abort();
  const running = new AbortController();
  Object.assign(state, { query, similar: null, judged: null, running });
  $("hits").replaceChildren();
  state.cards.clear();
  $("welcome").hidden = Boolean(query);
  $("bar").hidden = !query;
  $("timings").textContent = "";
  document.title = query ? `${query} · Veralens` : "Veralens";
  say("");
  if (!query) return;
  say("Searching …");
  try {
    // Stage one answers at once; the verdicts follow and put the pictures in order.
    state.similar = await post("/v1/search", { query, top_k: CANDIDATES, rerank: false }, running.signal);
    show();
    if ($("rerank").checked) await judge();
  } catch (error) {
    failed(error);
  }
}

async function judge() {
  const { query, running } = state;
  state.judged = await post("/v1/search", { query, top_k: CANDIDATES, candidates: CANDIDATES }, running.signal);
  show();
}

function failed(error) {
  if (error.name === "AbortError") return;
  const waiting = error.status === 503 || error.status === 429;
  const again = make("button", { type: "button", className: "quiet" }, "Try again");
  again.addEventListener("click", () => search(state.query));
  say(`${sentence(error.message)} `, waiting ? "" : "error");
  $("said").append(again);
  if (waiting && error.retryAfter <= 10) {
    const { running } = state;
    setTimeout(() => running === state.running && search(state.query), error.retryAfter * 1000);
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");

function say(text, kind = "") {
  $("said").textContent = text;
  $("said").className = `said ${kind}`;
}

function show() {
  const reranking = $("rerank").checked;
  const answer = reranking && state.judged ? state.judged : state.similar;
  if (!answer) return;
  const verdicts = new Map((state.judged?.hits ?? []).map((hit) => [hit.id, hit]));
  const before = new Map(state.similar.hits.map((hit, index) => [hit.id, index + 1]));
  const hits = answer.hits.slice(0, SHOWN);
  const places = measure();
  const cards = hits.map((hit, index) => {
    const card = state.cards.get(hit.id) ?? newCard(hit);
    const known = hit.label ? hit : verdicts.get(hit.id) ?? hit;
    fill(card, known, index + 1, answer === state.judged ? before.get(hit.id) : null, reranking && !state.judged);
    return card.element;
  });
  $("hits").replaceChildren(...cards);
  $("hits").setAttribute("aria-busy", String(reranking && !state.judged));
  animate(places);
  summarize(answer, hits, reranking);
}

function summarize(answer, hits, reranking) {
  const { took_ms: took, collection } = answer;
  const stages = [["encode", took.encode], ["retrieve", took.retrieve], ...(answer.reranked ? [["rerank", took.rerank]] : [])];
  const spent = stages.map(([name, ms]) => `${name} ${ms < 10 ? ms.toFixed(1) : Math.round(ms)}`).join(" · ");
  $("timings").textContent = `${collection.images.toLocaleString("en")} pictures in ${Math.round(took.total)} ms: ${spent}`;
  if (!hits.length) {
    say(collection.images ? "No picture matches." : "This collection is empty. Add pictures with: veralens index FOLDER -c COLLECTION", "strong");
  } else if (reranking && !state.judged) {
    say("Closest by similarity. Reading each picture …");
  } else if (answer === state.judged && answer.reranked) {
    const entailed = hits.filter((hit) => hit.label === "entailment").length;
    if (entailed) say(`${entailed === hits.length ? "All" : entailed} of the ${hits.length} pictures shown entail “${state.query}”.`);
    else say(`No picture here seems to show “${state.query}”. These come closest.`, "strong");
  } else {
    say(state.judged ? "Ordered by similarity alone; the verdicts are shown but do not count." : !answer.degraded || !reranking ? "Ordered by similarity alone." : `Ordered by similarity alone: ${answer.degraded}.`);
  }
  if (answer.reranked && answer.degraded) $("said").append(` (${answer.degraded})`);
}

function newCard(hit) {
  const image = make("img", { src: `${hit.thumbnail_url}?size=256`, alt: "", loading: "lazy", width: 256, height: 256, decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(make("span", { className: "gone" }, "The file is gone or has changed")));
  const open = make("button", { type: "button", className: "open" }, image);
  const card = {
    open,
    place: make("p", { className: "place" }),
    verdict: make("div", {}),
    scores: make("dl", { className: "scores" }),
  };
  card.element = make("li", { className: "hit" }, open, card.place, make("div", { className: "facts" }, card.verdict, card.scores));
  card.element.dataset.id = hit.id;
  open.addEventListener("click", () => showDetail(card.hit));
  state.cards.set(hit.id, card);
  return card;
}

function fill(card, hit, rank, before, waiting) {
  card.hit = hit;
  const name = hit.caption || hit.path.split(/[\\/]/).pop();
  card.open.setAttribute("aria-label", `${rank}. ${name}${hit.label ? `, ${hit.label}` : ""}. Details`);
  card.place.replaceChildren(make("span", { title: "rank" }, String(rank)));
  if (before && before !== rank) {
    const up = before > rank;
    const words = `${up ? "up" : "down"} from ${before} by similarity`;
    card.place.append(make("span", { className: up ? "up" : "down", title: words, aria: { "aria-label": words, role: "img" } }, `${up ? "↑" : "↓"} ${Math.abs(before - rank)}`));
  }
  card.verdict.replaceChildren(hit.label ? badge(hit.label)
    : make("span", { className: `badge${waiting ? " waiting" : ""}` }, waiting ? "reading …" : "not read"));
  card.scores.replaceChildren(
    make("dt", {}, "entailment"), make("dd", {}, hit.entailment === null ? "–" : percent(hit.entailment)),
    make("dt", {}, "similarity"), make("dd", {}, hit.similarity.toFixed(3)));
}

// Cards glide from where they were to where they belong, so that the eye can follow the new order.
function measure() {
  return new Map([...$("hits").children].map((card) => [card, card.getBoundingClientRect()]));
}

function animate(places) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const card of $("hits").children) {
    const from = places.get(card);
    const to = card.getBoundingClientRect();
    const frames = from ? [{ transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)` }, { transform: "none" }]
      : [{ opacity: 0 }, { opacity: 1 }];
    if (!from || from.left !== to.left || from.top !== to.top) card.animate(frames, { duration: 380, easing: "cubic-bezier(.2,.7,.2,1)" });
  }
}

function showDetail(hit) {
  const rows = [["similarity", hit.similarity.toFixed(4)], ["score", hit.score.toFixed(4)], ["size", `${hit.width} × ${hit.height}`], ["path", hit.path], ["id", hit.id]];
  $("detail-image").src = hit.image_url;
  $("detail-image").alt = hit.caption || `Picture ${hit.path.split(/[\\/]/).pop()}`;
  $("detail-title").textContent = state.query;
  $("detail-verdict").replaceChildren(...(hit.label ? [badge(hit.label), bars(hit)] : []));
  $("detail-facts").replaceChildren(...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  $("detail-check").onclick = () => checkThis(hit);
  $("detail").showModal();
}

// ---- check -----------------------------------------------------------------------------------------------

const chosen = { file: null, url: null };

function choose(file) {
  if (!file) return;
  if (chosen.url) URL.revokeObjectURL(chosen.url);
  chosen.file = file;
  chosen.url = URL.createObjectURL(file);
  $("preview").src = chosen.url;
  $("preview").hidden = false;
  $("drop-hint").hidden = true;
  $("verdict").replaceChildren();
}

async function checkThis(hit) {
  $("detail").close();
  location.hash = "#check";
  const response = await fetch(hit.image_url);
  choose(new File([await response.blob()], hit.id));
  $("text").value = "";
  $("text").focus();
}

async function check() {
  const text = $("text").value.trim();
  if (!chosen.file) return wrong("Choose a picture first.", $("file"));
  if (!text) return wrong("Say what the picture should show.", $("text"));
  const form = new FormData();
  form.append("image", chosen.file, "picture");
  form.append("text", text);
  const button = $("check-form").querySelector("button");
  button.disabled = true;
  $("verdict").className = "verdict";
  $("verdict").replaceChildren("Reading the picture …");
  try {
    const verdict = await ask("/v1/entailment", { method: "POST", body: form });
    $("verdict").replaceChildren(badge(verdict.label), make("p", { className: "said-so" }, SAYS[verdict.label]), bars(verdict), make("p", { className: "model" }, `by ${verdict.model}`));
  } catch (error) {
    wrong(sentence(error.message));
  } finally {
    button.disabled = false;
  }
}

function wrong(message, field) {
  $("verdict").className = "verdict error";
  $("verdict").replaceChildren(message);
  field?.focus();
}

// ---- the page --------------------------------------------------------------------------------------------

function route() {
  const checking = location.hash === "#check";
  $("check-view").hidden = !checking;
  $("search-view").hidden = checking;
  for (const link of document.querySelectorAll("nav a")) {
    if ((link.dataset.view === "check") === checking) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (checking) return;
  const query = (new URLSearchParams(location.search).get("q") ?? "").trim();
  $("q").value = query;
  if (query !== state.query || (!query && $("welcome").hidden)) search(query);
}

function go(query) {
  history.pushState(null, "", query ? `/?q=${encodeURIComponent(query)}` : "/");
  state.query = null;
  route();
}

async function introduce() {
  try {
    const collection = await ask("/v1/collection");
    $("summary").textContent = `${collection.images.toLocaleString("en")} pictures in “${collection.name}”`;
    $("examples").hidden = !collection.examples.length;
    $("examples").querySelector("ul").replaceChildren(...collection.examples.map((text) =>
      make("li", {}, make("a", { href: `/?q=${encodeURIComponent(text)}` }, text))));
  } catch (error) {
    if (error.status === 503) setTimeout(introduce, (error.retryAfter || 2) * 1000);
  }
}

$("search-form").addEventListener("submit", (event) => { event.preventDefault(); go($("q").value.trim()); });
$("rerank").addEventListener("change", () => { show(); if ($("rerank").checked && !state.judged && state.similar) judge().catch(failed); });
$("check-form").addEventListener("submit", (event) => { event.preventDefault(); check(); });
$("file").addEventListener("change", () => choose($("file").files[0]));
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") choose(event.dataTransfer.files[0]);
  });
}
$("text").addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); check(); } });
$("detail").querySelector(".close").addEventListener("click", () => $("detail").close());
$("detail").addEventListener("click", (event) => { if (event.target === $("detail")) $("detail").close(); });
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (file && location.hash === "#check") choose(file);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea") && !$("detail").open) { event.preventDefault(); location.hash = "#search"; $("q").focus(); }
});
addEventListener("popstate", route);
addEventListener("hashchange", route);
route();
introduce();
if (!location.hash && !state.query && matchMedia("(hover: hover)").matches) $("q").focus();
