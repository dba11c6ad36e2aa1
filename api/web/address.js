// What is asked, as the page's address: every search is a link, and the browser's buttons walk through them.

export const NOTHING = Object.freeze({ q: "", filter: "", not: "", min: 0, mode: "entailment", like: "", picture: "", group: false, hit: "" });
const TEXTS = ["q", "filter", "not", "like", "hit"];
const changed = new EventTarget();

export const onAddress = (work) => changed.addEventListener("change", work);
export const view = () => /^#(check|audit)/.exec(location.hash)?.[1] ?? "search";
export const auditId = () => /^#audit\/([\w-]+)$/.exec(location.hash)?.[1] ?? "";

export function asked() {
  const parameters = new URLSearchParams(location.search);
  const found = { ...NOTHING };
  for (const name of TEXTS) found[name] = (parameters.get(name) ?? "").trim();
  const min = Number(parameters.get("min"));
  found.min = min > 0 && min <= 1 ? min : 0;
  found.mode = parameters.get("mode") === "similarity" ? "similarity" : "entailment";
  found.group = parameters.get("group") === "1";
  // A picture is too long for a link: it lies in the window's history, and the link says that there was one.
  found.picture = parameters.has("picture") ? history.state?.picture ?? "lost" : "";
  return found;
}

function link(state) {
  const pairs = TEXTS.filter((name) => state[name]).map((name) => [name, state[name]]);
  if (state.picture) pairs.push(["picture", "here"]);
  if (state.min) pairs.push(["min", String(state.min)]);
  if (state.mode !== "entailment") pairs.push(["mode", state.mode]);
  if (state.group) pairs.push(["group", "1"]);
  const query = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  return query ? `/?${query}` : "/";
}

// Goes to what is asked now with changes; `replace` leaves no step to go back to.
export function go(changes, { replace = false } = {}) {
  const state = { ...asked(), hit: "", ...changes };
  const opened = Boolean(state.hit) && (replace ? Boolean(history.state?.opened) : true);
  const memory = { picture: state.picture === "lost" ? "" : state.picture, opened };
  history[replace ? "replaceState" : "pushState"](memory, "", link(state));
  changed.dispatchEvent(new Event("change"));
}

export function goTo(path) {
  history.pushState(null, "", path);
  changed.dispatchEvent(new Event("change"));
}

// Back to the results: by the way one came, where that is known.
export function leaveHit() {
  if (history.state?.opened) history.back();
  else go({ hit: "" }, { replace: true });
}

addEventListener("popstate", () => changed.dispatchEvent(new Event("change")));
