// Bytes and their spellings. Every reader here takes one spelling only.

// Refused is how every check fails: why, in plain words. later says that the cause may
// be a newer version of Comity rather than a forgery; it is a failure all the same.
export class Refused extends Error {
  constructor(why, later = false) {
    super(why);
    this.later = later;
  }
}

export function refuse(why) {
  throw new Refused(why);
}

const encoder = new TextEncoder();

// bytesOf returns the UTF-8 of a text.
export const bytesOf = (text) => encoder.encode(text);

// textOf reads UTF-8, and nothing that only resembles it.
export function textOf(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused('not valid UTF-8');
  }
}

const digits = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'));

// hex returns lower-case hexadecimal.
export function hex(bytes) {
  let s = '';
  for (const b of bytes) s += digits[b];
  return s;
}

// unhex reads lower-case hexadecimal that was checked before.
export function unhex(text) {
  const b = new Uint8Array(text.length / 2);
  for (let i = 0; i < b.length; i++) b[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return b;
}

export const isDigest = (text) => /^[0-9a-f]{64}$/.test(text);

// zeros is how a digest that is absent is written.
export const zeros = '0'.repeat(64);

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const values = new Int16Array(128).fill(-1);
for (let i = 0; i < 64; i++) values[letters.charCodeAt(i)] = i;

// base64 returns the standard spelling (RFC 4648, section 4), padded.
export function base64(bytes) {
  const out = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out.push(letters[n >> 18], letters[(n >> 12) & 63], i + 1 < bytes.length ? letters[(n >> 6) & 63] : '=', i + 2 < bytes.length ? letters[n & 63] : '=');
  }
  return out.join('');
}

// unbase64 reads what base64 writes: no line break, no other alphabet, no bit that is
// cut off. It returns null for anything else.
export function unbase64(text) {
  const n = text.length;
  if (n % 4 !== 0) return null;
  const pad = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((n / 4) * 3 - pad);
  let [at, bits, have] = [0, 0, 0];
  for (let i = 0; i < n - pad; i++) {
    const c = text.charCodeAt(i);
    const v = c < 128 ? values[c] : -1;
    if (v < 0) return null;
    bits = ((bits << 6) | v) & 0xffff;
    have += 6;
    if (have >= 8) out[at++] = (bits >> (have -= 8)) & 255;
  }
  return bits & ((1 << have) - 1) ? null : out;
}

export function concat(...list) {
  const out = new Uint8Array(list.reduce((n, b) => n + b.length, 0));
  let at = 0;
  for (const b of list) {
    out.set(b, at);
    at += b.length;
  }
  return out;
}

export function equal(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

// compare orders bytes.
export function compare(a, b) {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

// bigEndian returns a number below 2^53 in size bytes.
export function bigEndian(n, size) {
  const b = new Uint8Array(size);
  for (let i = size - 1; i >= 0; i--) {
    b[i] = n % 256;
    n = Math.floor(n / 256);
  }
  return b;
}
