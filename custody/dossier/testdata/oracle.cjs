// The second verifier without a page: node oracle.cjs VERIFIER FORMATS < cases
//
// A case is a line of JSON, {"read", "length", …}, and then that many bytes. The answer to each
// is a line of JSON. One process answers all, since starting one costs more than a case.
'use strict';

const fs = require('node:fs');
const vm = require('node:vm');

const [, , verifier, formatsFile] = process.argv;
vm.runInThisContext(fs.readFileSync(verifier, 'utf8') + '\nglobalThis.comity = comity;', { filename: verifier });
const comity = globalThis.comity;
const formats = JSON.parse(fs.readFileSync(formatsFile, 'utf8'));
const hex = comity.hex;

// keysOf are the keys that a vector lets its reader know.
const keysOf = (list) => new Map(list.map((text) => comity.publicKey(text)).map((k) => [k.id, k]));

// readers take what test/vectors has, and return the keys that its files give.
const readers = {
  envelope(c, data) {
    const e = comity.parseEnvelope(data);
    comity.verifyAll(e, keysOf(c.keys));
    return { 'payload-sha256': e.sha256 };
  },
  inner(c, data) {
    const { envelope } = comity.parseInner(formats, data);
    comity.verifyAll(envelope, keysOf(c.keys));
    return { 'payload-sha256': envelope.sha256 };
  },
  entry(c, data) {
    comity.parseEntry(formats, data);
    return { sha256: comity.sum(data) };
  },
  leaf(c, data) {
    if (data.length !== 56) throw new Error('a leaf has 56 bytes');
    const made = comity.leaf(c['first-statement-sha256'], c.seq, comity.salted(c.salt, c['entry-sha256'], c['envelope-sha256']));
    if (hex(made) !== hex(data)) throw new Error('it is another leaf than the one that its parts make');
    return { 'leaf-hash': hex(comity.leafHash(data)) };
  },
  manifest: (c, data) => ({ lines: String([...comity.lines(data)].length) }),
  checkpoint(c, data) {
    const p = comity.openCheckpoint(data, comity.logKeys(c['log-key'], c['log-mldsa-key'], 'relay.example'), c.witnesses.map(comity.noteKey));
    return { size: String(p.size), time: String(p.signed[1].seconds), cosignatures: p.signed.slice(2).map((s) => `${s.key.name} ${s.seconds}`).join(', ') };
  },
  pins(c, data) {
    const p = comity.parsePins(data);
    return { pins: String(p.authorities.size + p.relays.size) };
  },
  form(c, data) {
    const d = comity.readDossier(data);
    return { request: d.request, packages: String(d.packages.size) };
  },
  consistency(c) {
    const at = (x) => ({ size: x.size, root: Buffer.from(x.root, 'base64') });
    comity.checkConsistency(at(c.older), at(c.newer), c.proof.map((h) => Buffer.from(h, 'base64')));
    return {};
  },
  example(c) {
    const digest = (text) => comity.sum(Buffer.from(text));
    const salted = comity.salted(digest('salt'), digest('entry'), digest('envelope'));
    const leaf = comity.leaf(digest('a'), 7, salted);
    return {
      pae: Buffer.from(comity.pae('http://example.com/HelloWorld', Buffer.from('hello world'))).toString(), key: comity.publicKey(c.key).id,
      fingerprint: comity.fingerprint(2, ['a', 'b', 'c'].map(digest)), request: comity.idOf(digest('a')), salted, leaf: hex(leaf), leafHash: hex(comity.leafHash(leaf)),
    };
  },
  about: () => ({ kinds: Object.keys(formats.signers), notChecked: comity.notChecked.map((x) => x.id) }),
  dossier(c, data) {
    const v = comity.verify(data, comity.parsePins(Buffer.from(c.pins)), formats);
    if (v.result === 'failed') return { result: v.result, ...v.failed };
    const files = [...v.find(null)].map(([sum, list]) => list.map((x) => `${sum} ${x.standing} ${x.package} ${x.path}`)).flat();
    return {
      result: v.result, request: v.request, origins: [...v.authorities, v.relay].map((o) => `${o.name} ${o.fingerprint} ${o.pinned}`),
      checkpoint: `${v.checkpoint.size} ${hex(v.checkpoint.root)}`, files: files.sort(), counts: v.counts,
      acts: v.acts.map((a) => `${a.index} ${a.seq} ${a.kind} ${a.time} ${a.by} ${a.via} ${a.signers.join(',')} ${a.sha256}`),
      packages: v.packages.map((p) => `${p.id} ${p.sender} ${p.recipients.join(',')} ${p.size} ${p.deposited} ${p.unlocked} ${p.opened ? p.opened.standing : ''}`),
      says: v.acts.map((a) => a.says),
    };
  },
};

const input = fs.readFileSync(0);
const out = [];
for (let at = 0; at < input.length; ) {
  const end = input.indexOf(10, at);
  const c = JSON.parse(input.toString('utf8', at, end));
  const data = new Uint8Array(input.subarray(end + 1, end + 1 + c.length));
  at = end + 1 + c.length;
  try {
    out.push(JSON.stringify({ taken: true, ...readers[c.read](c, data) }));
  } catch (err) {
    out.push(JSON.stringify({ taken: false, why: String(err.message), broken: err.constructor.name !== 'Refused' && !err.message.startsWith('a leaf') && !err.message.startsWith('it is another leaf') }));
  }
}
const answers = Buffer.from(out.join('\n') + '\n');
for (let at = 0; at < answers.length; ) at += fs.writeSync(1, answers, at);
