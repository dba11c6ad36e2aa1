// Advice while a text is typed: what looking at a picture cannot settle is underlined, and said below.

import { $, debounced, make, pieces, sentence } from "./elements.js";
import { get } from "./service.js";

let asking = null;

async function advise() {
  const text = $("text").value;
  asking?.abort();
  asking = new AbortController();
  if (!text.trim()) return show(text, []);
  try {
    const { advice } = await get(`/v1/advice?text=${encodeURIComponent(text)}`, asking.signal);
    if ($("text").value === text) show(text, advice);
  } catch {
    show(text, []); // Advice is a courtesy: where it cannot be had, the text can still be checked.
  }
}

function show(text, advice) {
  const marked = advice.filter((one) => one.end > one.start && one.end - one.start < Array.from(text.trim()).length);
  $("text-mirror").replaceChildren(...pieces(text, marked).map(({ text: words, range }) => (range ? make("mark", words) : words)), "\n");
  const messages = [...new Set(advice.map((one) => one.message))];
  // Told once: a screen reader would otherwise hear the same advice with every word typed.
  if (messages.join() === [...$("advice").children].map((row) => row.dataset.message).join()) return;
  $("advice").replaceChildren(...messages.map((message) => {
    const row = make("li", sentence(message));
    row.dataset.message = message;
    return row;
  }));
}

const later = debounced(advise, 350);
$("text").addEventListener("input", () => {
  // The underlines of the old text would lie under the wrong words.
  $("text-mirror").replaceChildren();
  later();
});
$("text").addEventListener("scroll", () => { $("text-mirror").scrollTop = $("text").scrollTop; });
