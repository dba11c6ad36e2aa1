// The audit view's form: a table, its pictures, and which column is what.

import { goTo } from "./address.js";
import { $, fieldError, make, number } from "./elements.js";
import { takeDrops } from "./pictures.js";
import { patiently, send } from "./service.js";
import { headOf } from "./table.js";

const ROLES = [
  { name: "image", words: "Picture", needed: true, guesses: /^(image|picture|photo|file|filename|path|img|bild)s?(_?(path|file|name|id))?$/i },
  { name: "text", words: "What it should show", needed: true, guesses: /^(text|caption|claim|statement|sentence|hypothesis|title|description|query)$/i },
  { name: "premise", words: "What is known of it", guesses: /^(premise|context)$/i },
  { name: "expected", words: "Expected verdict", guesses: /^(expected|label|gold|truth|answer|verdict)$/i },
];
const files = { table: null, zip: null };

async function chooseTable(file) {
  if (!file) return;
  fieldError("audit-error", "");
  try {
    const head = await headOf(file);
    files.table = file;
    showName("table", file);
    showColumns(head);
    showSample(head);
    $("mapping").hidden = false;
  } catch (error) {
    files.table = null;
    $("mapping").hidden = true;
    fieldError("audit-error", `${file.name}: ${error instanceof SyntaxError ? "a line is not JSON" : error.message}`);
  }
}

const size = (bytes) => (bytes < 1e6 ? `${number(Math.ceil(bytes / 1e3))} KB` : `${(bytes / 1e6).toFixed(1)} MB`);

function showName(which, file) {
  $(`${which}-name`).textContent = `${file.name} · ${size(file.size)}`;
  $(`${which}-drop`).classList.add("filled");
}

function showColumns({ columns }) {
  const taken = new Set();
  $("columns").replaceChildren(...ROLES.map((role) => {
    const guess = columns.find((name) => role.guesses.test(name) && !taken.has(name)) ?? "";
    taken.add(guess);
    const options = [make("option", { value: "" }, role.needed ? "choose …" : "none"), ...columns.map((name) => make("option", { value: name, selected: name === guess }, name))];
    const select = make("select", { id: `column-${role.name}`, required: Boolean(role.needed) }, ...options);
    return make("div.field", make("label", { htmlFor: select.id }, role.words), select);
  }));
}

function showSample({ columns, rows }) {
  $("sample").replaceChildren(
    make("thead", make("tr", ...columns.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", ...rows.slice(0, 3).map((row) => make("tr", ...columns.map((_, index) => make("td", row[index] ?? ""))))));
}

async function start() {
  fieldError("audit-error", "");
  if (!files.table) {
    $("table").focus();
    return fieldError("audit-error", "Choose a table first.");
  }
  const form = new FormData();
  form.append("table", files.table, files.table.name);
  if (files.zip) form.append("images", files.zip, files.zip.name);
  for (const { name } of ROLES) if ($(`column-${name}`).value) form.append(`${name}_column`, $(`column-${name}`).value);
  const button = $("audit-form").querySelector("button[type=submit]");
  button.disabled = true;
  button.textContent = "Sending …";
  try {
    const { id } = await patiently(() => send("/v1/audits", form));
    goTo(`/#audit/${id}`);
  } catch (error) {
    fieldError("audit-error", error.message);
  } finally {
    button.disabled = false;
    button.textContent = "Start the audit";
  }
}

function chooseZip(file) {
  if (!file) return;
  files.zip = file;
  showName("zip", file);
}

$("table").addEventListener("change", () => chooseTable($("table").files[0]));
$("zip").addEventListener("change", () => chooseZip($("zip").files[0]));
$("audit-form").addEventListener("submit", (event) => { event.preventDefault(); start(); });
takeDrops($("audit-form"), (transfer) => {
  for (const file of transfer.files) (/\.zip$/i.test(file.name) ? chooseZip : chooseTable)(file);
}, (over) => { for (const id of ["table-drop", "zip-drop"]) $(id).classList.toggle("over", over); });
