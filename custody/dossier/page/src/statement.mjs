// Statements and entries (docs/formats.md, "Statements" and "Entries").

import { Refused, refuse, textOf, zeros } from './bytes.mjs';
import { read, write, noTime } from './json.mjs';
import { sum } from './keys.mjs';
import { idOf } from './names.mjs';

// parseStatement reads the statement in an envelope. formats is what this version
// knows: formats.types, formats.kinds, formats.signers.
export function parseStatement(formats, envelope, origin) {
  const m = /^application\/vnd\.comity\.([a-z-]+)\.v1\+json$/.exec(envelope.payloadType);
  const kind = m?.[1] ?? '';
  if (!Object.hasOwn(formats.kinds, kind) || !Object.hasOwn(formats.signers, kind)) {
    throw new Refused(`a statement of a kind that this version does not know: ${JSON.stringify(envelope.payloadType.slice(0, 80))}`, true);
  }
  const body = read({ ...formats.types, [kind]: formats.kinds[kind] }, kind, textOf(envelope.payload));
  if (body._type !== `comity/${kind}/v1`) refuse(`_type ${JSON.stringify(body._type.slice(0, 80))} of a ${kind}`);
  if (body.nonce === zeros) refuse('its nonce is zero');
  if (body.issued === noTime) refuse('it does not say when it was issued');
  const bound = kind === 'root' || kind === 'directory' ? '' : origin;
  if ((body.relay ?? '') !== bound) refuse(`it is for the relay ${JSON.stringify(body.relay ?? 'of anybody')}`);
  return { kind, body, envelope, sha256: envelope.sha256 };
}

// recordOf names the record that a statement belongs to; request is the id of the
// dossier's request.
export function recordOf(formats, s, request) {
  const where = formats.signers[s.kind].record;
  if (where === 'authority') return `authority/${s.body.by}`;
  if (where === 'relay') return 'relay';
  const first = opens(s) ? s.sha256 : s.body.request_sha256;
  return first !== undefined && idOf(first) === request ? 'request' : '';
}

// opens tells whether a statement is the first of a case.
export const opens = (s) => s.kind === 'request' || s.kind === 'offer';

const entryType = 'comity/entry/v1';

// kinds about which a relay asks its operator's policy.
const narrowed = ['request', 'offer', 'seal', 'release'];

// parseEntry reads an entry in its one form.
export function parseEntry(formats, raw) {
  const text = textOf(raw);
  const e = read(formats.types, 'Entry', text);
  if (e._type !== entryType) throw new Refused(`unknown _type ${JSON.stringify(e._type.slice(0, 80))} of an entry`, true);
  if (write(formats.types, 'Entry', e) !== text) refuse('the entry is not in canonical form');
  if (formats.types.Event.some((f) => f.name === e.kind)) {
    eventEntry(e);
  } else {
    statementEntry(formats, e);
  }
  return e;
}

function eventEntry(e) {
  const names = Object.keys(e.event ?? {});
  if (e.statement_sha256 !== zeros || e.envelope_sha256 !== zeros || e.via || e.deposit || e.policy_sha256 || names.length !== 1 || names[0] !== e.kind) {
    refuse(`a ${e.kind} is an event, and has nothing else`);
  }
}

function statementEntry(formats, e) {
  if (!Object.hasOwn(formats.kinds, e.kind)) throw new Refused(`an entry of a kind that this version does not know: ${JSON.stringify(e.kind.slice(0, 40))}`, true);
  if (e.event) refuse(`a ${e.kind} has no event`);
  if (e.statement_sha256 === zeros || e.envelope_sha256 === zeros) refuse(`a ${e.kind} has a statement and its envelope`);
  if (e.policy_sha256 && !narrowed.includes(e.kind)) refuse(`no policy of an operator is asked about a ${e.kind}`);
}

// fits: the entry is the next one of its record, and of that statement.
export function fits(e, line, before, s) {
  if (e.seq !== before.length) refuse(`it is entry ${e.seq} where ${before.length} was due`);
  if (e.prev !== (before.tip ?? zeros)) refuse('it does not follow the entry before it');
  if (e.time === noTime) refuse('it has no time');
  if (!s) {
    if (before.length === 0) refuse('a record begins with an event');
    return;
  }
  if (e.kind !== s.kind || e.statement_sha256 !== s.sha256 || e.envelope_sha256 !== sum(line['envelope.json'])) refuse('it names another statement');
  deposited(e, s);
}

// deposited: a seal, and only a seal, has a deposit, of the size that was sealed.
function deposited(e, s) {
  if ((s.kind === 'seal') !== (e.deposit !== undefined)) refuse('a seal, and only a seal, has a deposit');
  if (!e.deposit) return;
  const total = e.deposit.objects.reduce((n, o) => n + (o.size < 1 ? NaN : o.size), 0);
  if (e.deposit.size !== s.body.payload_size || total !== e.deposit.size) refuse('the relay stored another number of bytes than the sender sealed');
}
