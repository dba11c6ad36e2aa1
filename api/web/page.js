// The page: which view is shown, what is in the collection, and the keys that work everywhere.

import { asked, go, goTo, onAddress, view } from "./address.js";
import "./advice.js";
import "./audit.js";
import { checkHit } from "./check.js";
import { onCheck, showDetail } from "./detail.js";
import { $, make, plural } from "./elements.js";
import { showFilters } from "./filters.js";
import { onOpen } from "./hits.js";
import { showAudit } from "./progress.js";
import { showQuestion } from "./question.js";
import { onProgress, showSearch } from "./search.js";
import { get } from "./service.js";

const TITLES = { check: "Check", audit: "Audit" };
let shownView = "";

function route() {
  const now = view();
  for (const name of ["search", "check", "audit"]) $(`${name}-view`).hidden = name !== now;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === now) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const { q } = asked();
  document.title = `${now === "search" ? (q ? `${q} · ` : "") : `${TITLES[now]} · `}Veralens`;
  if (shownView && shownView !== now) scrollTo(0, 0);
  shownView = now;
  if (now === "search") {
    showQuestion();
    showFilters();
    showSearch();
  }
  if (now === "audit") showAudit();
  showDetail();
}

async function introduce() {
  try {
    const collection = await get("/v1/collection");
    $("summary").textContent = `${plural(collection.images, "picture")} · ${collection.name}`;
    $("summary").title = collection.roots.join("\n");
    $("examples").hidden = !collection.examples.length;
    $("examples").querySelector("ul").replaceChildren(...collection.examples.map((text) => make("li", make("a", { href: `/?q=${encodeURIComponent(text)}` }, text))));
  } catch (error) {
    if (error.status === 503) {
      $("summary").textContent = "The models are loading …";
      setTimeout(introduce, (error.retryAfter || 2) * 1000);
    }
  }
}

// Links of the page lead to its views without loading it anew.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const path = link.getAttribute("href");
  if (!/^(\/(\?.*|#.*)?|#(search|check|audit))$/.test(path)) return;
  event.preventDefault();
  goTo(path.startsWith("#") ? (path === "#search" ? "/" : `/${path}`) : path);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select, dialog")) return;
  event.preventDefault();
  if (view() !== "search") goTo("/");
  $("q").focus();
  $("q").select();
});

onOpen((hit) => go({ hit: hit.id }));
onCheck(checkHit);
onProgress(showDetail);
onAddress(route);
route();
introduce();
if (view() === "search" && !location.search && matchMedia("(hover: hover)").matches) $("q").focus();
