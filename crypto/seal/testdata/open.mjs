// Opens the age file FILE with the identities in the file KEYS, by the npm package
// age-encryption, and prints the length and the SHA-256 of its plaintext.
//
// Usage: node --input-type=module - FILE KEYS <open.mjs, where the package is installed
import { createHash, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

globalThis.crypto ??= webcrypto; // older versions of node have it under its module only
const { Decrypter } = await import("age-encryption");
const [file, keys] = process.argv.slice(2);
const d = new Decrypter();
for (const line of readFileSync(keys, "utf8").split("\n")) {
	if (line !== "") d.addIdentity(line);
}
const plain = await d.decrypt(readFileSync(file));
console.log(plain.length, createHash("sha256").update(plain).digest("hex"));
