// A table read in the browser: its header and first rows, so that its columns can be named before it is sent.

const HEAD_BYTES = 64 * 1024;
const ROWS = 4;

export async function headOf(file) {
  const slice = file.slice(0, HEAD_BYTES);
  const text = new TextDecoder().decode(await slice.arrayBuffer()).replace(/^\ufeff/, "");
  // A row that the slice cuts in two would look like a wrong one.
  const whole = file.size > HEAD_BYTES ? text.slice(0, text.lastIndexOf("\n") + 1) : text;
  const head = /\.(jsonl|ndjson)$/i.test(file.name) ? jsonLines(whole) : separated(whole);
  if (!head.columns.length || head.columns.every((name) => !name)) throw new Error("the table has no header: its first line must name the columns");
  return head;
}

function jsonLines(text) {
  const rows = text.split("\n").filter((line) => line.trim()).slice(0, ROWS).map((line) => JSON.parse(line));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return { columns, rows: rows.map((row) => columns.map((name) => String(row[name] ?? ""))) };
}

function separated(text) {
  const line = text.split(/\r?\n/, 1)[0];
  const separator = [",", ";", "\t"].reduce((best, one) => (line.split(one).length > line.split(best).length ? one : best));
  const [columns = [], ...rows] = records(text, separator, ROWS + 1);
  return { columns: columns.map((name) => name.trim()), rows };
}

// The first records of RFC 4180 text.
function records(text, separator, count) {
  const found = [];
  let record = [], field = "", quoted = false;
  const end = () => { record.push(field); field = ""; };
  for (let at = 0; at < text.length && found.length < count; at += 1) {
    const character = text[at];
    if (quoted) {
      if (character !== '"') field += character;
      else if (text[at + 1] === '"') { field += '"'; at += 1; } else quoted = false;
    } else if (character === '"' && !field) quoted = true;
    else if (character === separator) end();
    else if (character === "\n") { end(); if (record.some(Boolean)) found.push(record); record = []; } else if (character !== "\r") field += character;
  }
  if (found.length < count && (field || record.length)) { end(); found.push(record); }
  return found;
}
