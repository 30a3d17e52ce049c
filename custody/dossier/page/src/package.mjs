// What a dossier shows of an opened package: the inner statement and the manifests
// (docs/formats.md, "Inner statements" and "Manifests").

import { Refused, bytesOf, refuse, textOf, zeros } from './bytes.mjs';
import { parseEnvelope, verifyAll } from './envelope.mjs';
import { noTime, read } from './json.mjs';
import { sum } from './keys.mjs';
import { lines } from './manifest.mjs';
import { isID, party } from './names.mjs';

const maxInner = 256 << 10;
const innerType = 'application/vnd.comity.inner.v1+json';

// parseInner reads an inner statement, form and fields. It verifies no signature.
export function parseInner(formats, raw) {
  if (raw.length > maxInner) refuse('it is too large');
  const envelope = parseEnvelope(raw);
  if (envelope.payloadType !== innerType) refuse('it is no inner statement');
  const body = read(formats.types, 'Inner', textOf(envelope.payload));
  if (body._type !== 'comity/inner/v1') throw new Refused(`unknown _type ${JSON.stringify(body._type.slice(0, 80))}`, true);
  fields(body);
  return { envelope, body };
}

function fields(b) {
  for (const f of ['nonce', 'request_sha256', 'head_sha256', 'payload_root', 'tag_manifest_sha256', 'index_sha256']) if (b[f] === zeros) refuse(`${f} is zero`);
  if (!isID(b.package)) refuse('malformed id of a package');
  if (party(b.sender)?.role !== 'agent') refuse('its sender is no agent');
  if (b.issued === noTime) refuse('it does not say when it was issued');
  recipients(b.recipients);
  if (b.archive_size < 1 || b.payload_size <= b.archive_size || b.files < 0 || b.bytes < 0 || b.bytes >= b.archive_size) refuse('its sizes are impossible');
  if (b.index_offset < 1 || b.index_size < 1 || b.index_size >= b.archive_size || b.index_offset >= b.archive_size - b.index_size) refuse('its index does not lie in the archive');
  words('examiner', b.examiner, 200);
  words('description', b.description.replaceAll('\n', ' '), 4000);
  if (b.handling.length > 32 || b.handling.some((c, i) => !/^[a-z][a-z0-9-]{0,60}$/.test(c) || b.handling.indexOf(c) < i)) refuse('its handling codes are malformed');
}

function recipients(list) {
  const ids = new Set(list.map((r) => r.id));
  const of = party(list[0]?.id ?? '')?.authority;
  if (list.length < 1 || list.length > 32 || ids.size !== list.length) refuse('its recipients are none, too many or repeated');
  for (const r of list) {
    const p = party(r.id);
    if (p?.role !== 'recipient' || p.authority !== of || r.directory_sha256 === zeros || r.key_sha256 === zeros) refuse('one of its recipients is malformed');
  }
}

function words(name, s, most) {
  if (bytesOf(s).length > most || /[\u0000-\u001f\u007f-\u009f]/.test(s)) refuse(`its ${name} is too long or holds a control character`);
}

// opened follows the chain from the seal to the hash of each file.
export function opened(v, id, x) {
  const seal = v.seal(id);
  v.check('packages', `contents of package ${id}`, () => seal ?? refuse('the record holds no seal of it'));
  const { body, envelope } = v.check('packages', `inner statement of package ${id}`, () => inner(v.formats, x['inner.json'], seal));
  v.signatures += envelope.signatures.length;
  v.check('packages', `tag manifest of package ${id}`, () => tagManifest(x, body));
  if (x['index.txt']) v.check('packages', `index of package ${id}`, () => index(x, body));
  const n = v.check('packages', `manifest of package ${id}`, () => manifest(x['manifest-sha256.txt'], body.files));
  return { inner: body, sha256: envelope.sha256, manifest: x['manifest-sha256.txt'], files: n };
}

// inner: by the sender alone, and the same as the seal in all that both say.
function inner(formats, raw, seal) {
  const i = parseInner(formats, raw);
  verifyAll(i.envelope, new Map([[seal.sender.id, seal.sender]]));
  const [a, b] = [i.body, seal.body];
  const same = {
    package: a.package === b.package, request_sha256: a.request_sha256 === b.request_sha256, sender: a.sender === b.by,
    recipients: JSON.stringify(a.recipients.map(refOf)) === JSON.stringify(b.recipients.map(refOf)),
    head_sha256: a.head_sha256 === b.head_sha256, payload_root: a.payload_root === b.payload_root, payload_size: a.payload_size === b.payload_size,
  };
  for (const [name, ok] of Object.entries(same)) if (!ok) refuse(`its ${name} is not that of the seal`);
  return i;
}

const refOf = (r) => [r.id, r.directory_sha256, r.key_sha256];

function tagManifest(x, body) {
  const raw = x['tagmanifest-sha256.txt'];
  if (sum(raw) !== body.tag_manifest_sha256) refuse('the inner statement has another hash for it');
  const list = [...lines(raw)];
  if (list[0]?.path === 'acquisition.jsonld') list.shift();
  const want = ['bag-info.txt', 'bagit.txt', 'manifest-sha256.txt'];
  if (list.length !== 3 || list.some((l, i) => l.path !== want[i])) refuse('it lists other files than a package has');
  if (list[2].sum !== sum(x['manifest-sha256.txt'])) refuse('it has another hash for manifest-sha256.txt');
}

const indexHead = 'comity/index/v1 kind sha256 offset size mtime path';

// index: the one that the sender signed, and of the files in the manifest.
function index(x, body) {
  const raw = x['index.txt'];
  if (raw.length !== body.index_size || sum(raw) !== body.index_sha256) refuse('the inner statement has another hash for it');
  const list = textOf(raw).split('\n');
  if (list.shift() !== indexHead || list.pop() !== '') refuse('it is no index');
  const files = list.filter((l) => !l.startsWith('d ')).map((l) => /^f ([0-9a-f]{64}) [0-9]+ [0-9]+ [^ ]+ (.+)$/.exec(l));
  const same = textOf(x['manifest-sha256.txt']).split('\n').slice(0, -1);
  if (files.length !== same.length || files.some((m, i) => !m || `${m[1]}  ${m[2]}` !== same[i])) refuse('it lists other files than the manifest');
}

function manifest(raw, files) {
  let n = 0;
  for (const l of lines(raw)) {
    if (!l.path.startsWith('data/')) refuse(`it lists ${JSON.stringify(l.path.slice(0, 200))}, which is not below data/`);
    n++;
  }
  if (n !== files) refuse(`it lists ${n} files, the inner statement says ${files}`);
  return n;
}
