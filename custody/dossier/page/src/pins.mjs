// Pins: the fingerprints that a reader has on paper (docs/formats.md, "Pins").

import { bytesOf, isDigest, refuse, unbase64, zeros } from './bytes.mjs';
import { authorityPattern, originPattern } from './names.mjs';

const maxPins = 1 << 20;

// parsePins reads a pins file; returns maps from names and origins to fingerprints.
export function parsePins(raw) {
  if (raw.length > maxPins) refuse('the pins are too long');
  const pins = { authorities: new Map(), relays: new Map() };
  const lines = new TextDecoder("utf-8", { ignoreBOM: true }).decode(raw).split('\n');
  if (lines.at(-1) === '') lines.pop();
  lines.forEach((l, i) => {
    const text = l.endsWith('\r') ? l.slice(0, -1) : l;
    if (text === '' || text[0] === '#') return;
    const f = text.split(' ');
    if (f[0] === 'tsa' && f.length === 2 && unbase64(f[1])) return; // of a time stamping authority: not for this verifier
    if (f.length !== 3) refuse(`line ${i + 1} is neither "root NAME HEX" nor "relay ORIGIN HEX"`);
    pin(pins, i + 1, ...f);
  });
  return pins;
}

function pin(pins, n, what, name, hex) {
  if (!isDigest(hex)) refuse(`line ${n}: a fingerprint is 64 digits from 0 to 9 and a to f, in lower case`);
  if (hex === zeros) refuse(`line ${n}: the fingerprint is zero`);
  const into = what === 'root' ? pins.authorities : what === 'relay' ? pins.relays : refuse(`line ${n}: want the word root or relay first`);
  if (!(what === 'root' ? authorityPattern : originPattern).test(name)) refuse(`line ${n}: malformed name`);
  if (into.has(name)) refuse(`line ${n}: ${name} is pinned twice`);
  into.set(name, hex);
}

// fromPaper brings what was typed or read by a phone into that form: groups of a
// fingerprint joined, capitals made small.
export function fromPaper(text) {
  const lines = text.split(/\r?\n/).map((l) => {
    const m = /^\s*(root|relay)\s+(\S+)\s+(.*)$/i.exec(l);
    if (!m) return l.trim();
    return `${m[1].toLowerCase()} ${m[2].toLowerCase()} ${m[3].replace(/[\s:\u00a0-]/g, '').toLowerCase()}`;
  });
  return bytesOf(lines.join('\n'));
}
