// The panel of filters: the filter language itself, and a helper that writes conditions in it.

import { asked, go } from "./address.js";
import { $, make } from "./elements.js";

const EQUAL = [["=", "is"], ["!=", "is not"]];
const ORDER = [[">=", "at least"], ["<=", "at most"], ["=", "is"], ["!=", "is not"]];
const FIELDS = {
  folder: { operators: EQUAL, example: "2024/italy" },
  tag: { operators: EQUAL, example: "draft" },
  caption: { operators: [["=", "has the words"], ["!=", "has not"]], example: "red shirt" },
  path: { operators: [["=", "fits"], ["!=", "fits not"]], example: "*_red_*.jpg" },
  format: { operators: EQUAL, example: "jpg" },
  width: { operators: ORDER, example: "1000" },
  height: { operators: ORDER, example: "1000" },
  size: { operators: ORDER, example: "500KB" },
  date: { operators: ORDER, example: "2024-05" },
};

const quoted = (value) => (/^[\w./*?-]+$/.test(value) && !/^(and|or|not)$/i.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`);

export function showFilters() {
  const state = asked();
  $("not").value = state.not;
  $("filter").value = state.filter;
  $("group").checked = state.group;
}

export function openFilters(open) {
  $("filters").hidden = !open;
  $("filters-open").setAttribute("aria-expanded", String(open));
}

function showHelper() {
  const field = FIELDS[$("helper-field").value];
  $("helper-operator").replaceChildren(...field.operators.map(([value, words]) => make("option", { value }, words)));
  $("helper-value").placeholder = field.example;
}

function add() {
  const value = $("helper-value").value.trim();
  if (!value) return $("helper-value").focus();
  const condition = `${$("helper-field").value} ${$("helper-operator").value} ${quoted(value)}`;
  const before = $("filter").value.trim();
  $("filter").value = !before ? condition : `${/\bor\b/i.test(before) ? `(${before})` : before} and ${condition}`;
  $("helper-value").value = "";
  apply();
}

function apply() {
  go({ filter: $("filter").value.trim(), not: $("not").value.trim(), group: $("group").checked });
}

$("helper-field").replaceChildren(...Object.keys(FIELDS).map((name) => make("option", { value: name }, name)));
showHelper();
$("helper-field").addEventListener("change", showHelper);
$("helper-add").addEventListener("click", add);
$("helper-value").addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); add(); } });
$("filters").addEventListener("submit", (event) => { event.preventDefault(); apply(); });
$("filters-clear").addEventListener("click", () => { go({ filter: "", not: "", group: false }); });
$("filters-open").addEventListener("click", () => { openFilters($("filters").hidden); if (!$("filters").hidden) $("not").focus(); });
$("filters").addEventListener("keydown", (event) => { if (event.key === "Escape") { openFilters(false); $("filters-open").focus(); } });
document.addEventListener("narrowed", () => openFilters(true));
