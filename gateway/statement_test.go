package gateway_test

import (
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// TestAnnexRefused: the annex is the one that the signed statement binds.
func TestAnnexRefused(t *testing.T) {
	w := newRelay(t)
	c := w.as(w.fr.desk)
	file, ref := w.annex("the case", w.fr, w.nl)
	plain := []byte("not an age file")
	request := func(ref custody.AnnexRef) []byte {
		b := w.requestBody()
		b.Annex = ref
		return sign(t, b, w.fr.officers[0]).Envelope
	}
	for _, row := range []struct {
		name     string
		envelope []byte
		annex    []byte
		want     custody.Code
	}{
		{"another size", request(custody.AnnexRef{SHA256: ref.SHA256, Size: ref.Size + 1}), file, wire.CodeAnnexMismatch},
		{"no file", request(ref), nil, wire.CodeAnnexMismatch},
		{"plain text", request(custody.AnnexRef{SHA256: sum(plain), Size: int64(len(plain))}), plain, wire.CodeAnnexMismatch},
		{"file above the limit", request(ref), make([]byte, wire.MaxAnnex+1), wire.CodeTooLarge},
		{"body above the limit", request(ref), make([]byte, wire.MaxAnnex+wire.MaxStatement), wire.CodeTooLarge},
	} {
		_, err := c.Submit(t.Context(), row.envelope, row.annex)
		refused(t, row.name, err, row.want)
	}
	// Of an annex that is here, its hash alone lets nobody bind it to another case.
	_, err := c.Submit(t.Context(), request(ref), file)
	check(t, err)
	_, err = c.Submit(t.Context(), request(ref), nil)
	refused(t, "an annex of another request", err, wire.CodeAnnexMismatch)
}

// TestStatementsRefused: kinds and carriers that do not belong on the route.
func TestStatementsRefused(t *testing.T) {
	w := newRelay(t)
	s := w.begin()
	c, conn := w.raw(w.fr.desk)
	_, err := w.as(w.fr.desk).Submit(t.Context(), s.request.Envelope, s.annexes[s.request])
	check(t, err) // the same bytes again: the proof of the entry that is there
	relay, err := c.Relay(t.Context())
	check(t, err)
	_, err = c.Submit(t.Context(), relay, nil)
	refused(t, "relay's descriptor over the network", err, custody.CodeNotCarrier)
	_, err = c.Submit(t.Context(), w.fr.directory.Envelope, s.annexes[s.request])
	refused(t, "directory with an annex", err, wire.CodeAnnexMismatch)
	_, err = c.Submit(t.Context(), []byte("{"), nil)
	refused(t, "no envelope", err, wire.CodeMalformed)
	_, err = w.as(w.fr.lab).Submit(t.Context(), sign(t, w.requestBody(), w.fr.officers[0]).Envelope, nil)
	refused(t, "lab carries an officer's statement", err, custody.CodeNotCarrier)
	_, err = c.Submit(t.Context(), sign(t, w.requestBody(), w.nl.officers[0]).Envelope, nil)
	refused(t, "signed by another State's officer", err, custody.CodeBadSignature)
	for _, row := range []struct{ name, kind, body string }{
		{"not a form", wire.TypeJSON, "{}"},
		{"no boundary", "multipart/form-data", "x"},
		{"cut form", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"envelope\"; filename=\"e\"\r\n\r\n{"},
		{"unknown part", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"e\"\r\n\r\n{\r\n--b--\r\n"},
		{"value, not a file", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"envelope\"\r\n\r\n{\r\n--b--\r\n"},
		{"empty form", "multipart/form-data; boundary=b", "--b--\r\n"},
	} {
		if a := send(t, conn, "POST", "/v1/statements", []byte(row.body), "Content-Type", row.kind); a.problem.Code != wire.CodeMalformed {
			t.Errorf("%s: %d %s", row.name, a.status, a.body)
		}
	}
	if a := send(t, conn, "POST", "/v1/packages", []byte(`{"request":"a","request":"b"}`), "Content-Type", wire.TypeJSON); a.problem.Code != wire.CodeMalformed {
		t.Errorf("repeated field: %d %s", a.status, a.body)
	}
	if a := send(t, conn, "POST", "/v1/packages", make([]byte, 65<<10), "Content-Type", wire.TypeJSON); a.problem.Code != wire.CodeTooLarge || a.status != 413 {
		t.Errorf("large JSON: %d %s", a.status, a.body)
	}
	if a := send(t, conn, "GET", "/v1/changes", []byte("x")); a.problem.Code != wire.CodeTooLarge {
		t.Errorf("body of a GET: %d %s", a.status, a.body)
	}
}
