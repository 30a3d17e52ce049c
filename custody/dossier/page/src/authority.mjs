// Roots, directories, relays, and who may sign (docs/formats.md, "Directories").

import { Refused, bytesOf, hex, refuse, textOf, zeros } from './bytes.mjs';
import { parseEnvelope, verifyAll } from './envelope.mjs';
import { clock, read } from './json.mjs';
import { fingerprint, publicKey, verifyEd25519, verifyML44 } from './keys.mjs';
import { noteKey } from './log.mjs';
import { party } from './names.mjs';

const enrolmentType = 'application/vnd.comity.enrolment.v1+json';

// before compares two times.
export const before = (a, b) => clock(a) < clock(b);

// keysOf returns the keys of a list by id.
function keysOf(list) {
  const keys = new Map(list.map((text) => publicKey(text)).map((k) => [k.id, k]));
  return keys;
}

// rootOf reads the root keys that a root or a relay names, and their fingerprint.
export function rootOf(threshold, list) {
  const ids = list.map((text) => publicKey(text).id);
  return { threshold, keys: keysOf(list), fingerprint: fingerprint(threshold, ids) };
}

const signedBy = (ids, keys) => ids.filter((id) => keys.has(id)).length;

// members reads the listings of a root or a directory and verifies their enrolments.
function members(formats, authority, listings, registrars) {
  const out = new Map();
  const seen = new Set();
  let last = '';
  for (const l of listings) {
    const p = party(l.id);
    if (!p || p.authority !== authority || (p.role === 'registrar') !== registrars) refuse(`the entry ${JSON.stringify(l.id.slice(0, 80))} does not belong here`);
    if (l.id <= last) refuse(`the entry ${l.id} is not in ascending order`);
    last = l.id;
    if (!['active', 'retired', 'revoked'].includes(l.status)) refuse(`the entry ${l.id} has an unknown standing`);
    if (!before(l.not_before, l.not_after)) refuse(`the entry ${l.id} ends before it begins`);
    const m = { ...l, ...p, ...enrolled(formats, l, p) };
    for (const mark of [p.role === 'recipient' ? m.recipient : m.key.id, ...m.cosigners.map((k) => hex(k.key))]) {
      if (seen.has(mark)) refuse(`two entries share a key of ${l.id}`);
      seen.add(mark);
    }
    out.set(l.id, m);
  }
  for (const m of out.values()) {
    if (m.role === 'recipient' && out.get(m.holder)?.key.id !== m.key.id) refuse(`the entry ${m.id} is not signed by the listed key of its holder`);
  }
  return out;
}

// enrolled verifies that a party listed its keys itself; a recipient, its holder.
function enrolled(formats, listing, p) {
  const env = parseEnvelope(listing.enrolment);
  if (env.payloadType !== enrolmentType) refuse(`the entry ${listing.id} has no enrolment`);
  const e = read(formats.types, 'Enrolment', textOf(env.payload));
  const key = publicKey(e.key);
  try {
    verifyAll(env, new Map([[key.id, key]]));
  } catch (err) {
    throw new Refused(`the enrolment of ${listing.id}: ${err.message}`);
  }
  if (e._type !== 'comity/enrolment/v1' || e.id !== listing.id || e.authority !== p.authority) refuse(`the entry ${listing.id} carries another enrolment`);
  const held = p.role === 'recipient';
  const holder = held ? party(e.holder ?? '') : null;
  if (held !== Boolean(e.recipient && e.challenge && holder?.role === 'agent')) refuse(`the enrolment of ${listing.id} is not that of its role`);
  return { key, recipient: e.recipient, holder: e.holder, cosigners: cosigners(e, p) };
}

// cosigners reads the log keys of a witness, which are named like it, and the proofs
// that it has them.
function cosigners(e, p) {
  const list = e.cosigners ?? [];
  if (list.length !== (p.role === 'witness' ? 2 : 0)) refuse(`the enrolment of ${e.id} is not that of its role`);
  return list.map((c, i) => {
    const k = noteKey(c.key);
    if (k.alg !== [4, 6][i] || k.name !== e.id) refuse(`a log key of ${e.id} is not its own`);
    const message = bytesOf(`comity/cosigner/v1\0${e.id}`);
    if (!(k.alg === 4 ? verifyEd25519 : verifyML44)(k.key, message, c.proof)) refuse(`${e.id} has not proved that it has its log keys`);
    return k;
  });
}

// active tells whether a member's entry is in force at a time.
const active = (m, now) => m.status === 'active' && !before(now, m.not_before) && before(now, m.not_after);

// Authority is what an authority's record says of it, up to some entry.
export class Authority {
  constructor(name) {
    this.name = name;
    this.root = null; // {body, sha256, threshold, keys, fingerprint}
    this.directory = null; // {body, sha256}
    this.registrars = new Map();
    this.members = new Map();
  }

  // addRoot takes the next root. The first is the one of the fingerprint given.
  addRoot(formats, s, now, pinned) {
    const b = s.body;
    const next = { body: b, sha256: s.sha256, ...rootOf(b.threshold, b.keys) };
    let keys = next.keys;
    if (!this.root) {
      if (b.version !== 1 || b.prev) refuse('its first root is not version 1');
      if (next.fingerprint !== pinned) refuse('its first root is not the one of the fingerprint');
    } else {
      follows(b, this.root);
      keys = new Map([...this.root.keys, ...next.keys]);
    }
    const ids = verifyAll(s.envelope, keys);
    if (signedBy(ids, next.keys) < next.threshold || (this.root && signedBy(ids, this.root.keys) < this.root.threshold)) refuse('too few of the root keys signed it');
    if (!before(now, b.expires)) refuse('it had expired');
    const registrars = members(formats, this.name, b.registrars, true);
    if (b.registrar_threshold < 1 || b.registrar_threshold > registrars.size) refuse('its threshold of registrars is impossible');
    apart(next.keys, registrars);
    Object.assign(this, { root: next, registrars });
  }

  // addDirectory takes the next directory.
  addDirectory(formats, s, now) {
    const b = s.body;
    if (!this.root || b.root !== this.root.sha256) refuse('it is not for the root in force');
    if (!this.directory && (b.version !== 1 || b.prev)) refuse('its first directory is not version 1');
    if (this.directory) follows(b, this.directory);
    const keys = new Map([...this.registrars.values()].filter((m) => active(m, now)).map((m) => [m.key.id, m.key]));
    const ids = verifyAll(s.envelope, keys);
    if (ids.length < this.root.body.registrar_threshold && !onlyRevokes(formats, this.directory?.body, b)) refuse('too few registrars signed it');
    if (!before(now, b.expires) || !before(now, this.root.body.expires)) refuse('it, or its root, had expired');
    if (Object.values(b.rules).some((n) => n < 1)) refuse('it has a threshold below one officer');
    const list = members(formats, this.name, b.entries, false);
    apart(this.root.keys, list);
    apart(new Map([...this.registrars.values()].map((m) => [m.key.id, m.key])), list);
    this.directory = { body: b, sha256: s.sha256 };
    this.members = list;
  }

  // inForce tells whether root and directory fit and hold at a time.
  inForce(now) {
    return this.directory !== null && this.directory.body.root === this.root.sha256 && before(now, this.directory.body.expires) && before(now, this.root.body.expires);
  }

  // active returns the members of a role that may act at a time.
  active(role, now) {
    return this.inForce(now) ? [...this.members.values()].filter((m) => m.role === role && active(m, now)) : [];
  }
}

// follows: the next version, naming the hash of the one in force.
export function follows(body, inForce) {
  if (body.version !== inForce.body.version + 1 || body.prev !== inForce.sha256) refuse('it does not follow the version in force');
}

// apart: nobody in a list has one of these keys.
function apart(keys, list) {
  for (const m of list.values()) if (keys.has(m.key.id)) refuse(`${m.id} has a key of those who list it`);
}

// onlyRevokes: the next directory turns active entries into revoked ones, and changes
// nothing else: what one registrar may do alone.
function onlyRevokes(formats, old, next) {
  if (!old || old.entries.length !== next.entries.length) return false;
  const rest = (b) => same({ ...b, entries: [], _type: '', nonce: '', issued: '', version: 0, prev: '', after: '' });
  if (rest(old) !== rest(next)) return false;
  let changed = false;
  for (const [i, l] of next.entries.entries()) {
    const o = old.entries[i];
    if (same(o) === same(l)) continue;
    if (o.status !== 'active' || l.status !== 'revoked' || same({ ...o, status: 'revoked' }) !== same(l)) return false;
    changed = true;
  }
  return changed;
}

// same writes a value so that equal ones have equal texts, whatever the order of fields.
function same(v) {
  if (v instanceof Uint8Array) return v.join(',');
  if (Array.isArray(v)) return `[${v.map(same).join(';')}]`;
  if (v === null || typeof v !== 'object') return JSON.stringify(v ?? null);
  return `{${Object.keys(v).sort().map((k) => `${k}=${same(v[k])}`).join(';')}}`;
}

// officersFor returns how many officers must sign a statement, by the rules of their
// directory, and which of them may.
export function officersFor(formats, s, authority, now) {
  const rules = authority.directory?.body.rules ?? {};
  const b = s.body;
  const urgent = s.kind === 'grant' && (b.danger_sha256 ?? zeros) !== zeros;
  const list = authority.active('officer', now).filter((m) => !urgent || m.duties?.includes('emergency'));
  let rule = formats.signers[s.kind].officers;
  if (s.kind === 'suspension' && b.state === 'suspended') rule = 1;
  if (['offer', 'grant', 'amendment'].includes(s.kind) && sensitive(b)) rule = 'sensitive';
  if (urgent) rule = b.sensitive.length === 0 && b.categories.length === 1 && b.categories[0] === 'subscriber-data' ? 1 : 2;
  const need = typeof rule === 'number' ? rule : rules[rule];
  if (need === undefined) throw new Refused(`how many officers must sign a ${s.kind} is not known here`, true);
  return { need, list };
}

const sensitive = (terms) => terms.sensitive.length > 0 || terms.categories.some((c) => c !== 'subscriber-data' && c !== 'traffic-data');
