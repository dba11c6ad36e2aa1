// The check view: one picture, one sentence, three probabilities, and which words are not in it.

import { view } from "./address.js";
import { $, make, sentence } from "./elements.js";
import { clearHeat, explain } from "./explain.js";
import { dataUri, pictureOf, shape, takeDrops } from "./pictures.js";
import { call, patiently, send } from "./service.js";
import { badge, bars, SAYS } from "./verdict.js";

const chosen = { file: null, url: null };
let running = null;

function choose(file) {
  if (!file) return;
  if (chosen.url) URL.revokeObjectURL(chosen.url);
  Object.assign(chosen, { file, url: URL.createObjectURL(file) });
  $("preview").src = chosen.url;
  $("preview-frame").hidden = false;
  $("drop-hint").hidden = true;
  forget();
}

function forget() {
  running?.abort();
  clearHeat($("preview-frame"));
  $("verdict").className = "verdict";
  for (const id of ["verdict", "check-explain"]) $(id).replaceChildren();
}

// Takes over the picture of a hit.
export async function checkHit(hit) {
  $("text").value = "";
  $("text").dispatchEvent(new Event("input"));
  try {
    choose(new File([await (await call(hit.image_url)).blob()], hit.id));
    $("text").focus();
  } catch (error) {
    wrong(sentence(error.message));
  }
}

async function check() {
  const text = $("text").value.trim();
  if (!chosen.file) return wrong("Choose a picture first.", $("file"));
  if (!text) return wrong("Say what the picture should show.", $("text"));
  forget();
  running = new AbortController();
  const { signal } = running;
  const form = new FormData();
  form.append("image", chosen.file, "picture");
  form.append("text", text);
  const button = $("check-form").querySelector("button[type=submit]");
  button.disabled = true;
  $("verdict").replaceChildren(make("p.waiting-line", "Reading the picture …"));
  try {
    const verdict = await patiently(() => send("/v1/entailment", form, signal));
    $("verdict").replaceChildren(make("div.line", badge(verdict.label), make("span.said-so", SAYS[verdict.label])), bars(verdict), make("p.model", `Read by the model “${verdict.model}”.`));
    const { file } = chosen;
    explain({ place: $("check-explain"), frame: $("preview-frame"), image: () => dataUri(file), text, signal });
  } catch (error) {
    if (error.name !== "AbortError") wrong(sentence(error.message));
  } finally {
    button.disabled = false;
  }
}

function wrong(message, field) {
  $("verdict").className = "verdict error";
  $("verdict").replaceChildren(message);
  $("check-explain").replaceChildren();
  field?.focus();
}

$("preview").addEventListener("load", () => shape($("preview-frame"), $("preview").naturalWidth, $("preview").naturalHeight));
$("preview").addEventListener("error", () => {
  $("preview-frame").hidden = true;
  $("drop-hint").hidden = false;
  $("drop-hint").replaceChildren(make("strong", chosen.file.name), " is chosen; this browser does not show its format.");
});
$("check-form").addEventListener("submit", (event) => { event.preventDefault(); check(); });
$("file").addEventListener("change", () => choose($("file").files[0]));
$("text").addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); check(); } });
takeDrops($("check-view"), (transfer) => {
  const file = pictureOf(transfer);
  if (file) choose(file);
  else wrong("That is no picture.");
}, (over) => $("drop").classList.toggle("over", over));
document.addEventListener("paste", (event) => {
  const file = pictureOf(event.clipboardData);
  if (file && view() === "check") choose(file);
});
