// The files of a dossier, put in their places (docs/formats.md, "The dossier").

import { Refused, bytesOf, equal, isDigest, refuse, textOf, zeros } from './bytes.mjs';
import { parseEnvelope } from './envelope.mjs';
import { read, write } from './json.mjs';
import { hashLines, parseProof } from './log.mjs';
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
  'index.txt': 8 << 20,
  'gap.json': 8 << 10,
};
const documents = ['VERIFY.txt', 'case.jsonld', 'timeline.html', 'timeline.pdf', 'transfer.json', 'transfer.pdf'];
const ofLine = ['entry.json', 'envelope.json', 'gap.json', 'proof', 'salt', 'statement.json'];
const ofPackage = ['inner.json', 'manifest-sha256.txt', 'tagmanifest-sha256.txt'];

// place tells where a file of that name belongs and how many bytes it may have, or
// null: no dossier has such a file.
function place(name) {
  const p = name.split('/');
  const last = p.at(-1);
  if (name === 'checkpoint' || name === 'dossier.json') return { top: name, most: sizes[name] };
  if (documents.includes(name)) return { document: name, most: 48 << 20 };
  if (p.length === 3 && p[0] === 'packages' && [...ofPackage, 'index.txt'].includes(last)) return { package: p[1], file: last, most: sizes[last] };
  if (p.length === 4 && p[0] === 'records' && ofLine.includes(last)) return { record: p[1], seq: p[2], file: last, most: sizes[last] };
  const early = /^checkpoints\/(0|[1-9][0-9]{0,15})(?:\.(proof|first|last))?$/.exec(name);
  if (early) return { early: Number(early[1]), file: early[2] ?? 'note', most: early[2] === 'proof' ? 8 << 10 : 64 << 10 };
  const token = /^tokens\/(0|[1-9][0-9]{0,15})-([0-9])\.tsr$/.exec(name);
  if (token) return { early: Number(token[1]), file: 'tokens', n: Number(token[2]), most: 64 << 10 };
  const renewal = /^renewals\/([0-9]{6})\/token\.tsr$/.exec(name);
  if (renewal) return { renewal: Number(renewal[1]), most: 64 << 10 };
  return null;
}

const index = {
  index: [
    { name: '_type', type: 'string' },
    { name: 'relay', type: 'string' },
    { name: 'request', type: 'string' },
    { name: 'documents', type: 'string', optional: true },
  ],
  gap: [
    { name: '_type', type: 'string' },
    { name: 'salted', type: 'digest' },
    { name: 'reason', type: 'string' },
    { name: 'by', type: 'string' },
  ],
};

// readDossier reads the form of a dossier: its archive, the names of its files, their
// number, the envelopes and what is derived from them. It verifies nothing.
export function readDossier(bytes) {
  const files = readZip(bytes, (name) => place(name)?.most ?? 0);
  const d = { relay: '', request: '', checkpoint: null, records: new Map(), packages: new Map(), documents: 0, renewals: 0, early: new Map() };
  const own = files.find((f) => f.name === 'dossier.json');
  if (!own) refuse('there is no dossier.json');
  readIndex(d, own.data);
  for (const f of files) put(d, f, place(f.name));
  if (!d.checkpoint) refuse('there is no checkpoint');
  for (const [id, lines] of d.records) lines.forEach((l, seq) => finishLine(l, id, seq));
  if (d.documents !== (d.form ? documents.length : 0)) refuse('its documents are not all there, or nobody says of which form they are');
  for (const [size, e] of d.early) finishEarly(e, size);
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
  [d.relay, d.request, d.form] = [x.relay, x.request, x.documents ?? ''];
}

function put(d, f, at) {
  if (at.top) {
    if (at.top === 'checkpoint') d.checkpoint = f.data;
    return;
  }
  if (at.document) {
    d.documents++;
    return;
  }
  if (at.early !== undefined) {
    putEarly(d, f, at);
    return;
  }
  if (at.renewal !== undefined) {
    if (at.renewal !== d.renewals++ || d.renewals > maxRenewals) refuse('renewals must be numbered from 000000 without a gap');
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

// putEarly stores a part of an earlier checkpoint. Its time stamps are only counted.
function putEarly(d, f, at) {
  if (!Number.isSafeInteger(at.early)) refuse('malformed size of an earlier checkpoint');
  if (!d.early.has(at.early)) d.early.set(at.early, { tokens: 0 });
  const e = d.early.get(at.early);
  if (at.file !== 'tokens') e[at.file] = f.data;
  else if (at.n !== e.tokens++) refuse('time stamps of a checkpoint must be numbered from 0 without a gap');
}

const maxProof = 64;
const maxRenewals = 1000;

function finishEarly(e, size) {
  if (!e.note || !e.proof) refuse(`a file of the earlier checkpoint of size ${size} is missing`);
  const notes = [e.note, e.first, e.last].filter(Boolean);
  if (notes.some((a, i) => notes.some((b, j) => j < i && equal(a, b)))) refuse(`the earlier checkpoint of size ${size} is there twice in one form`);
  e.path = hashLines(textOf(e.proof));
  if (e.path.length > maxProof) refuse(`the proof of the earlier checkpoint of size ${size} is too long`);
}

// recordOf returns the name of a record by its folder: relay, authority/NAME, request.
function recordOf(folder) {
  if (folder === 'relay' || folder === 'request') return folder;
  const name = folder.startsWith('authority-') ? folder.slice(10) : '';
  return authorityPattern.test(name) ? `authority/${name}` : null;
}

// finishLine reads the small files of an entry. An event has no statement; a gap has
// nothing but itself and its proof.
function finishLine(l, id, seq) {
  const where = `entry ${seq} of record ${id}`;
  if (l['gap.json']) {
    if (!l.proof || ofLine.some((n) => n !== 'gap.json' && n !== 'proof' && l[n])) refuse(`${where}: a gap has its proof beside it, and nothing else`);
    Object.assign(l, parseProof(l.proof), { gap: parseGap(l['gap.json']) });
    return;
  }
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

// parseGap reads what stands in the place of an entry that is not shown.
function parseGap(data) {
  const text = textOf(data);
  const g = read(index, 'gap', text);
  if (g._type !== 'comity/gap/v1') throw new Refused(`unknown _type ${JSON.stringify(g._type.slice(0, 80))} of a gap`, true);
  if (write(index, 'gap', g) !== text) refuse('a gap is not in canonical form');
  if (g.salted === zeros || !['redacted', 'erased'].includes(g.reason)) refuse('a gap without a hash, or with an unknown reason');
  const n = bytesOf(g.by).length;
  if (n < 1 || n > 100 || !/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(g.by)) refuse('a gap that nobody declares in plain text');
  return g;
}
