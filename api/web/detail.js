// One hit, large: its verdict, which words are in it, and where to go from here.

import { asked, go, goTo, leaveHit, NOTHING } from "./address.js";
import { $, basename, make } from "./elements.js";
import { explain, clearHeat } from "./explain.js";
import { shape, showPicture, thumbnail } from "./pictures.js";
import { hitsShown } from "./search.js";
import { badge, bars, SAYS } from "./verdict.js";

let current = "";
let reading = null;
let checkPicture = () => {};
let cameFrom = null;

export const onCheck = (work) => { checkPicture = work; };

// Opens, changes or closes the dialog as the address says.
export function showDetail() {
  const { hit: id } = asked();
  const dialog = $("detail");
  const hit = hitsShown().find((one) => one.id === id);
  if (!hit) {
    if (dialog.open) dialog.close();
    return;
  }
  if (!dialog.open) {
    cameFrom = document.activeElement;
    dialog.showModal();
  }
  const signature = JSON.stringify([id, asked().q, hit.label]);
  if (signature === current) return;
  current = signature;
  fill(hit);
}

function fill(hit) {
  const { q } = asked();
  const all = hitsShown();
  const at = all.findIndex((one) => one.id === hit.id);
  const name = hit.caption || basename(hit.path);
  reading?.abort();
  reading = new AbortController();
  clearHeat($("detail-frame"));
  $("detail-image").alt = hit.caption || `Picture ${basename(hit.path)}`;
  shape($("detail-frame"), hit.width, hit.height);
  showPicture($("detail-image"), hit.image_url);
  $("detail-rank").textContent = `${at + 1} of ${all.length}`;
  $("before").disabled = at === 0;
  $("after").disabled = at === all.length - 1;
  $("detail-title").textContent = q ? `“${q}”` : name;
  $("detail-verdict").replaceChildren(...(hit.label ? [make("div.line", badge(hit.label), make("span.said-so", SAYS[hit.label])), bars(hit)] : []));
  $("detail-facts").replaceChildren(...facts(hit).flatMap(([term, value]) => [make("dt", term), make("dd", value)]));
  $("detail-duplicates").replaceChildren(...(hit.duplicates ?? []).map((id) => make("li", thumbnail(`/v1/images/${id}/thumbnail`, 128))));
  $("detail-explain").replaceChildren();
  if (q) explain({ place: $("detail-explain"), frame: $("detail-frame"), image: () => hit.id, text: q, signal: reading.signal });
  $("detail-like").onclick = () => go({ ...NOTHING, like: hit.id });
  $("detail-check").onclick = () => { checkPicture(hit); goTo("/#check"); };
}

function facts(hit) {
  return [
    ["similarity", hit.similarity.toFixed(4)],
    ["score", hit.score.toFixed(4)],
    ...(hit.negative_entailment == null ? [] : [["of the unwanted", hit.negative_entailment.toFixed(4)]]),
    ...(hit.caption ? [["caption", hit.caption]] : []),
    ["size", `${hit.width} × ${hit.height}`],
    ["path", hit.path],
    ["id", hit.id],
  ];
}

function step(by) {
  const all = hitsShown();
  const next = all[all.findIndex((one) => one.id === asked().hit) + by];
  // Looking through the hits is one step back, however many were seen.
  if (next) go({ hit: next.id }, { replace: true });
}

$("before").addEventListener("click", () => step(-1));
$("after").addEventListener("click", () => step(1));
$("detail-close").addEventListener("click", leaveHit);
$("detail").addEventListener("click", (event) => { if (event.target === $("detail")) leaveHit(); });
$("detail").addEventListener("cancel", (event) => { event.preventDefault(); leaveHit(); });
$("detail").addEventListener("close", () => {
  current = "";
  reading?.abort();
  if (cameFrom?.isConnected) cameFrom.focus();
});
$("detail").addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by) { event.preventDefault(); step(by); }
});
