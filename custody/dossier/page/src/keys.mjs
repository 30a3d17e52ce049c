// Hybrid keys and signatures (docs/formats.md, "Keys and signatures"), and SHA-256.

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { bytesOf, concat, equal, hex, refuse, unbase64, unhex } from './bytes.mjs';

// sum returns the SHA-256 of bytes in hexadecimal.
export const sum = (bytes) => hex(sha256(bytes));

// hasher takes bytes in slices, for files that do not fit into memory.
export const hasher = () => sha256.create();

const prefix = 'ed25519+ml-dsa-65:';
const edSize = 32;
const mlSize = 1952;

// publicKey reads the text form of a hybrid public key.
export function publicKey(text) {
  const raw = text.startsWith(prefix) ? unbase64(text.slice(prefix.length)) : null;
  if (!raw || raw.length !== edSize + mlSize) refuse('malformed public key');
  return { id: sum(raw), ed: raw.subarray(0, edSize), ml: raw.subarray(edSize) };
}

// fingerprint names a set of root keys and how many of them must sign.
export function fingerprint(threshold, ids) {
  const sorted = [...ids].sort();
  if (threshold < 1 || threshold > ids.length || ids.length > 255) refuse(`a threshold of ${threshold} of ${ids.length} keys is impossible`);
  if (sorted.some((id, i) => id === sorted[i - 1])) refuse('a root key is listed twice');
  return sum(concat(bytesOf('comity/root-keys/v1\0'), Uint8Array.of(threshold), ...sorted.map(unhex)));
}

// verifyEd25519: RFC 8032, section 5.1.7, without the cofactor: R is the encoding of
// [S]B - [k]A.
export function verifyEd25519(key, message, signature) {
  if (signature.length !== 64) return false;
  const { Point } = ed25519;
  const order = Point.Fn.ORDER;
  const R = signature.subarray(0, 32);
  const S = little(signature.subarray(32));
  if (S >= order) return false;
  let A;
  try {
    A = Point.fromBytes(key, true);
  } catch {
    return false;
  }
  const k = little(sha512(concat(R, key, message))) % order;
  const back = Point.BASE.multiplyUnsafe(S).subtract(A.multiplyUnsafe(k));
  return equal(back.toBytes(), R);
}

const little = (bytes) => BigInt('0x' + hex(Uint8Array.from(bytes).reverse()));

// Enrolments recur in every version of a directory: what was verified once is not
// verified again. A result stands under the hash of all that it depends on.
const results = new Map();

// verify checks both halves of a signature. Neither counts alone.
export function verify(key, message, ed, ml) {
  const name = sum(concat(key.ed, key.ml, sha256(message), ed, ml));
  if (!results.has(name)) results.set(name, verifyEd25519(key.ed, message, ed) && verifyML(key.ml, message, ml));
  return results.get(name);
}

function verifyML(key, message, signature, scheme = ml_dsa65) {
  try {
    return scheme.verify(signature, message, key);
  } catch {
    return false;
  }
}

// verifyML44 verifies what logs and witnesses sign with.
export const verifyML44 = (key, message, signature) => verifyML(key, message, signature, ml_dsa44);
