package gateway_test

import (
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// TestThirdState: what others do is answered to an agent of another State, byte
// for byte, as if it did not exist.
func TestThirdState(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	sender := w.as(w.nl.lab)
	b := s.pack()
	s.reserve(sender, b)
	s.upload(sender, b)
	b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
	_, err := sender.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
	check(t, err)

	c, conn := w.raw(w.de.desk)
	nobody := strings.Repeat("a", 26)
	zeros := strings.Repeat("0", 64)
	for _, row := range []struct {
		method, there, nowhere string
		body                   []byte
		want                   custody.Code
	}{
		{"GET", "/v1/records/" + string(s.id()), "/v1/records/" + nobody, nil, custody.CodeNoSuchRequest},
		{"GET", "/v1/records/" + string(s.id()) + "?size=3", "/v1/records/" + nobody + "?size=3", nil, custody.CodeNoSuchRequest},
		{"GET", "/v1/annexes/" + sum(s.annexes[s.request]).String(), "/v1/annexes/" + zeros, nil, custody.CodeNoSuchRequest},
		{"GET", "/v1/packages/" + b.id, "/v1/packages/" + nobody, nil, custody.CodeNoSuchPackage},
		{"GET", "/v1/packages/" + b.id + "/head", "/v1/packages/" + nobody + "/head", nil, custody.CodeNoSuchPackage},
		{"GET", "/v1/packages/" + b.id + "/payload", "/v1/packages/" + nobody + "/payload", nil, custody.CodeNoSuchPackage},
		{"POST", "/v1/packages/" + b.id + "/epoch", "/v1/packages/" + nobody + "/epoch", nil, custody.CodeNoSuchPackage},
		{"POST", "/v1/packages/" + b.id + "/seal", "/v1/packages/" + nobody + "/seal", nil, wire.CodeMalformed},
		{"DELETE", "/v1/packages/" + b.id, "/v1/packages/" + nobody, nil, custody.CodeNoSuchPackage},
	} {
		h := []string{wire.EpochHeader, "1", "Content-Type", wire.TypeEnvelope}
		a, z := send(t, conn, row.method, row.there, row.body, h...), send(t, conn, row.method, row.nowhere, row.body, h...)
		if a.problem.Code != row.want || a.status != z.status || a.body != z.body {
			t.Errorf("%s %s: %d %s; of nothing: %d %s", row.method, row.there, a.status, a.body, z.status, z.body)
		}
	}

	// A review by de of the case, and of one that does not exist.
	other := sum([]byte("no such request"))
	file, ref := w.annex("curious", w.de)
	for _, request := range []custody.Digest{s.request.SHA256, other} {
		for _, after := range []*custody.Ref{s.after, {Seq: 0, Leaf: other}} {
			st := sign(t, &custody.Review{Header: s.header("de", after), Request: request, Body: "judicial", Finding: "objection", Annex: ref}, w.de.officers[0])
			_, err := c.Submit(t.Context(), st.Envelope, file)
			refused(t, "review by a third State", err, custody.CodeNoSuchRequest)
			_, err = c.Propose(t.Context(), st.Envelope, file)
			refused(t, "proposal by a third State", err, custody.CodeNoSuchRequest)
		}
	}
	_, err = c.Submit(t.Context(), s.request.Envelope, s.annexes[s.request])
	refused(t, "the request again, by a third State", err, custody.CodeNotCarrier)
	release := *s.releaseOf(b, s.review.SHA256).Body.(*custody.Release)
	release.Header = s.header("de/agent/desk", s.after)
	st := sign(t, &release, w.de.desk.key)
	_, err = c.Release(t.Context(), b.id, st.Envelope)
	refused(t, "release by a third State", err, custody.CodeNoSuchPackage)
}

// TestAnnexRefused: the annex is the one that the signed statement binds.
func TestAnnexRefused(t *testing.T) {
	w := newRelay(t)
	c := w.as(w.fr.desk)
	file, ref := w.annex("the case", w.fr, w.nl)
	other, _ := w.annex("the case", w.fr, w.nl)
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
		{"another file", request(ref), other, wire.CodeAnnexMismatch},
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
