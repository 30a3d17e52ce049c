package gateway_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/objects/dir"
)

var packageDamage = []damage{
	{"state", func(d *damaged) { d.exec("UPDATE packages SET state = 'sealing' WHERE id = ?", d.of.received.id) }, one("deposit"), "entry 12"},
	{"rows missing", func(d *damaged) {
		for _, table := range []string{"uploads WHERE package", "parts WHERE package", "packages WHERE id"} {
			d.exec("DELETE FROM "+table+" = ?", d.of.received.id)
		}
	}, one("deposit"), "entry 12"},
	{"row missing", func(d *damaged) { d.exec("DELETE FROM packages WHERE id = ?", d.of.sealed.id) },
		[]gateway.CheckCode{"package", "package", "deposit"}, "entry 15"},
	{"part of no package, before all", func(d *damaged) { d.exec("INSERT INTO parts VALUES ('2', 0, 1, zeroblob(32), '')") }, one("package"), "package 2"},
	{"part of no package, after all", func(d *damaged) { d.exec("INSERT INTO parts VALUES ('~', 0, 1, zeroblob(32), '')") }, one("package"), "package ~"},
	{"upload of no package, before all", func(d *damaged) { d.exec("INSERT INTO uploads VALUES ('2', 0, 'x', 'x', 1)") }, one("package"), "package 2"},
	{"upload of no package, after all", func(d *damaged) { d.exec("INSERT INTO uploads VALUES ('~', 0, 'x', 'x', 1)") }, one("package"), "package ~"},
	{"sealed without an entry", func(d *damaged) {
		d.exec(`INSERT INTO packages SELECT ?, request, grant_sha256, agent, epoch, state, payload_size, parts, seal, created, touched FROM packages WHERE id = ?`,
			custody.PackageID([16]byte{7}), d.of.sealed.id)
	}, one("package"), custody.PackageID([16]byte{7})},
	{"open made sealed", func(d *damaged) { d.exec("UPDATE packages SET state = 'sealed' WHERE id = ?", d.of.open.id) },
		[]gateway.CheckCode{"package", "orphan"}, "upload"},
	{"stored seal", func(d *damaged) { d.exec("UPDATE packages SET seal = x'00' WHERE id = ?", d.of.sealed.id) }, one("package"), "package"},
	{"request", func(d *damaged) { d.exec("UPDATE packages SET request = 'x' WHERE id = ?", d.of.sealed.id) }, one("package"), "package"},
	{"upload row", func(d *damaged) { d.exec("UPDATE uploads SET size = size + 1 WHERE package = ?", d.of.sealed.id) }, one("package"), "package"},
	{"part missing", func(d *damaged) { d.exec("DELETE FROM parts WHERE package = ? AND n = 1", d.of.received.id) }, one("parts"), "package"},
	{"last part missing", func(d *damaged) { d.exec("DELETE FROM parts WHERE package = ? AND n = 2", d.of.received.id) }, one("parts"), "package"},
	{"part digest", func(d *damaged) {
		d.exec("UPDATE parts SET sha256 = zeroblob(32) WHERE package = ? AND n = 1", d.of.received.id)
	}, one("parts"), "package"},
	{"part size", func(d *damaged) {
		d.exec("UPDATE parts SET size = size - 1 WHERE package = ? AND n = 2", d.of.received.id)
	}, one("parts"), "package"},
	{"part too many", func(d *damaged) {
		d.exec("INSERT INTO parts SELECT package, 3, size, sha256, etag FROM parts WHERE package = ? AND n = 2", d.of.received.id)
	}, one("parts"), "package"},
	{"annex row missing", func(d *damaged) {
		d.exec("DELETE FROM annexes WHERE record = ? AND scope = 'nl'", string(d.of.request))
	}, one("annex-row"), "annex"},
	{"annex scope", func(d *damaged) {
		d.exec("UPDATE annexes SET scope = 'nl,fr,de' WHERE record = ? AND scope = 'nl'", string(d.of.request))
	}, one("annex-row"), "annex"},
	{"annex size", func(d *damaged) {
		d.exec("UPDATE annexes SET size = size + 1 WHERE record = ? AND scope = 'nl'", string(d.of.request))
	}, one("annex-row"), "annex"},
	{"annex too many", func(d *damaged) { d.exec("INSERT INTO annexes VALUES (zeroblob(32), 'relay', 1, 'de')") }, one("annex-row"), "annex"},
	{"proposal", func(d *damaged) { d.exec("UPDATE proposals SET authority = 'fr'") }, one("proposal"), "proposal"},
	{"proposal garbage", func(d *damaged) { d.exec("UPDATE proposals SET envelope = x'7b7d'") }, one("proposal"), "proposal"},
}

// payload is the key of the payload that was received.
func (d *damaged) payload() string { return d.payloadOf(d.of.received.id) }

func (d *damaged) payloadOf(id string) string {
	d.t.Helper()
	head := ingest.HeadKey(id)
	return "payloads" + head[strings.IndexByte(head, '/'):strings.LastIndexByte(head, '/')] + "/payload.000"
}

// replace replaces a text in a file.
func (d *damaged) replace(path, old, by string) {
	d.t.Helper()
	d.edit(path, func(b []byte) []byte {
		s := strings.Replace(string(b), old, by, 1)
		if s == string(b) {
			d.t.Fatalf("%s does not hold %q", path, old)
		}
		return []byte(s)
	})
}

var objectDamage = []damage{
	{"payload missing", func(d *damaged) { d.remove(d.payload()) }, one("payload-missing"), "payload.000"},
	{"payload of another version", func(d *damaged) {
		d.replace(d.path(d.payload(), "@object/@info"), `"version":"`, `"version":"x`)
	}, one("payload-missing"), "payload.000"},
	{"payload cut", func(d *damaged) {
		d.edit(d.path(d.payload(), "@object/@data"), func(b []byte) []byte { return b[:len(b)-1] })
	}, one("payload-size"), "payload.000"},
	{"payload cut, and its record", func(d *damaged) {
		var size int
		d.edit(d.path(d.payload(), "@object/@data"), func(b []byte) []byte { size = len(b); return b[:len(b)-1] })
		d.replace(d.path(d.payload(), "@object/@info"), strconv.Itoa(size), strconv.Itoa(size-1))
	}, one("payload-size"), "payload.000"},
	{"payload bytes", func(d *damaged) { d.flip(d.path(d.payload(), "@object/@data"), seal.PartSize) }, one("payload"), "payload.000"},
	{"payload checksum", func(d *damaged) {
		d.edit(d.path(d.payload(), "@object/@info"), func(b []byte) []byte {
			at := strings.Index(string(b), `"digest":"`) + len(`"digest":"`)
			b[at] = "01"[b[at]&1^1]
			return b
		})
	}, one("payload"), "payload.000"},
	{"record garbage", func(d *damaged) {
		d.edit(d.path(d.payload(), "@object/@info"), func([]byte) []byte { return []byte("{") })
	}, one("unreadable"), "payload.000"},
	{"no lock", func(d *damaged) { check(d.t, os.Remove(d.path(d.payload(), "@lock"))) }, one("lock"), "payload.000"},
	{"lock of another mode", func(d *damaged) { d.replace(d.path(d.payload(), "@lock"), "COMPLIANCE", "GOVERNANCE") }, one("lock"), "payload.000"},
	{"lock shortened", func(d *damaged) { d.replace(d.path(d.payload(), "@lock"), `"until":"20`, `"until":"19`) }, one("lock"), "payload.000"},
	{"lock garbage", func(d *damaged) { d.replace(d.path(d.payload(), "@lock"), "{", "") }, one("unreadable"), "payload.000"},
	{"head missing", func(d *damaged) { d.remove(ingest.HeadKey(d.of.received.id)) }, one("head-missing"), "/head"},
	{"inner missing", func(d *damaged) { d.remove(ingest.InnerKey(d.of.received.id)) }, one("head-missing"), "/inner.age"},
	{"head altered", func(d *damaged) { d.flip(d.path(ingest.HeadKey(d.of.received.id), "@object"), 1) }, one("head"), "/head"},
	{"inner altered", func(d *damaged) { d.flip(d.path(ingest.InnerKey(d.of.received.id), "@object"), 1) }, one("head"), "/inner.age"},
	{"head before the unlock", func(d *damaged) { d.put(ingest.HeadKey(d.of.sealed.id), d.of.sealed.head) }, one("head-early"), "/head"},
	{"head of an open package", func(d *damaged) { d.put(ingest.InnerKey(d.of.open.id), d.of.open.inner) }, one("head-early"), "/inner.age"},
	{"unknown head", func(d *damaged) { d.put(ingest.HeadKey("unknown"), nil) }, one("orphan"), "/head"},
	{"unknown payload", func(d *damaged) { d.put(d.payloadOf("unknown"), nil) }, one("orphan"), "payload.000"},
	{"payload of an abandoned package", func(d *damaged) { d.put(d.payloadOf(d.of.gaveUp.id), nil) }, one("orphan"), "payload.000"},
	{"second payload", func(d *damaged) { d.put(strings.Replace(d.payload(), ".000", ".001", 1), nil) }, one("orphan"), "payload.001"},
	{"unknown annex", func(d *damaged) { d.put(annexKey(sum([]byte("x"))), []byte("y")) }, one("orphan"), "annexes/"},
	{"annex of another name", func(d *damaged) { d.put("annexes/x", nil) }, one("orphan"), "annexes/x"},
	{"unknown area", func(d *damaged) { d.put("elsewhere/x", nil) }, one("orphan"), "elsewhere/x"},
	{"annex missing", func(d *damaged) { d.remove(d.of.requestAnnex) }, one("annex-missing"), "annexes/"},
	{"annex altered", func(d *damaged) { d.flip(d.path(d.of.requestAnnex, "@object"), 1) }, one("annex"), "annexes/"},
	{"proposal's annex missing", func(d *damaged) { d.remove(d.of.annex) }, one("annex-missing"), "annexes/"},
	{"unknown upload", func(d *damaged) { d.upload("payloads/aa/unknown/payload.000") }, one("orphan"), "upload"},
	{"upload of a sealed package", func(d *damaged) { d.upload(d.payload()) }, one("orphan"), "upload"},
	{"upload of an abandoned package is a note", func(d *damaged) { d.upload(d.payloadOf(d.of.gaveUp.id)) }, nil, ""},
}

// upload leaves an upload.
func (d *damaged) upload(key string) {
	d.t.Helper()
	store, err := dir.New(filepath.Join(d.dir, "store"))
	check(d.t, err)
	defer store.Close()
	_, err = store.Begin(d.t.Context(), key, 100, seal.PartSize)
	check(d.t, err)
}
