// Talking to the service: JSON, streams of lines, files; every failure as one kind of error.

import { askForKey, forgetKey, key, keyHeaders } from "./key.js";

export class Failure extends Error {
  constructor(status, problem, retryAfter = NaN) {
    super(problem.detail || problem.title || "the service answered with an error");
    this.status = status;
    this.errors = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }

  get passing() { return [0, 429, 503].includes(this.status); }

  // What is wrong with one field of the request, if anything.
  field(name) { return this.errors.find((one) => one.field === name)?.detail; }
}

export async function call(path, options = {}) {
  for (;;) {
    const shown = key();
    const response = await fetch(path, { ...options, headers: { ...options.headers, ...keyHeaders() } }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Failure(0, { detail: "Veralens does not answer. Is it still running?" });
    });
    if (response.ok) return response;
    if (response.status === 401) {
      // Somebody may have given a new key while this request was under way.
      if (shown !== key()) continue;
      if (shown) forgetKey();
      if (await askForKey(Boolean(shown))) continue;
    }
    const problem = await response.json().catch(() => ({ detail: response.statusText }));
    throw new Failure(response.status, problem, Number(response.headers.get("Retry-After") ?? NaN));
  }
}

const asJson = (body, signal) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });

export const get = async (path, signal) => (await call(path, { signal })).json();
export const post = async (path, body, signal) => (await call(path, asJson(body, signal))).json();
export const send = async (path, form, signal) => (await call(path, { method: "POST", body: form, signal })).json();

// Does it again, a few times, while the service says that it is busy.
export async function patiently(work) {
  for (let left = 6; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (![429, 503].includes(error.status) || !left) throw error;
      await new Promise((resolve) => { setTimeout(resolve, Math.min(20, error.retryAfter || 2) * 1000); });
    }
  }
}

// The lines of an NDJSON answer as they arrive; a line of type "error" is thrown.
export async function* lines(path, body, signal) {
  const response = await call(path, asJson(body, signal));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const parts = (rest + (value ?? "")).split("\n");
    rest = done ? "" : parts.pop();
    for (const part of parts) {
      if (!part.trim()) continue;
      const line = JSON.parse(part);
      if (line.type === "error") throw new Failure(line.status ?? 500, line, Number(line.retry_after ?? NaN));
      yield line;
    }
    if (done) return;
  }
}

// Saves what is at a path under a name: by a link alone a key could not be sent along.
export async function download(path, name) {
  const url = URL.createObjectURL(await (await call(path)).blob());
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
