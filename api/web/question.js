// The form around the search: its field, the picture searched by, the slider, and chips for what narrows it.

import { asked, go, NOTHING, view } from "./address.js";
import { $, button, make, sentence } from "./elements.js";
import { pictureOf, seedOf, showPicture, takeDrops } from "./pictures.js";

const least = (min) => (min ? `${Math.round(min * 100)} %` : "any");

export function showQuestion() {
  const state = asked();
  if ($("q").value.trim() !== state.q) $("q").value = state.q;
  $("q").placeholder = state.picture || state.like ? "Add words, or search by the picture alone" : "Describe a picture";
  $("rerank").checked = state.mode === "entailment";
  $("min").value = String(Math.round(state.min * 100));
  $("min-said").textContent = least(state.min);
  // Without words there is nothing to verify.
  for (const id of ["rerank", "min"]) $(id).closest("label").hidden = !state.q;
  showSeed(state);
  showChips(state);
}

function showSeed(state) {
  const image = $("seed").querySelector("img");
  $("seed").hidden = !state.like && !(state.picture && state.picture !== "lost");
  if (state.like) showPicture(image, `/v1/images/${encodeURIComponent(state.like)}/thumbnail?size=64`);
  else if (state.picture && state.picture !== "lost") { image.dataset.url = ""; image.src = state.picture; }
}

function showChips(state) {
  const words = [["filter", state.filter, {}], ["not", state.not && `not ${state.not}`, {}], ["group", state.group && "look-alikes grouped", {}]];
  $("chips").replaceChildren(...words.filter(([, text]) => text).map(([name, text]) => {
    return make("li", button(text, () => go({ [name]: NOTHING[name] }), { className: "chip", aria: { label: `Remove: ${text}` } }));
  }));
}

export async function searchByPicture(file) {
  if (!file) {
    $("q-error").textContent = "That is no picture.";
    return;
  }
  try {
    go({ ...NOTHING, q: $("q").value.trim(), picture: await seedOf(file) });
  } catch (error) {
    $("q-error").textContent = sentence(error.message);
  }
}

$("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const q = $("q").value.trim();
  go({ q });
  if (q && matchMedia("(hover: none)").matches) $("q").blur();
});
$("rerank").addEventListener("change", () => go({ mode: $("rerank").checked ? "entailment" : "similarity" }, { replace: true }));
$("min").addEventListener("input", () => { $("min-said").textContent = least(Number($("min").value) / 100); });
$("min").addEventListener("change", () => go({ min: Number($("min").value) / 100 }, { replace: true }));
$("seed").querySelector("button").addEventListener("click", () => { go({ picture: "", like: "" }); $("q").focus(); });
$("seed-open").addEventListener("click", () => $("seed-file").click());
$("seed-file").addEventListener("change", () => { searchByPicture($("seed-file").files[0]); $("seed-file").value = ""; });
takeDrops(document.body, (transfer) => view() === "search" && searchByPicture(pictureOf(transfer)), (over) => { $("dropping").hidden = !over || view() !== "search"; });
document.addEventListener("paste", (event) => {
  const file = pictureOf(event.clipboardData);
  if (file && view() === "search") { event.preventDefault(); searchByPicture(file); }
});
