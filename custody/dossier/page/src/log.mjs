// The log: leaves, inclusion, the checkpoint (docs/formats.md, "The log").

import { sha256 } from '@noble/hashes/sha2.js';
import { Refused, bigEndian, bytesOf, concat, equal, hex, refuse, textOf, unbase64, unhex } from './bytes.mjs';
import { verifyEd25519, verifyML44 } from './keys.mjs';

const ascii = (s) => bytesOf(s);

// salted commits to an entry and its envelope; hashes in hexadecimal.
export const salted = (salt, entry, envelope) => hex(sha256(concat(ascii('comity/leaf/v1\0'), unhex(salt), unhex(entry), unhex(envelope))));

// leaf returns the 56 bytes that the log holds for an entry.
export function leaf(first, seq, commitment) {
  const tag = sha256(concat(ascii('comity/tag/v1\0'), unhex(first))).subarray(0, 16);
  return concat(tag, bigEndian(seq, 8), unhex(commitment));
}

const node = (a, b) => sha256(concat(Uint8Array.of(1), a, b));

// leafHash is that of RFC 6962.
export const leafHash = (bytes) => sha256(concat(Uint8Array.of(0), bytes));

// checkInclusion (RFC 9162, section 2.1.3.2): the leaf stands at index in the tree of
// that size and root, and the proof has exactly the length that the tree demands.
export function checkInclusion(size, root, index, bytes, proof) {
  if (index < 0 || index >= size) refuse(`no leaf ${index} in a tree of ${size}`);
  let [fn, sn, r] = [index, size - 1, leafHash(bytes)];
  for (const p of proof) {
    if (sn === 0) refuse('the proof is too long');
    if (fn % 2 === 1 || fn === sn) {
      r = node(p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      r = node(r, p);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  if (sn !== 0 || !equal(r, root)) refuse('the log does not hold it at this place');
}

const half = (n) => Math.floor(n / 2);

// checkConsistency (RFC 9162, section 2.1.4.2): the newer tree begins with the older.
export function checkConsistency(older, newer, proof) {
  if (older.size > newer.size) refuse('the tree shrank');
  if (older.size === 0 || older.size === newer.size) {
    if (proof.length > 0 || (older.size > 0 && !equal(older.root, newer.root))) refuse('the trees differ');
    return;
  }
  const path = [...proof];
  if (Number.isInteger(Math.log2(older.size))) path.unshift(older.root);
  if (path.length === 0) refuse('the proof is empty');
  let [fn, sn] = [older.size - 1, newer.size - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let [fr, sr] = [path[0], path[0]];
  for (const c of path.slice(1)) {
    if (sn === 0) refuse('the proof is too long');
    if (fn % 2 === 1 || fn === sn) {
      [fr, sr] = [node(c, fr), node(c, sr)];
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = node(sr, c);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  if (sn !== 0 || !equal(fr, older.root) || !equal(sr, newer.root)) refuse('the trees differ');
}

// noteKey reads a C2SP verifier key: NAME+ID+base64 of an algorithm's byte and the key.
export function noteKey(text) {
  const [name, id, ...rest] = text.split('+');
  const raw = unbase64(rest.join('+'));
  const sizes = { 1: 32, 4: 32, 6: 1312 };
  if (!/^[!-*,-~]{1,255}$/.test(name) || !raw || raw.length - 1 !== sizes[raw[0]]) refuse('malformed key of a log or a witness');
  const hash = sha256(concat(bytesOf(name + '\n'), raw)).subarray(0, 4);
  if (id !== hex(hash)) refuse('the key of a log or a witness does not have its own id');
  return { name, id: hash, alg: raw[0], key: raw.subarray(1) };
}

// logKeys reads the two keys of a log, Ed25519 and ML-DSA-44. It signs with both.
export function logKeys(ed, ml, origin) {
  const keys = [noteKey(ed), noteKey(ml)];
  if (keys[0].name !== origin || keys[0].alg !== 1 || keys[1].name !== `${origin}/mldsa` || keys[1].alg !== 6) refuse('the keys of the log are not its own');
  return keys;
}

const maxCheckpoint = 64 << 10;
const lastSecond = 253402300799;

// openCheckpoint reads a signed note of the log, and only the one spelling of it: three
// lines, an empty one, the log's two signatures, then those of cosigners, by name and key
// id. It returns who cosigned, and when by their word. With others, lines of cosigners may
// follow whose signatures are not looked at, only counted.
export function openCheckpoint(raw, keys, cosigners = [], others = false) {
  if (raw.length > maxCheckpoint) refuse('it is too large');
  const lines = textOf(raw).split('\n');
  if (lines.length < 7 || lines[3] !== '' || lines.at(-1) !== '') refuse('it is not three lines, an empty one and two signatures of the log');
  const c = parseText(lines, keys[0].name);
  const end = others ? 6 : -1;
  if (others && lines.slice(6, -1).some((l) => !isSignature(l))) refuse('malformed line of a signature');
  const signed = lines.slice(4, end).map((l, i) => (i < 2 ? signature(c, l, [keys[i]]) : signature(c, l, cosigners)));
  if (signed.slice(2).some((s) => s.seconds === 0)) refuse('a cosignature does not say when');
  const order = signed.slice(2).map((s) => `${s.key.name} ${hex(s.key.id)}`);
  if (order.some((name, i) => i > 0 && order[i - 1] >= name)) refuse('its cosignatures are repeated or not in their order');
  return { ...c, signed, others: others ? lines.length - 7 : 0 };
}

// isSignature reports whether a line has the form of a signature, by whomever.
function isSignature(text) {
  const m = /^\u2014 [^\s+]+ ([A-Za-z0-9+/=]+)$/.exec(text);
  return (m && unbase64(m[1])?.length >= 5) === true;
}

function parseText(lines, origin) {
  if (lines[0] !== origin) refuse(`it is of the log ${JSON.stringify(lines[0].slice(0, 80))}`);
  const size = Number(lines[1]);
  if (!/^(0|[1-9][0-9]{0,15})$/.test(lines[1]) || !Number.isSafeInteger(size)) refuse('malformed tree size');
  const root = unbase64(lines[2]);
  if (root?.length !== 32) refuse('malformed root hash');
  if (size === 0 && !equal(root, sha256(new Uint8Array()))) refuse('an empty tree with the root of another');
  return { origin, size, root, text: `${lines[0]}\n${lines[1]}\n${lines[2]}\n` };
}

// signature reads and verifies one line of signature by one of some keys.
function signature(c, text, keys) {
  const m = /^\u2014 ([!-*,-~]+) ([A-Za-z0-9+/=]+)$/.exec(text);
  const raw = m ? unbase64(m[2]) : null;
  if (!raw || raw.length < 4) refuse('malformed line of a signature');
  const key = keys.find((k) => k.name === m[1] && equal(k.id, raw.subarray(0, 4)));
  if (!key) throw new Refused(`a signature by a key that is not known here: ${m[1].slice(0, 80)}`, true);
  const rest = raw.subarray(4);
  const seconds = key.alg === 1 ? 0 : Number(rest.subarray(0, 8).reduce((n, b) => n * 256n + BigInt(b), 0n));
  const ok = key.alg === 1 ? verifyEd25519(key.key, bytesOf(c.text), rest) : rest.length > 8 && seconds <= lastSecond && cosigned(c, key, seconds, rest.subarray(8));
  if (!ok) refuse(`the signature of ${key.name} does not verify`);
  return { key, seconds };
}

// cosigned verifies a cosignature (C2SP tlog-cosignature), dated by its cosigner.
function cosigned(c, key, seconds, sig) {
  if (key.alg === 4) return verifyEd25519(key.key, bytesOf(`cosignature/v1\ntime ${seconds}\n${c.text}`), sig);
  const [name, origin] = [bytesOf(key.name), bytesOf(c.origin)];
  const message = concat(bytesOf('subtree/v1\n\0'), Uint8Array.of(name.length), name, bigEndian(seconds, 8), Uint8Array.of(origin.length), origin, bigEndian(0, 8), bigEndian(c.size, 8), c.root);
  return verifyML44(key.key, message, sig);
}

// parseProof reads the file proof of an entry: its index, and the audit path.
export function parseProof(raw) {
  const text = textOf(raw);
  const end = text.indexOf('\n');
  const m = /^index (0|-?[1-9][0-9]{0,15})$/.exec(text.slice(0, Math.max(end, 0)));
  if (!m || !Number.isSafeInteger(Number(m[1]))) refuse('malformed proof');
  return { index: Number(m[1]), path: hashLines(text.slice(end + 1)) };
}

// hashLines reads hashes, each in base64 on a line of its own.
export function hashLines(text) {
  const lines = text.split('\n');
  if (lines.pop() !== '') refuse('a proof ends without a line feed');
  const path = lines.map(unbase64);
  if (path.some((h) => h?.length !== 32)) refuse('malformed hash in a proof');
  return path;
}
