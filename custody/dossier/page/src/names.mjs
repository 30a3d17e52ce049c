// Names (docs/formats.md, "Names").

import { unhex } from './bytes.mjs';

export const authorityPattern = /^[a-z][a-z0-9-]{1,30}$/;
export const originPattern = /^[a-z0-9][a-z0-9.-]{0,100}(\/[a-z0-9][a-z0-9.-]{0,99})?$/;
const namePattern = /^[a-z0-9][a-z0-9-]{0,40}$/;
const roles = ['registrar', 'officer', 'agent', 'recipient', 'auditor', 'witness'];

// party reads AUTHORITY/ROLE/NAME, or returns null.
export function party(id) {
  const p = id.split('/');
  if (p.length !== 3 || !authorityPattern.test(p[0]) || !roles.includes(p[1]) || !namePattern.test(p[2])) return null;
  return { authority: p[0], role: p[1] };
}

const letters = 'abcdefghijklmnopqrstuvwxyz234567';

// idOf returns the id of a request: 16 bytes of its hash in base32, without padding.
export function idOf(digest) {
  let [out, bits, n] = ['', 0, 0];
  for (const b of unhex(digest.slice(0, 32))) {
    n = (n << 8) | b;
    for (bits += 8; bits >= 5; bits -= 5) out += letters[(n >> (bits - 5)) & 31];
    n &= (1 << bits) - 1;
  }
  return out + letters[(n << (5 - bits)) & 31];
}

// isID: 26 letters that some 16 bytes have. The last one holds three bits.
export const isID = (s) => /^[a-z2-7]{25}[aeimquy4]$/.test(s);

