// One audit: followed while it runs, then its mismatches as a contact sheet and its reports.

import { auditId } from "./address.js";
import { $, button, make, number, percent, plural, sentence } from "./elements.js";
import { thumbnail } from "./pictures.js";
import { call, download, get } from "./service.js";
import { badge, LABELS, ribbon } from "./verdict.js";

const EVERY = 800;
const SHOWS = { queued: "Waiting for its turn", running: "Reading", done: "Done", failed: "Failed", cancelled: "Cancelled" };
const REPORTS = [["xlsx", "Workbook"], ["csv", "CSV"], ["jsonl", "JSON Lines"], ["html", "Contact sheet"]];
let following = "";
let drawn = "";

export function showAudit() {
  const id = auditId();
  $("audit-form").hidden = Boolean(id);
  $("audit").hidden = !id;
  if (id === following) return;
  following = id;
  drawn = "";
  $("audit").replaceChildren();
  if (id) follow(id);
}

async function follow(id) {
  while (following === id) {
    let wait = EVERY;
    try {
      const audit = await get(`/v1/audits/${id}`);
      if (following !== id) return;
      draw(audit);
      if (!["queued", "running"].includes(audit.state)) return;
    } catch (error) {
      if (!error.passing) return void $("audit").replaceChildren(make("p.field-error", sentence(error.message)), fresh());
      wait = Math.max(2, error.retryAfter || 0) * 1000;
    }
    await new Promise((resolve) => { setTimeout(resolve, wait); });
  }
}

const fresh = () => make("a", { href: "/#audit", className: "quiet" }, "Another audit");

function draw(audit) {
  const now = JSON.stringify(audit);
  if (now === drawn) return;
  drawn = now;
  const focused = document.activeElement?.dataset?.act;
  $("audit").replaceChildren(head(audit), tally(audit), ...(audit.error ? [make("p.field-error", sentence(audit.error))] : []), ...sheet(audit), ...failures(audit));
  if (focused) $("audit").querySelector(`[data-act="${focused}"]`)?.focus();
}

function act(name, words, className, work) {
  const made = button(words, async () => {
    made.disabled = true;
    try { await work(); } catch (error) { made.after(make("span.field-error", sentence(error.message))); }
    made.disabled = false;
  }, { className });
  made.dataset.act = name;
  return made;
}

function head(audit) {
  const going = ["queued", "running"].includes(audit.state);
  const words = make("p.said.strong", { aria: { role: "status" } }, `${SHOWS[audit.state]}: ${number(audit.done)} of ${plural(audit.rows, "row")}`);
  const rail = make("div.reading", { aria: { role: "progressbar", label: "Rows read", valuemin: 0, valuemax: audit.rows, valuenow: audit.done } }, make("div"));
  rail.firstElementChild.style.width = `${audit.rows ? (100 * audit.done) / audit.rows : 0}%`;
  const acts = going
    ? [act("cancel", "Cancel", "quiet", () => call(`/v1/audits/${audit.id}`, { method: "DELETE" }))]
    : [...REPORTS.filter(([kind]) => audit.reports?.[kind]).map(([kind, name], index) => act(kind, index ? name : `Download the ${name.toLowerCase()}`, index ? "quiet" : "strong-button", () => download(audit.reports[kind], `audit-${audit.id}.${kind}`))), fresh()];
  return make("div.audit-head", make("div.grow", words, ...(going ? [rail] : [])), make("div.actions", ...acts));
}

function tally({ counts, decisions }) {
  const cells = [...LABELS.map((label) => [label, counts[label], label]), ["could not be read", counts.failed, ""]];
  const tiles = cells.map(([words, count, kind]) => make("div", { className: `tile ${kind}` }, make("dt", words), make("dd", number(count ?? 0))));
  const judged = LABELS.some((label) => counts[label]);
  const decided = judged && decisions ? [make("p.decided", `Accept ${number(decisions.accept ?? 0)} · review ${number(decisions.review ?? 0)} · reject ${number(decisions.reject ?? 0)}`)] : [];
  return make("div.tally", make("dl.tiles", ...tiles), ...(judged ? [ribbon(counts)] : []), ...decided);
}

function sheet({ mismatches, state, counts }) {
  if (!mismatches.length) return state === "done" && !counts.failed ? [make("p.said.strong", "Every picture shows what its row says.")] : [];
  const cards = mismatches.map((row) => make("li.hit", picture(row), make("p.place", make("span", `row ${row.row}`)), ribbon(row),
    make("div.facts", make("p.claim", row.text), make("div.line", badge(row.label)), make("p.decision", `${percent(row[row.label])}${row.decision ? ` · ${row.decision}` : ""}`))));
  return [make("h2", `${plural(mismatches.length, "row")} that ${mismatches.length === 1 ? "does" : "do"} not fit`), make("ul.hits", ...cards)];
}

function picture(row) {
  const image = thumbnail(row.thumbnail_url);
  image.alt = `The picture of row ${row.row}`;
  return make("div.open", image);
}

function failures({ failures: rows, mismatches }) {
  if (!rows.length) return [];
  const list = make("ul.failures", ...rows.map(({ row, reason }) => make("li", make("b", `row ${row}`), ` ${reason}`)));
  return [make("details.panel", { open: !mismatches.length }, make("summary", `${plural(rows.length, "row")} could not be read`), list)];
}
