// Strict JSON, read beside the type that it is for (docs/formats.md, "JSON").
//
// A type is a word: string, integer, boolean, digest, time, bytes, the name of a list
// of fields, or one of these after "[]".

import { Refused, isDigest, refuse, unbase64, zeros } from './bytes.mjs';

const maxDepth = 8;

// read reads exactly one JSON object of a type out of a text.
export function read(types, type, text) {
  const r = { types, s: text, i: 0 };
  const v = value(r, type, 0);
  space(r);
  if (r.i !== text.length) refuse('data after the end of the JSON value');
  return v;
}

const blanks = /[ \t\r\n]*/y;
const plain = /[^"\\\u0000-\u001f]*/y;

// skip moves past what a sticky pattern matches; it may match nothing.
function skip(r, pattern) {
  pattern.lastIndex = r.i;
  pattern.test(r.s);
  r.i = pattern.lastIndex;
}

const space = (r) => skip(r, blanks);

function take(r, c) {
  space(r);
  if (r.s[r.i] !== c) return false;
  r.i++;
  return true;
}

function value(r, type, depth) {
  space(r);
  const c = r.s[r.i];
  if (c === '{' || c === '[') {
    if (depth === maxDepth) refuse(`nested deeper than ${maxDepth}`);
    return c === '{' ? object(r, type, depth + 1) : list(r, type, depth + 1);
  }
  if (c === '"') return scalar(type, string(r));
  if (c === '-' || (c >= '0' && c <= '9')) return integer(r, type);
  for (const [word, v] of [['true', true], ['false', false]]) {
    if (r.s.startsWith(word, r.i)) {
      r.i += word.length;
      if (type !== 'boolean') refuse(`${word} where a ${type} belongs`);
      return v;
    }
  }
  throw new Refused(c === undefined ? 'it ends too early' : `${r.s.slice(r.i, r.i + 12)} is not allowed`);
}

function object(r, type, depth) {
  const fields = r.types[type];
  if (!fields) refuse('an object does not belong here');
  r.i++;
  const out = {};
  for (let first = true; !take(r, '}'); first = false) {
    if (!first && !take(r, ',')) refuse('a comma or a brace is missing');
    space(r);
    if (r.s[r.i] !== '"') refuse('the name of a field is missing');
    const name = string(r);
    const f = fields.find((f) => f.name === name);
    if (!f) throw new Refused(`unknown field ${JSON.stringify(name.slice(0, 40))}`, true);
    if (Object.hasOwn(out, name)) refuse(`field "${name}" stands twice`);
    if (!take(r, ':')) refuse('a colon is missing');
    out[name] = value(r, f.type, depth);
  }
  for (const f of fields) if (!f.optional && !Object.hasOwn(out, f.name)) refuse(`field "${f.name}" is missing`);
  return out;
}

function list(r, type, depth) {
  if (!type.startsWith('[]')) refuse('a list does not belong here');
  r.i++;
  const out = [];
  for (let first = true; !take(r, ']'); first = false) {
    if (!first && !take(r, ',')) refuse('a comma or a bracket is missing');
    out.push(value(r, type.slice(2), depth));
  }
  return out;
}

function integer(r, type) {
  const [word] = /^[-+.0-9eE]*/.exec(r.s.slice(r.i, r.i + 400));
  const n = Number(word);
  if (!/^(0|-?[1-9][0-9]*)$/.test(word) || !Number.isSafeInteger(n)) refuse(`number ${word.slice(0, 40)} is not an integer below 2^53`);
  if (type !== 'integer') refuse(`a number where a ${type} belongs`);
  r.i += word.length;
  return n;
}

const escapes = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function string(r) {
  let out = '';
  for (r.i++; ; ) {
    const from = r.i;
    skip(r, plain);
    out += r.s.slice(from, r.i);
    const c = r.s[r.i++];
    if (c === '"') break;
    if (c !== '\\') refuse('a string has no end, or holds a control character');
    const e = r.s[r.i++];
    if (Object.hasOwn(escapes, e ?? '')) {
      out += escapes[e];
      continue;
    }
    const code = r.s.slice(r.i, r.i + 4);
    if (e !== 'u' || !/^[0-9a-fA-F]{4}$/.test(code)) refuse('a string has an unknown escape');
    out += String.fromCharCode(parseInt(code, 16));
    r.i += 4;
  }
  if (out.includes('\ufffd') || /[\ud800-\udfff]/u.test(out)) refuse('a string holds a replacement character or a lone surrogate');
  return out;
}

function scalar(type, s) {
  switch (type) {
    case 'string':
      return s;
    case 'digest':
      if (!isDigest(s)) refuse(`malformed SHA-256 ${JSON.stringify(s.slice(0, 70))}`);
      return s;
    case 'time':
      if (!isTime(s)) refuse(`malformed time ${JSON.stringify(s.slice(0, 40))}`);
      return s;
    case 'bytes': {
      const b = unbase64(s);
      if (!b) refuse('not canonical base64');
      return b;
    }
  }
  throw new Refused(`a string where a ${type} belongs`);
}

// isTime: RFC 3339 in UTC, with at most microseconds and no zero at their end.
function isTime(s) {
  const m = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{0,5}[1-9])?Z$/.exec(s);
  if (!m) return false;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number);
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60;
}

export const noTime = '0001-01-01T00:00:00Z';

// clock brings a time into a form that can be compared as a text.
export const clock = (t) => t.slice(0, 19) + (t.length > 20 ? t.slice(20, -1) : '').padEnd(6, '0');

// write returns the one form in which Comity writes JSON: two spaces, one line feed at
// the end, optional fields left out where they say nothing.
export function write(types, type, v) {
  return print(types, type, v, '') + '\n';
}

function print(types, type, v, indent) {
  const more = indent + '  ';
  if (type.startsWith('[]')) {
    if (v.length === 0) return '[]';
    return `[\n${v.map((x) => more + print(types, type.slice(2), x, more)).join(',\n')}\n${indent}]`;
  }
  if (typeof v !== 'object') return typeof v === 'string' ? quote(v) : String(v);
  const lines = [];
  for (const f of types[type]) {
    if (f.optional && says(f.type, v[f.name]) === false) continue;
    lines.push(`${more}"${f.name}": ${print(types, f.type, v[f.name], more)}`);
  }
  return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n${indent}}`;
}

// says tells whether an optional field is written.
function says(type, v) {
  if (v === undefined || v === '' || v === 0 || v === false) return false;
  if (Array.isArray(v)) return v.length > 0;
  return !(type === 'digest' && v === zeros) && !(type === 'time' && v === noTime);
}

// quote escapes as JSON.stringify does, and two characters more.
function quote(s) {
  return JSON.stringify(s).replace(/[\u2028\u2029]/g, (c) => '\\u' + c.charCodeAt(0).toString(16));
}
