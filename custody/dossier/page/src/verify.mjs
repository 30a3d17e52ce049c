// The verifier: everything that docs/formats.md says a reader can check of a dossier,
// but the rule book. notChecked names what that leaves out.

import { Refused, refuse, zeros } from './bytes.mjs';
import { Authority, before, follows, officersFor, rootOf } from './authority.mjs';
import { verifyAll } from './envelope.mjs';
import { readDossier } from './form.mjs';
import { sum } from './keys.mjs';
import { checkConsistency, checkInclusion, leaf, logKeys, openCheckpoint, salted } from './log.mjs';
import { party } from './names.mjs';
import { opened } from './package.mjs';
import { tell } from './story.mjs';
import { fits, opens, parseEntry, parseStatement, recordOf } from './statement.mjs';

// notChecked is what a dossier can still be wrong in when this verifier passes it, and
// comity-verify would find.
export const notChecked = [
  { id: 'rules', text: 'Whether each act was allowed when it was made: its order, a live grant, its limits and recipients, reviews, emergencies, suspensions and holds. That is the rule book, which comity-verify replays.' },
  { id: 'fields', text: 'Whether each code and number in a statement is one that the rules know.' },
  { id: 'events', text: 'Whether the relay was entitled to what it notes of itself without anybody\u2019s signature.' },
  { id: 'carriers', text: 'Whether the office that carried an act to the relay was listed for it.' },
  { id: 'certificates', text: 'The network certificates and encryption keys inside the directories; who listed them is checked.' },
  { id: 'documents', text: 'Documents for reading inside the file (timeline, transfer record, CASE/UCO, VERIFY.txt): whether they say what the rest says. Do not read those of a file that only this page has checked; read this page.' },
  { id: 'stamps', text: 'Time stamps of time stamping authorities, cosignatures of witnesses, renewals, and whether the hours agree with them. That the log continues the checkpoints which they are over is checked.' },
];

// run verifies a dossier. It is a generator that yields how far it is, from 0 to 1, and
// returns a verdict. It never throws: what fails is in the verdict.
export function* run(bytes, pins, formats) {
  const v = new Verifier(pins, formats);
  try {
    yield* v.all(bytes);
    return v.passed();
  } catch (err) {
    return v.failed(err);
  }
}

// verify does it at once.
export function verify(bytes, pins, formats) {
  for (const steps = run(bytes, pins, formats); ; ) {
    const s = steps.next();
    if (s.done) return s.value;
  }
}

class Verifier {
  constructor(pins, formats) {
    Object.assign(this, { pins, formats, checks: [], now: 'form', counts: {} });
    this.authorities = new Map();
    this.relay = null;
    this.records = new Map(); // name to {length, tip, first, last}
    this.acts = [];
    this.gaps = [];
    this.signatures = 0;
  }

  // check names what is being checked, and notes it once it is done.
  check(group, name, f) {
    this.now = name;
    const out = f();
    this.checks.push(name);
    this.counts[group] = (this.counts[group] ?? 0) + 1;
    return out;
  }

  * all(bytes) {
    this.d = this.check('form', 'form of the file', () => readDossier(bytes));
    this.check('records', 'set of records', () => this.parties());
    this.origins();
    this.log();
    this.early();
    const lines = this.inOrder();
    for (const [i, l] of lines.entries()) {
      this.line(l);
      if (i % 8 === 7) yield (i + 1) / lines.length;
    }
    this.declared();
    this.contents = new Map();
    for (const [id, x] of [...this.d.packages].sort()) {
      this.contents.set(id, opened(this, id, x));
      yield 1;
    }
  }

  statement(line) {
    if (!line?.envelope) refuse('an entry lacks its statement');
    line.statement ??= parseStatement(this.formats, line.envelope, this.d.relay);
    return line.statement;
  }

  // parties: the record of the request begins with a request or an offer, and the other
  // records are those of its two authorities and of the relay.
  parties() {
    const { records } = this.d;
    const s = this.statement(records.get('request')?.[0]);
    if (!opens(s)) refuse(`the record of the request begins with a ${s.kind}`);
    this.names = s.kind === 'request' ? [s.body.by, s.body.to] : [s.body.to, s.body.by];
    this.first = s.sha256;
    const want = ['request', 'relay', ...this.names.map((n) => `authority/${n}`)];
    if (new Set(want).size !== 4) refuse('the request is not between two authorities');
    for (const id of want) if (!records.has(id)) refuse(`the record ${id} is missing`);
    if (records.size !== 4) refuse('there is a record that does not belong to the request');
  }

  // origins compares the fingerprints of all roots with the pins.
  origins() {
    this.roots = [];
    for (const name of this.names) {
      this.check('roots', `root of authority ${name}`, () => {
        const s = this.statement(this.d.records.get(`authority/${name}`)[0]);
        if (s.kind !== 'root') refuse(`its record begins with a ${s.kind}`);
        this.roots.push(pinned(this.pins.authorities, name, rootOf(s.body.threshold, s.body.keys).fingerprint));
      });
    }
    this.check('roots', `root of relay ${this.d.relay}`, () => {
      const s = this.statement(this.d.records.get('relay')[0]);
      if (s.kind !== 'relay') refuse(`its record begins with a ${s.kind}`);
      this.relayRoot = pinned(this.pins.relays, this.d.relay, rootOf(s.body.root_threshold, s.body.root_keys).fingerprint);
    });
  }

  // log opens the checkpoint with the keys of the relay's newest descriptor, whose own
  // signatures the replay checks.
  log() {
    this.check('checkpoint', 'signature of the checkpoint', () => {
      const last = this.d.records.get('relay').findLast((l) => l.envelope);
      const b = this.statement(last).body;
      this.keys = logKeys(b.log_key ?? '', b.log_mldsa_key ?? '', this.d.relay);
      this.checkpoint = openCheckpoint(this.d.checkpoint, this.keys);
    });
  }

  // early: the log continues the earlier checkpoints that are in the file.
  early() {
    for (const [size, e] of this.d.early) {
      this.check('early', `earlier checkpoint of size ${size}`, () => {
        let vouched = e.tokens > 0;
        for (const note of [e.note, e.first, e.last].filter(Boolean)) {
          const c = openCheckpoint(note, this.keys, [], true);
          if (c.size !== size) refuse(`it is of size ${c.size}`);
          checkConsistency(c, this.checkpoint, e.path);
          vouched ||= c.others > 0;
        }
        if (!vouched) refuse('nobody vouches for it');
      });
    }
  }

  // inOrder lists all entries in the order of the log.
  inOrder() {
    const all = [];
    for (const [record, lines] of this.d.records) lines.forEach((line, seq) => all.push({ record, seq, line }));
    return all.sort((a, b) => a.line.index - b.line.index);
  }

  line({ record, seq, line }) {
    const where = `entry ${seq} of record ${record}`;
    const r = this.records.get(record) ?? { length: 0 };
    if (line.gap) {
      this.gap(record, seq, line, r);
      return;
    }
    const { e, s } = this.check('entries', where, () => this.entry(record, seq, line, r));
    this.check('inclusion', `log inclusion of ${where}`, () => {
      const first = s && r.length === 0 ? s.sha256 : r.first;
      const commitment = salted(line.saltHex, sum(line['entry.json']), e.envelope_sha256);
      checkInclusion(this.checkpoint.size, this.checkpoint.root, line.index, leaf(first, seq, commitment), line.path);
      this.records.set(record, { length: r.length + 1, tip: commitment, first });
    });
  }

  // gap: the log holds an entry of the request's record in the place of one that is not
  // shown, and the next one names it. What it says nobody can tell.
  gap(record, seq, line, r) {
    this.check('gaps', `gap in place of entry ${seq} of record ${record}`, () => {
      if (record !== 'request' || r.length === 0) refuse('only entries of the request may be withheld, and not the first');
      if (line.gap.reason === 'erased' && line.gap.by !== this.d.relay) refuse('only the relay can say that it was erased');
      this.follows(line.index);
      checkInclusion(this.checkpoint.size, this.checkpoint.root, line.index, leaf(r.first, seq, line.gap.salted), line.path);
    });
    this.records.set(record, { length: r.length + 1, tip: line.gap.salted, first: r.first });
    this.gaps.push({ seq, index: line.index, reason: line.gap.reason, by: line.gap.by });
  }

  // declared: what is said to be erased the relay says in the record itself.
  declared() {
    for (const g of this.gaps.filter((g) => g.reason === 'erased')) {
      this.check('gaps', `gap in place of entry ${g.seq}, erased`, () => {
        if (!this.acts.some((a) => a.event?.erased?.entries.includes(g.seq))) refuse('it is said to be erased, and no event of the relay\u2019s says so');
      });
    }
  }

  follows(index) {
    if (index <= (this.lastIndex ?? -1)) refuse('two entries stand at one place in the log');
    this.lastIndex = index;
  }

  // entry checks one entry at its place, and makes what it says part of what is in force.
  entry(record, seq, line, r) {
    const e = parseEntry(this.formats, line['entry.json']);
    const s = e.event ? null : this.statement(line);
    if (e.event && line.envelope) refuse('an event has no envelope');
    const name = record === 'request' ? this.d.request : record;
    if (e.record !== name || e.seq !== seq || (s && recordOf(this.formats, s, this.d.request) !== record)) refuse(`it belongs elsewhere: ${e.record} ${e.seq}`);
    if (e.relay !== this.d.relay) refuse(`it is of the relay ${JSON.stringify(e.relay.slice(0, 80))}`);
    this.follows(line.index);
    if (this.lastTime && before(e.time, this.lastTime)) refuse('it is dated before the entry that precedes it in the log');
    this.lastTime = e.time;
    if (s && record === 'request' && !opens(s) && s.body.request_sha256 !== this.first) refuse('it is about another request');
    fits(e, line, r, s);
    if (e.decision.code !== 'allowed') refuse(`the relay itself says that it was refused: ${e.decision.code}`);
    this.inForce(record, e, s);
    const signers = s ? this.signed(s, e) : [];
    this.note(record, e, s, signers, line);
    return { e, s };
  }

  // inForce: the entry names the directories in force at its place.
  inForce(record, e, s) {
    let names = [];
    if (record === 'request') names = [...this.names].sort();
    else if (s && s.kind !== 'root' && s.kind !== 'directory' && s.kind !== 'relay') names = [s.body.by];
    const want = names.map((n) => this.authorities.get(n)).filter((a) => a?.directory);
    const same = (d, a) => d && d.authority === a.name && d.version === a.directory.body.version && d.sha256 === a.directory.sha256;
    if (want.length !== e.directories.length || !want.every((a, i) => same(e.directories[i], a))) refuse('it was decided with other directories than those in force at its place in the log');
  }

  // signed verifies all signatures of a statement and returns who made them.
  signed(s, e) {
    this.signatures += s.envelope.signatures.length;
    switch (this.formats.signers[s.kind].signed) {
      case 'root':
      case 'registrars':
        return this.listed(s, e.time);
      case 'relay':
        return this.described(s);
      case 'agent':
        return this.byAgent(s, e.time);
      case 'agent or officers':
        return party(s.body.by) ? this.byAgent(s, e.time) : this.byOfficers(s, e.time);
      case 'officers':
        return this.byOfficers(s, e.time);
    }
    throw new Refused(`who signs a ${s.kind} is not known here`, true);
  }

  listed(s, now) {
    const name = s.body.by;
    const a = this.authorities.get(name) ?? new Authority(name);
    if (s.kind === 'root') {
      a.addRoot(this.formats, s, now, this.roots.find((o) => o.name === name)?.trusted);
    } else {
      a.addDirectory(this.formats, s, now);
    }
    this.authorities.set(name, a);
    this.counts.directories = (this.counts.directories ?? 0) + 1;
    return s.envelope.signatures.map(({ id }) => [...a.registrars.values()].find((m) => m.key.id === id)?.id ?? `key ${id}`).sort();
  }

  // described: the relay's root signed its descriptor, and stays the same.
  described(s) {
    const b = s.body;
    const root = rootOf(b.root_threshold, b.root_keys);
    if (b.by !== this.d.relay) refuse('it is of another relay');
    if (root.fingerprint !== this.relayRoot.trusted) refuse('it has other root keys than the first');
    if (this.relay) follows(b, this.relay);
    else if (b.version !== 1 || b.prev) refuse('the first descriptor is not version 1');
    if (verifyAll(s.envelope, root.keys).length < root.threshold) refuse('too few of the root keys signed it');
    this.relay = { body: b, sha256: s.sha256 };
    return s.envelope.signatures.map(({ id }) => `key ${id}`);
  }

  byAgent(s, now) {
    const a = this.authorities.get(party(s.body.by)?.authority ?? '');
    const m = a?.active('agent', now).find((x) => x.id === s.body.by);
    if (!m) refuse(`${JSON.stringify(s.body.by.slice(0, 80))} is no active agent`);
    verifyAll(s.envelope, new Map([[m.key.id, m.key]]));
    if (s.kind === 'seal') s.sender = m.key;
    return [m.id];
  }

  byOfficers(s, now) {
    const a = this.authorities.get(s.body.by);
    if (!a) refuse(`${JSON.stringify(s.body.by.slice(0, 80))} is no party here`);
    const { need, list } = officersFor(this.formats, s, a, now);
    const ids = verifyAll(s.envelope, new Map(list.map((m) => [m.key.id, m.key])));
    if (ids.length < need) refuse(`${ids.length} officers signed it, ${need} must`);
    return list.filter((m) => ids.includes(m.key.id)).map((m) => m.id).sort();
  }

  // note keeps what is to be told.
  note(record, e, s, signers, line) {
    const pair = s?.kind === 'suspension' && this.names.includes(s.body.by) && this.names.includes(s.body.with);
    if (record !== 'request' && !pair) return;
    this.acts.push({ record, seq: e.seq, index: line.index, kind: e.kind, time: e.time, by: s ? s.body.by : e.relay, via: e.via ?? '', signers, statement: s, sha256: s?.sha256 ?? zeros, event: e.event });
  }

  // seal returns the seal of a package, as the record has it.
  seal(id) {
    return this.acts.find((a) => a.kind === 'seal' && a.statement.body.package === id)?.statement;
  }

  passed() {
    const origins = [...this.roots, this.relayRoot];
    return {
      result: !origins.every((o) => o.pinned) ? 'unpinned' : this.gaps.length > 0 ? 'in-part' : 'passed',
      gaps: this.gaps,
      documents: this.d.documents > 0,
      request: this.d.request,
      authorities: this.roots,
      relay: this.relayRoot,
      checkpoint: { size: this.checkpoint.size, root: this.checkpoint.root },
      checks: this.checks, counts: { ...this.counts, signatures: this.signatures },
      notChecked,
      ...tell(this),
    };
  }

  // failed says which check failed. Nothing else of the file is told: half a proof must
  // not read like one.
  failed(err) {
    const known = err instanceof Refused;
    return { result: 'failed', failed: { check: this.now, why: known ? err.message : `the verifier itself failed: ${err}`, later: known && err.later }, checks: this.checks, notChecked };
  }
}

// pinned returns an origin, and fails if a pin says another fingerprint.
function pinned(pins, name, fingerprint) {
  const pin = pins.get(name);
  if (pin !== undefined && pin !== fingerprint) refuse(`the file has the fingerprint ${fingerprint}, pinned is ${pin}`);
  return { name, fingerprint, pinned: pin !== undefined, trusted: fingerprint };
}

