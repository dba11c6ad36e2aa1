// What is known of an answer so far: candidates first, verdicts as they come, at last the final order.

export class Answer {
  constructor(asked) {
    this.asked = asked;
    this.hits = new Map();
    this.bySimilarity = [];
    this.final = null;
    this.collection = null;
    this.judged = 0;
    this.of = 0;
    this.next = null;
  }

  get known() { return this.bySimilarity.length > 0 || this.final !== null; }
  get reranked() { return Boolean(this.final?.reranked); }
  get took() { return this.final?.took_ms ?? null; }

  candidates(line) {
    this.collection = line.collection ?? this.collection;
    for (const hit of line.hits) this.hits.set(hit.id, hit);
    this.bySimilarity = line.hits.map((hit) => hit.id);
    this.of = line.hits.length;
  }

  scored(line) {
    for (const verdict of line.hits) this.hits.set(verdict.id, { ...this.hits.get(verdict.id), ...verdict });
    this.judged = line.judged;
    this.of = line.of;
  }

  result(result) {
    this.final = result;
    this.collection = result.collection;
    this.order = [];
    this.more(result);
    if (!this.bySimilarity.length) this.bySimilarity = [...this.order];
  }

  more(page) {
    for (const hit of page.hits) this.hits.set(hit.id, { ...this.hits.get(hit.id), ...hit });
    this.order.push(...page.hits.map((hit) => hit.id).filter((id) => !this.order.includes(id)));
    this.next = page.next_cursor;
  }

  // The hits to show, best first: at most `count` while the order is still being found.
  best(count, { mode, min }) {
    if (mode === "similarity" && this.reranked) return this.similar().slice(0, Math.max(count, this.order.length));
    const hits = this.final ? this.order.map((id) => this.hits.get(id)) : this.provisional().slice(0, count);
    return min ? hits.filter((hit) => hit.label == null || agreement(hit) >= min) : hits;
  }

  similar() {
    return [...this.hits.values()].sort((one, other) => other.similarity - one.similarity);
  }

  // What has been read stands before what has not, each in its order.
  provisional() {
    const all = this.bySimilarity.map((id) => this.hits.get(id)).filter((hit) => hit?.path !== undefined);
    const read = all.filter((hit) => hit.label != null).sort((one, other) => other.score - one.score);
    return [...read, ...all.filter((hit) => hit.label == null)];
  }

  // The nearest that were read and do not come up to the minimum.
  below(min, count) {
    return this.provisional().filter((hit) => hit.label != null && agreement(hit) < min).slice(0, count);
  }

  rankBySimilarity(id) {
    const index = this.bySimilarity.indexOf(id);
    return index < 0 ? null : index + 1;
  }
}

const agreement = (hit) => hit.entailment * (1 - (hit.negative_entailment ?? 0));
