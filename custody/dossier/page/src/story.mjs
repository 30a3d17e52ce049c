// What a verified dossier tells: acts, packages, and whether a file is among what was
// handed over.

import { lines } from './manifest.mjs';

// tell is called once all checks have passed.
export function tell(v) {
  const packages = v.acts.filter((a) => a.kind === 'seal').map((a) => describe(v, a));
  return { acts: v.acts.map((a) => act(v, a)), packages, find: (sums) => find(packages, sums) };
}

function act(v, a) {
  const b = a.statement?.body ?? {};
  return { record: a.record, seq: a.seq, index: a.index, kind: a.kind, time: a.time, by: a.by, via: a.via, signers: a.signers, sha256: a.sha256, event: Boolean(a.event), says: sentence(v.formats, a, b) };
}

// sentence fills the words that signers.json has for a kind with fields of the statement.
function sentence(formats, a, body) {
  if (a.event) return `the relay notes: ${a.kind}${noted(a.event[a.kind])}`;
  const words = formats.signers[a.kind].says ?? `{by}: ${a.kind}`;
  return words.replace(/\{([a-z_.0-9]+)\}/g, (_, path) => word(path.split('.').reduce((v, name) => v?.[name], body)));
}

function word(v) {
  if (Array.isArray(v)) return v.join(', ');
  const s = String(v ?? '');
  return /^\d{4}-\d\d-\d\dT[0-9:.]+Z$/.test(s) ? `${s.slice(0, 10)} ${s.slice(11, 16)} UTC` : s;
}

function noted(e) {
  const parts = [e.by, e.act, e.code, e.package].filter((s) => typeof s === 'string');
  if (e.entries?.length > 0) parts.push(`entries ${e.entries.join(', ')}`);
  return parts.length > 0 ? ` (${parts.join(', ')})` : '';
}

function describe(v, a) {
  const b = a.statement.body;
  const about = (kind) => v.acts.filter((x) => x.kind === kind && x.statement?.body.package === b.package);
  const unlock = about('unlock')[0];
  const recall = about('recall')[0];
  const taken = about('release').map((r) => {
    const mine = (kind) => about(kind).filter((x) => x.by === r.by);
    const receipts = mine('receipt').map((x) => ({ time: x.time, ...x.statement.body }));
    return { by: r.by, recipient: r.statement.body.recipient, time: r.time, receipts, rejection: mine('rejection').map((x) => ({ time: x.time, reason: x.statement.body.reason }))[0] };
  });
  const c = v.contents.get(b.package);
  return {
    id: b.package, sender: b.by, recipients: b.recipients.map((r) => r.id), size: b.payload_size, parts: b.parts, deposited: a.time, supersedes: b.supersedes ?? '',
    unlocked: unlock?.time ?? '', taken, recalled: recall ? { time: recall.time, by: recall.by, reason: recall.statement.body.reason } : null,
    opened: c ? { ...standing(taken, c.sha256), sha256: c.sha256, files: c.files, bytes: c.inner.bytes, description: c.inner.description, handling: c.inner.handling, examiner: c.inner.examiner, issued: c.inner.issued, manifest: c.manifest } : null,
  };
}

// standing says whose words stand behind the contents of a package (docs/formats.md,
// "Standing"). received are the lines of the manifest that receipts for single files name.
function standing(taken, inner) {
  const said = { other: [], same: [], single: [] };
  const received = new Set();
  for (const t of taken) {
    const whole = t.receipts.find((r) => r.scope === 'whole');
    const single = t.receipts.filter((r) => r.scope === 'exhibits');
    const named = single.filter((r) => r.inner_statement_sha256 === inner);
    for (const r of named) for (const n of r.exhibits) received.add(n);
    if (named.length < single.length || (whole && whole.inner_statement_sha256 !== inner)) said.other.push(t.by);
    else if (whole) said.same.push(t.by);
    else if (named.length > 0) said.single.push(t.by);
  }
  const rejected = taken.filter((t) => t.rejection).map((t) => t.by);
  const rest = rejected.length > 0 ? 'rejected' : 'unconfirmed';
  let word = rest;
  if (said.other.length > 0) word = 'disputed';
  else if (said.same.length > 0) word = 'confirmed';
  else if (said.single.length > 0) word = 'partial';
  return { standing: word, said, rejected, rest, received };
}

// find returns, for each hash in a set, the places where manifests of opened packages
// list it; for null, every file.
function find(packages, sums) {
  const out = new Map();
  for (const p of packages.filter((p) => p.opened)) {
    let n = 0;
    for (const l of lines(p.opened.manifest)) {
      n++;
      if (sums && !sums.has(l.sum)) continue;
      const o = p.opened;
      const stands = o.standing !== 'partial' ? o.standing : o.received.has(n) ? 'confirmed' : o.rest;
      if (!out.has(l.sum)) out.set(l.sum, []);
      out.get(l.sum).push({ package: p.id, path: l.path, standing: stands, recalled: p.recalled !== null });
    }
  }
  return out;
}
