// Manifests of a package (docs/formats.md, "Manifests").

import { bytesOf, refuse, textOf } from './bytes.mjs';

const maxPath = 32 << 10;
const maxDepth = 512;

// lines yields {sum, path} of each line of a manifest.
export function* lines(raw) {
  let last = null;
  for (let n = 1, from = 0; from < raw.length; n++) {
    const to = raw.indexOf(10, from);
    if (to < 0) refuse(`line ${n} has no end`);
    const l = line(textOf(raw.subarray(from, to)), n);
    if (last !== null && order(last, l.path) >= 0) refuse(`line ${n}: the path stands twice or out of order`);
    last = l.path;
    yield l;
    from = to + 1;
  }
}

function line(text, n) {
  const m = /^([0-9a-f]{64}) {2}([^\n\r]*)$/.exec(text);
  if (!m) refuse(`line ${n} is no hash, two spaces and a path`);
  const path = m[2].replace(/%25|%0D|%0A/g, (e) => ({ '%25': '%', '%0D': '\r', '%0A': '\n' })[e]);
  const again = path.replace(/[%\r\n]/g, (c) => ({ '%': '%25', '\r': '%0D', '\n': '%0A' })[c]);
  if (again !== m[2]) refuse(`line ${n} has a "%" that is no escape`);
  const parts = path.split('/');
  if (bytesOf(path).length > maxPath || path.includes('\0') || parts.length > maxDepth || parts.some((c) => c === '' || c === '.' || c === '..')) {
    refuse(`line ${n} has a path that no package can have`);
  }
  return { sum: m[1], path };
}

// order: by components, bytewise, so that a folder precedes its content.
function order(a, b) {
  const [x, y] = [bytesOf(a), bytesOf(b)];
  for (let i = 0; i < x.length && i < y.length; i++) {
    if (x[i] === y[i]) continue;
    if (x[i] === 47) return -1;
    if (y[i] === 47) return 1;
    return x[i] - y[i];
  }
  return x.length - y.length;
}
