// The search view: asks as the address says, shows what is known so far, and says it in words.

import { asked, go } from "./address.js";
import { Answer } from "./answer.js";
import { $, button, fieldError, make, number, plural, sentence } from "./elements.js";
import { clearHits, focusFirst, showHits, skeletons } from "./hits.js";
import { get, lines, patiently, post } from "./service.js";

const PAGE = 24;
const CANDIDATES = 100;
let answer = null;
let running = null;
let askedBefore = "";
let progressed = () => {};

export const onProgress = (work) => { progressed = work; };

export const hitsShown = () => (answer?.known ? shown(answer) : []);
const shown = (known) => known.best(PAGE, asked());
const verifies = (state) => Boolean(state.q) && state.mode === "entailment";

function body(state) {
  const image = state.picture || state.like || null;
  return { query: state.q || null, image, filter: state.filter || null, negative: state.not || null, min_entailment: verifies(state) ? state.min : 0, group_duplicates: state.group, rerank: verifies(state), top_k: PAGE, candidates: CANDIDATES };
}

// What, when it changes, makes another search. The order alone can be changed with what is known.
const question = ({ hit, mode, ...rest }) => JSON.stringify(rest);

export function showSearch() {
  const state = asked();
  const same = question(state) === askedBefore && answer?.known && !(state.mode === "entailment" && answer.final && !answer.reranked && verifies(state));
  if (same) return render();
  askedBefore = question(state);
  return search(state);
}

export function search(state = asked()) {
  running?.abort();
  running = new AbortController();
  answer = null;
  fieldError("q-error", "", $("q"));
  fieldError("filter-error", "", $("filter"));
  for (const id of ["none", "reading"]) $(id).hidden = true;
  $("more").hidden = true;
  $("timings").textContent = "";
  const empty = !state.q && !state.like && !state.picture;
  $("welcome").hidden = !empty;
  $("tools").hidden = empty;
  say("");
  if (state.picture === "lost") return lost();
  if (empty) return clearHits();
  if (!document.querySelector(".hit:not(.skeleton)")) skeletons(PAGE);
  say("Searching …");
  return ask(state, running.signal).catch((error) => failed(error));
}

async function ask(state, signal) {
  const current = new Answer(state);
  const plainLike = state.like && !state.q && !state.filter && !state.not && !state.group;
  answer = current;
  if (plainLike) current.result(await get(`/v1/images/${encodeURIComponent(state.like)}/similar?top_k=${PAGE}`, signal));
  else if (!verifies(state)) current.result(await post("/v1/search", body(state), signal));
  else {
    let drawn = 0;
    for await (const line of lines("/v1/search/stream", body(state), signal)) {
      current[line.type]?.(line);
      drawn ||= line.collection ? render() : requestAnimationFrame(() => { drawn = 0; if (current === answer) render(); });
    }
  }
  if (current === answer) render();
}

function render() {
  const state = asked();
  if (!answer?.known) return;
  const { final } = answer;
  const reading = !final && verifies(state);
  const byVerdict = state.mode === "entailment" && (answer.reranked || reading);
  let hits = shown(answer);
  const short = final && !hits.length && state.min ? answer.below(state.min, PAGE) : [];
  const entailed = hits.filter((hit) => hit.label === "entailment").length;
  const none = final && byVerdict && (short.length > 0 || (hits.length > 0 && !entailed));
  if (short.length) hits = short;
  showHits(hits, { reading, verified: reading || answer.reranked, far: none, rankBefore: (id) => (byVerdict ? answer.rankBySimilarity(id) : null) });
  $("reading").hidden = !reading;
  $("reading").setAttribute("aria-valuenow", String(answer.of ? Math.round((100 * answer.judged) / answer.of) : 0));
  $("reading").firstElementChild.style.width = `${answer.of ? (100 * answer.judged) / answer.of : 0}%`;
  $("more").hidden = !answer.next || (state.mode === "similarity" && answer.reranked);
  $("none").hidden = !none;
  if (none) $("none").replaceChildren(...noMatch(state, short.length > 0));
  summarize(state, hits, { reading, entailed, none });
  progressed();
}

function noMatch(state, below) {
  const what = state.q ? `“${state.q}”` : "this";
  const why = below
    ? `No picture reaches ${Math.round(state.min * 100)} %; ask for less with the slider. These come nearest.`
    : "These are the nearest. Each was read together with your words, and none of them entails them.";
  return [make("h2", `No picture matches ${what}`), make("p", why)];
}

function summarize(state, hits, { reading, entailed, none }) {
  const { final, took, collection } = answer;
  if (took && collection) {
    const stages = [["encode", took.encode], ["retrieve", took.retrieve], ...(answer.reranked ? [["rerank", took.rerank]] : [])];
    const spent = stages.map(([name, ms]) => `${name} ${ms < 10 ? ms.toFixed(1) : Math.round(ms)}`).join(" · ");
    $("timings").textContent = `${plural(collection.images, "picture")} in ${number(Math.round(took.total))} ms: ${spent}`;
  }
  if (final && !hits.length) return nothing(state);
  if (reading) return say(answer.judged ? `Read ${answer.judged} of ${answer.of} …` : "The closest by similarity. Reading each one …");
  const cut = final?.degraded ? ` (${final.degraded})` : "";
  if (none) return say(cut);
  if (state.mode === "similarity" || !answer.reranked) return say(answer.reranked ? "Ordered by similarity alone; the verdicts are shown but do not count." : `Ordered by similarity alone${verifies(state) && cut ? `: ${final.degraded}` : ""}.`);
  return say(`${entailed === hits.length ? "All" : entailed} of the ${plural(hits.length, "picture")} shown ${entailed === 1 && hits.length > 1 ? "entails" : "entail"} “${state.q}”.${cut}`);
}

function nothing(state) {
  const narrowed = state.filter || state.min || state.not;
  if (!answer.collection?.images) return say("This collection is empty. Add pictures with: veralens index FOLDER -c COLLECTION", "strong");
  say("No picture matches. ", "strong");
  if (narrowed) $("said").append(button(state.filter ? "Search without the filter" : "Search without limits", () => go(state.filter ? { filter: "" } : { min: 0, not: "" })));
}

function lost() {
  clearHits();
  say("That picture was in another window. Drop it here again to search by it. ", "strong");
  $("said").append(button("Choose a picture", () => $("seed-file").click()));
}

function failed(error) {
  if (error.name === "AbortError") return;
  if (!answer?.known) clearHits();
  $("reading").hidden = true;
  for (const [name, id, field] of [["filter", "filter-error", "filter"], ["query", "q-error", "q"], ["negative", "q-error", "not"], ["image", "q-error", "q"]]) {
    const detail = error.field?.(name);
    if (!detail) continue;
    if (name !== "query") document.dispatchEvent(new CustomEvent("narrowed"));
    fieldError(id, detail, $(field));
    return say("Nothing was searched: see the field that is marked.", "error");
  }
  say(`${error.status === 404 ? "That picture is not in the collection any more." : sentence(error.message)} `, error.passing && error.status ? "" : "error");
  if (error.status === 404) return;
  if (error.status === 503 || error.status === 429) return again(error);
  $("said").append(button("Try again", () => search()));
}

function again(error) {
  const mine = running;
  let left = Math.min(60, Math.max(1, Math.ceil(error.retryAfter || 2)));
  const counting = make("span.counting", { aria: { live: "off" } });
  $("said").append(counting, button("Try now", () => search()));
  const tick = () => {
    if (mine !== running || !counting.isConnected) return;
    if (left <= 0) return void search();
    counting.textContent = `Trying again in ${left} s. `;
    left -= 1;
    setTimeout(tick, 1000);
  };
  tick();
}

function say(text, kind = "") {
  $("said").textContent = text;
  $("said").className = `said ${kind}`;
}

async function more() {
  const current = answer;
  $("more").disabled = true;
  try {
    current.more(await patiently(() => post("/v1/search", { cursor: current.next, top_k: PAGE }, running.signal)));
    if (current === answer) render();
  } catch (error) {
    if (error.status === 422) search();
    else failed(error);
  } finally {
    $("more").disabled = false;
  }
}

$("more").addEventListener("click", more);
$("q").addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" && document.querySelector("#hits .open")) { event.preventDefault(); focusFirst(); }
});
