// The files of a dossier, put in their places (docs/formats.md, "The dossier").

import { Refused, equal, isDigest, refuse, textOf } from './bytes.mjs';
import { parseEnvelope } from './envelope.mjs';
import { read, write } from './json.mjs';
import { parseProof } from './log.mjs';
import { authorityPattern, isID, originPattern } from './names.mjs';
import { readZip } from './zip.mjs';

const sizes = {
  'checkpoint': 64 << 10,
  'dossier.json': 8 << 10,
  'entry.json': 1 << 20,
  'envelope.json': 4 << 20,
  'statement.json': 4 << 20,
  'proof': 8 << 10,
  'salt': 8 << 10,
  'inner.json': 256 << 10,
  'manifest-sha256.txt': 256 << 20,
  'tagmanifest-sha256.txt': 8 << 10,
};
const ofLine = ['entry.json', 'envelope.json', 'proof', 'salt', 'statement.json'];
const ofPackage = ['inner.json', 'manifest-sha256.txt', 'tagmanifest-sha256.txt'];

// place tells where a file of that name belongs, or null: no dossier has such a file.
function place(name) {
  const p = name.split('/');
  const last = p.at(-1);
  if (name === 'checkpoint' || name === 'dossier.json') return { top: name };
  if (p.length === 3 && p[0] === 'packages' && ofPackage.includes(last)) return { package: p[1], file: last };
  if (p.length === 4 && p[0] === 'records' && ofLine.includes(last)) return { record: p[1], seq: p[2], file: last };
  return null;
}

const index = {
  index: [
    { name: '_type', type: 'string' },
    { name: 'relay', type: 'string' },
    { name: 'request', type: 'string' },
  ],
};

// readDossier reads the form of a dossier: its archive, the names of its files, their
// number, the envelopes and what is derived from them. It verifies nothing.
export function readDossier(bytes) {
  const files = readZip(bytes, (name) => (place(name) ? sizes[name.split('/').at(-1)] : 0));
  const d = { relay: '', request: '', checkpoint: null, records: new Map(), packages: new Map() };
  const own = files.find((f) => f.name === 'dossier.json');
  if (!own) refuse('there is no dossier.json');
  readIndex(d, own.data);
  for (const f of files) put(d, f, place(f.name));
  if (!d.checkpoint) refuse('there is no checkpoint');
  for (const [id, lines] of d.records) lines.forEach((l, seq) => finishLine(l, id, seq));
  for (const [id, x] of d.packages) if (ofPackage.some((n) => !x[n])) refuse(`a file of package ${id} is missing`);
  return d;
}

function readIndex(d, data) {
  const text = textOf(data);
  const x = read(index, 'index', text);
  if (x._type !== 'comity/dossier/v1') throw new Refused(`dossier.json: unknown _type ${JSON.stringify(x._type.slice(0, 80))}`, true);
  if (write(index, 'index', x) !== text) refuse('dossier.json is not in canonical form');
  if (!originPattern.test(x.relay)) refuse('dossier.json: malformed origin of a relay');
  if (!isID(x.request)) refuse('dossier.json: malformed id of a request');
  [d.relay, d.request] = [x.relay, x.request];
}

function put(d, f, at) {
  if (at.top) {
    if (at.top === 'checkpoint') d.checkpoint = f.data;
    return;
  }
  if (at.package !== undefined) {
    if (!isID(at.package)) refuse(`malformed id of a package in ${JSON.stringify(f.name)}`);
    if (!d.packages.has(at.package)) d.packages.set(at.package, {});
    d.packages.get(at.package)[at.file] = f.data;
    return;
  }
  const id = recordOf(at.record);
  if (!id) refuse(`the record of ${JSON.stringify(f.name)} does not belong into a dossier`);
  if (!d.records.has(id)) d.records.set(id, []);
  const lines = d.records.get(id);
  const next = /^[0-9]{6}$/.test(at.seq) ? Number(at.seq) : -1;
  if (next === lines.length) lines.push({});
  if (next !== lines.length - 1) refuse('entries must be numbered from 000000 without a gap');
  lines[next][at.file] = f.data;
}

// recordOf returns the name of a record by its folder: relay, authority/NAME, request.
function recordOf(folder) {
  if (folder === 'relay' || folder === 'request') return folder;
  const name = folder.startsWith('authority-') ? folder.slice(10) : '';
  return authorityPattern.test(name) ? `authority/${name}` : null;
}

// finishLine reads the small files of an entry. An event has no statement.
function finishLine(l, id, seq) {
  const where = `entry ${seq} of record ${id}`;
  if (!l['entry.json'] || !l.proof || !l.salt) refuse(`a file of ${where} is missing`);
  Object.assign(l, parseProof(l.proof));
  const salt = textOf(l.salt);
  if (!salt.endsWith('\n') || !isDigest(salt.slice(0, -1))) refuse(`malformed salt of ${where}`);
  l.saltHex = salt.slice(0, -1);
  if (!l['envelope.json'] !== !l['statement.json']) refuse(`a file of ${where} is missing`);
  if (!l['envelope.json']) return;
  l.envelope = parseEnvelope(l['envelope.json']);
  if (!equal(l.envelope.payload, l['statement.json'])) refuse(`statement.json of ${where} is not what was signed`);
}
