// What the bundle offers as the global "comity": the verifier, and the readers that
// test/vectors are for.

import { hex, textOf } from './bytes.mjs';
import { pae, parseEnvelope, verifyAll } from './envelope.mjs';
import { hasher, publicKey, sum, fingerprint } from './keys.mjs';
import { checkConsistency, checkInclusion, leaf, leafHash, logKeys, noteKey, openCheckpoint, salted } from './log.mjs';
import { readDossier } from './form.mjs';
import { lines } from './manifest.mjs';
import { idOf } from './names.mjs';
import { parseInner } from './package.mjs';
import { fromPaper, parsePins } from './pins.mjs';
import { parseEntry } from './statement.mjs';
import { notChecked, run, verify } from './verify.mjs';

export {
  checkConsistency, checkInclusion, fingerprint, fromPaper, hasher, hex, idOf, leaf, leafHash, lines, logKeys, noteKey, notChecked, openCheckpoint, pae, parseEntry, parseEnvelope, parseInner,
  parsePins, publicKey, readDossier, run, salted, sum, textOf, verify, verifyAll,
};
