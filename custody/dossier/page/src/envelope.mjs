// DSSE envelopes (docs/formats.md, "Envelopes").

import { bytesOf, concat, isDigest, refuse, textOf, unbase64 } from './bytes.mjs';
import { read, write } from './json.mjs';
import { sum, verify } from './keys.mjs';

const maxEnvelope = 4 << 20;
const maxSigners = 32;

const types = {
  Envelope: [
    { name: 'payloadType', type: 'string' },
    { name: 'payload', type: 'string' },
    { name: 'signatures', type: '[]Signature' },
  ],
  Signature: [
    { name: 'keyid', type: 'string' },
    { name: 'sig', type: 'string' },
  ],
};

// parseEnvelope reads an envelope in its one form. It verifies nothing.
export function parseEnvelope(raw) {
  if (raw.length > maxEnvelope) refuse(`an envelope of ${raw.length} bytes is too large`);
  const text = textOf(raw);
  const e = read(types, 'Envelope', text);
  const payload = unbase64(e.payload);
  if (!payload) refuse('the payload is not canonical base64');
  if (write(types, 'Envelope', e) !== text) refuse('the envelope is not in canonical form');
  return { raw, payloadType: e.payloadType, payload, sha256: sum(payload), signatures: pairs(e.signatures) };
}

// pairs: two signatures for each key, Ed25519 first, keys ascending.
function pairs(list) {
  if (list.length % 2 !== 0) refuse('a hybrid signature lacks a half');
  if (list.length > 2 * maxSigners) refuse(`more than ${maxSigners} keys signed`);
  const out = [];
  for (let i = 0; i < list.length; i += 2) {
    const [a, b] = [list[i], list[i + 1]];
    if (!isDigest(a.keyid)) refuse('malformed key id');
    if (a.keyid !== b.keyid) refuse('a hybrid signature lacks a half');
    if (i > 0 && out.at(-1).id >= a.keyid) refuse('the signatures are not in ascending order of key id');
    const [ed, ml] = [unbase64(a.sig), unbase64(b.sig)];
    if (ed?.length !== 64) refuse(`the first signature of key ${a.keyid} is not an Ed25519 signature`);
    if (ml?.length !== 3309) refuse(`the second signature of key ${a.keyid} is not an ML-DSA-65 signature`);
    out.push({ id: a.keyid, ed, ml });
  }
  return out;
}

// pae returns the bytes that are signed.
export function pae(payloadType, payload) {
  const type = bytesOf(payloadType);
  return concat(bytesOf(`DSSEv1 ${type.length} `), type, bytesOf(` ${payload.length} `), payload);
}

// verifyAll checks every signature of an envelope against keys, a map from ids. One
// that is unknown or wrong fails all of it, however many others hold.
export function verifyAll(e, keys) {
  if (e.signatures.length === 0) refuse('it carries no signature');
  const message = pae(e.payloadType, e.payload);
  for (const s of e.signatures) {
    const key = keys.get(s.id);
    if (!key) refuse(`it is signed by a key that may not sign it here: ${s.id}`);
    if (!verify(key, message, s.ed, s.ml)) refuse(`the signature of key ${s.id} does not verify`);
  }
  return e.signatures.map((s) => s.id);
}
