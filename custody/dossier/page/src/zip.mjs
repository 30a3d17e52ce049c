// The archive of a dossier, which has one form (docs/formats.md, "The archive").

import { Refused, compare, concat, equal, refuse, textOf } from './bytes.mjs';

const maxSize = 1 << 30;
const maxFiles = 65535;
const maxName = 120;

const table = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes) {
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

// le returns numbers in little-endian, each given with its size in bytes.
function le(...pairs) {
  const out = [];
  for (let i = 0; i < pairs.length; i += 2) for (let k = 0; k < pairs[i + 1]; k++) out.push(Math.floor(pairs[i] / 256 ** k) & 255);
  return Uint8Array.from(out);
}

// common are the fields that both headers of a member share.
const common = (f) => le(10, 2, 0, 2, 0, 2, 0, 2, 0x21, 2, f.crc, 4, f.data.length, 4, f.data.length, 4, f.raw.length, 2, 0, 2);
const local = (f) => concat(le(0x04034b50, 4), common(f), f.raw);
const central = (f) => concat(le(0x02014b50, 4, 10, 2), common(f), le(0, 2, 0, 2, 0, 2, 0, 4, f.at, 4), f.raw);

// readZip returns the members, in their order. mayHave tells how many bytes a member of
// a name may have, or 0.
export function readZip(bytes, mayHave) {
  if (bytes.length > maxSize) refuse(`it has more than ${maxSize} bytes`);
  const files = [];
  let at = 0;
  while (bytes.length - at >= 30 && bytes[at] === 0x50 && bytes[at + 1] === 0x4b && bytes[at + 2] === 3 && bytes[at + 3] === 4) {
    if (files.length === maxFiles) refuse(`it has more than ${maxFiles} files`);
    const f = member(bytes, at, mayHave);
    if (files.length > 0 && compare(files.at(-1).raw, f.raw) >= 0) refuse(`the file ${JSON.stringify(f.name)} stands twice or out of order`);
    files.push(f);
    at = f.end;
  }
  if (files.length === 0) refuse('it is not a zip archive as a dossier is');
  const dir = files.map(central);
  const size = dir.reduce((n, b) => n + b.length, 0);
  const end = concat(...dir, le(0x06054b50, 4, 0, 4, files.length, 2, files.length, 2, size, 4, at, 4, 0, 2));
  if (!equal(bytes.subarray(at), end)) refuse('its list of files is not what the files are');
  return files;
}

function member(bytes, at, mayHave) {
  const number = (off, n) => bytes.subarray(at + off, at + off + n).reduceRight((v, b) => v * 256 + b, 0);
  const [size, length] = [number(18, 4), number(26, 2)];
  if (number(8, 2) !== 0) refuse('a file in it is compressed');
  if (length === 0 || length > maxName) refuse(`a file in it has a name of ${length} bytes`);
  const raw = bytes.subarray(at + 30, at + 30 + length);
  const name = textOf(raw);
  const start = at + 30 + length;
  const most = mayHave(name);
  if (most === 0) throw new Refused(`a dossier of this version has no file ${JSON.stringify(name)}`, true);
  if (size > most || start + size > bytes.length) refuse(`${JSON.stringify(name)} claims ${size} bytes, more than it may have`);
  const data = bytes.subarray(start, start + size);
  const f = { name, raw, data, at, crc: crc32(data), end: start + size };
  if (number(14, 4) !== f.crc) refuse(`${JSON.stringify(name)} was altered: it does not have its own checksum`);
  if (!equal(bytes.subarray(at, start), local(f))) refuse(`the head of ${JSON.stringify(name)} is not in the one form`);
  return f;
}

