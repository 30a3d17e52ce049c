package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// refused checks that a call was refused with a code.
func refused(t *testing.T, what string, err error, want custody.Code) {
	t.Helper()
	if got := wire.CodeOf(err); got != want || want == "" {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// raw is an agent that has said hello, with the connection for raw requests.
func (w *world) raw(m *machine) (*wire.Client, *link.Conn) {
	w.t.Helper()
	conn := w.dial(&m.cert, link.H2)
	c := wire.NewClient(conn)
	_, err := c.Hello(w.t.Context(), wire.Identity{ID: m.id, Key: m.key, SPKI: m.spki}, origin, w.relay)
	check(w.t, err)
	return c, conn
}

// TestPartsRefused: what a relay takes as a part, and what it does not.
func TestPartsRefused(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	ctx := t.Context()
	c, conn := w.raw(w.nl.lab)
	b := s.pack()
	s.reserve(c, b)

	wrong := bytes.Clone(b.parts[0])
	wrong[100] ^= 1
	refused(t, "part with another digest", c.PutPart(ctx, b.id, b.epoch, 0, b.sums[0], wrong), wire.CodeDigestMismatch)
	refused(t, "part that is too short", c.PutPart(ctx, b.id, b.epoch, 0, sum(b.parts[0][1:]), b.parts[0][1:]), wire.CodeMalformed)
	refused(t, "last part that is too long", c.PutPart(ctx, b.id, b.epoch, 2, b.sums[0], b.parts[0]), wire.CodeMalformed)
	refused(t, "part beyond the end", c.PutPart(ctx, b.id, b.epoch, 3, b.sums[2], b.parts[2]), wire.CodeMalformed)
	large := make([]byte, seal.PartSize+1)
	refused(t, "part above the limit", c.PutPart(ctx, b.id, b.epoch, 0, sum(large), large), wire.CodeTooLarge)
	refused(t, "part of another epoch", c.PutPart(ctx, b.id, b.epoch+1, 0, b.sums[0], b.parts[0]), wire.CodeStaleEpoch)
	refused(t, "part by another agent", w.as(w.nl.desk).PutPart(ctx, b.id, b.epoch, 0, b.sums[0], b.parts[0]), custody.CodeNoSuchPackage)
	path := "/v1/packages/" + b.id + "/parts/0"
	for _, row := range []struct{ name, path, epoch, digest string }{
		{"no digest", path, "1", ""}, {"other algorithm", path, "1", "sha-512=:AAAA:"}, {"short digest", path, "1", "sha-256=:AAAA:"},
		{"no epoch", path, "", wire.ContentDigest(b.sums[0])}, {"epoch not a number", path, "01", wire.ContentDigest(b.sums[0])},
		{"part not a number", path + "0", "1", wire.ContentDigest(b.sums[0])},
	} {
		a := send(t, conn, http.MethodPut, row.path, b.parts[0], "Content-Digest", row.digest, wire.EpochHeader, row.epoch)
		if a.problem.Code != wire.CodeMalformed {
			t.Errorf("%s: %d %s", row.name, a.status, a.body)
		}
	}

	st, err := c.Package(ctx, b.id)
	check(t, err)
	if st.State != wire.StateOpen || !bytes.Equal(st.Present, []byte{0}) {
		t.Errorf("after refusals the package is %s with parts %b", st.State, st.Present)
	}
	check(t, c.PutPart(ctx, b.id, b.epoch, 0, b.sums[0], b.parts[0]))
	check(t, c.PutPart(ctx, b.id, b.epoch, 0, b.sums[0], b.parts[0])) // idempotent
	refused(t, "other bytes for a part that is here", c.PutPart(ctx, b.id, b.epoch, 0, sum(wrong), wrong), wire.CodeDigestMismatch)

	r, err := c.TakeOver(ctx, b.id)
	check(t, err)
	refused(t, "part of the process before", c.PutPart(ctx, b.id, b.epoch, 1, b.sums[1], b.parts[1]), wire.CodeStaleEpoch)
	check(t, c.PutPart(ctx, b.id, r.Epoch, 2, b.sums[2], b.parts[2]))
	st, err = c.Package(ctx, b.id)
	check(t, err)
	if !bytes.Equal(st.Present, []byte{0b101}) || !bytes.Equal(st.Digests[64:], b.sums[2][:]) || !bytes.Equal(st.Digests[32:64], make([]byte, 32)) {
		t.Errorf("the package has the parts %b and the digests %x", st.Present, st.Digests)
	}
	refused(t, "giving up in an old epoch", c.Abandon(ctx, b.id, b.epoch), wire.CodeStaleEpoch)
	check(t, c.Abandon(ctx, b.id, r.Epoch))
	_, err = c.Package(ctx, b.id)
	refused(t, "package that was given up", err, custody.CodeNoSuchPackage)
}

// TestReserveRefused: room is made under a live grant, within what it leaves.
func TestReserveRefused(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	c := w.as(w.nl.lab)
	for _, row := range []struct {
		name string
		c    *wire.Client
		in   wire.Reserve
		want custody.Code
	}{
		{"no such request", c, wire.Reserve{Package: newID(), Request: strings.Repeat("a", 26), Grant: s.grant.SHA256, PayloadSize: 16}, custody.CodeNoSuchRequest},
		{"malformed id", c, wire.Reserve{Package: newID(), Request: "x", Grant: s.grant.SHA256, PayloadSize: 16}, wire.CodeMalformed},
		{"no such grant", c, wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.review.SHA256, PayloadSize: 16}, custody.CodeNoGrant},
		{"size that no payload has", c, wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: 65_560}, wire.CodeMalformed},
		{"more parts than one answer tells", c, wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: seal.PayloadSize(8<<40 + 1)}, wire.CodePackageSize},
		{"sender not granted", w.as(w.nl.desk), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: 16}, custody.CodeSenderNotGranted},
		{"third State", w.as(w.de.lab), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: 16}, custody.CodeNoSuchRequest},
	} {
		_, err := row.c.Reserve(t.Context(), row.in)
		refused(t, row.name, err, row.want)
	}
	var last string
	for range 3 {
		r, err := c.Reserve(t.Context(), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: 16})
		check(t, err)
		last = r.Package
	}
	again := wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: 16}
	_, err := c.Reserve(t.Context(), again)
	refused(t, "a fourth package of three", err, custody.CodePackagesUsedUp)
	check(t, c.Abandon(t.Context(), last, 1))
	_, err = c.Reserve(t.Context(), again)
	check(t, err)
}

// TestOrderRefused: each step before its time, and out of its place, beside what
// TestEveryRefusal has.
func TestOrderRefused(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	ctx := t.Context()
	c, taker := w.as(w.nl.lab), w.as(w.fr.lab)
	b := s.pack()
	s.reserve(c, b)
	b.seal = sign(t, s.sealBody(b), w.nl.lab.key)

	_, err := c.Seal(ctx, b.id, b.epoch, b.seal.Envelope)
	refused(t, "seal without parts", err, wire.CodeIncomplete)
	s.upload(c, b)
	_, err = w.as(w.nl.desk).Seal(ctx, b.id, b.epoch, b.seal.Envelope)
	refused(t, "seal by another agent", err, custody.CodeNoSuchPackage)
	for _, row := range []struct {
		name   string
		change func(*custody.Seal)
		want   custody.Code
	}{
		{"another size", func(b *custody.Seal) { b.PayloadSize-- }, custody.CodeBadStatement},
		{"second delivery", func(b *custody.Seal) { b.Delivery = 2 }, custody.CodeBadStatement},
		{"another package", func(b *custody.Seal) { b.Package = strings.Repeat("a", 26) }, custody.CodeBadStatement},
	} {
		body := s.sealBody(b)
		row.change(body)
		_, err := c.Seal(ctx, b.id, b.epoch, sign(t, body, w.nl.lab.key).Envelope)
		refused(t, "seal with "+row.name, err, row.want)
	}
	_, err = c.Seal(ctx, b.id, b.epoch, sign(t, s.sealBody(b), w.fr.lab.key).Envelope)
	refused(t, "seal with another's signature", err, custody.CodeBadSignature)
	_, err = c.Seal(ctx, b.id, b.epoch, s.grant.Envelope)
	refused(t, "grant as a seal", err, wire.CodeWrongRoute)
	_, err = c.Submit(ctx, b.seal.Envelope, nil)
	refused(t, "seal as any statement", err, wire.CodeWrongRoute)

	p, err := c.Seal(ctx, b.id, b.epoch, b.seal.Envelope)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	s.afterSeal(c, b)

	s.accepted()
	_, err = taker.Release(ctx, b.id, s.releaseOf(b, s.acceptance.SHA256).Envelope)
	refused(t, "release before unlock", err, custody.CodeNotUnlocked)
	_, err = taker.Release(ctx, b.id, b.seal.Envelope)
	refused(t, "seal as a release", err, wire.CodeWrongRoute)

	s.unlockRefused(c, b, p.Checkpoint)
	s.takeRefused(taker, b)
}

// afterSeal: a sealed package does not change any more.
func (s *story) afterSeal(c *wire.Client, b *bundle) {
	s.t.Helper()
	ctx := s.t.Context()
	refused(s.t, "giving up after the seal", c.Abandon(ctx, b.id, b.epoch), wire.CodeNotOpen)
	_, err := c.TakeOver(ctx, b.id)
	refused(s.t, "taking over after the seal", err, wire.CodeNotOpen)
	_, err = c.Seal(ctx, b.id, b.epoch, sign(s.t, s.sealBody(b), s.nl.lab.key).Envelope)
	refused(s.t, "another seal", err, custody.CodeAlreadySealed)
}

func (s *story) unlockRefused(c *wire.Client, b *bundle, checkpoint string) {
	s.t.Helper()
	ctx := s.t.Context()
	unlock := s.unlockOf(b, checkpoint)
	_, err := c.Unlock(ctx, b.id, unlock.Envelope, append(bytes.Clone(b.head), 0), b.inner)
	refused(s.t, "unlock with another head", err, wire.CodeDigestMismatch)
	_, err = c.Unlock(ctx, b.id, unlock.Envelope, b.head, b.head)
	refused(s.t, "unlock with another inner file", err, wire.CodeDigestMismatch)
	_, err = c.Unlock(ctx, b.id, unlock.Envelope, b.head, nil)
	refused(s.t, "unlock without the inner file", err, wire.CodeMalformed)
	_, err = c.Unlock(ctx, b.id, unlock.Envelope, make([]byte, wire.MaxHead+1), b.inner)
	refused(s.t, "unlock with a head above the limit", err, wire.CodeTooLarge)
	_, err = s.as(s.fr.lab).Unlock(ctx, b.id, unlock.Envelope, b.head, b.inner)
	refused(s.t, "unlock by the recipient", err, custody.CodeNoSuchPackage)
	_, err = c.Submit(ctx, unlock.Envelope, nil)
	refused(s.t, "unlock as any statement", err, wire.CodeWrongRoute)
	_, err = c.Unlock(ctx, b.id, unlock.Envelope, b.head, b.inner)
	check(s.t, err)
	_, err = c.Unlock(ctx, b.id, s.unlockOf(b, checkpoint).Envelope, b.head, b.inner)
	refused(s.t, "another unlock", err, custody.CodeAlreadyUnlocked)
}

// takeRefused: bytes of a package before and after its release, and to others.
func (s *story) takeRefused(taker *wire.Client, b *bundle) {
	s.t.Helper()
	ctx := s.t.Context()
	buf := make([]byte, 10)
	_, err := taker.Head(ctx, b.id)
	refused(s.t, "head before the release", err, custody.CodeNotReleased)
	_, err = taker.Inner(ctx, b.id)
	refused(s.t, "inner file before the release", err, custody.CodeNotReleased)
	refused(s.t, "payload before the release", taker.Payload(ctx, b.id, 0, buf), custody.CodeNotReleased)

	release := s.releaseOf(b, s.acceptance.SHA256).Envelope
	_, err = s.as(s.nl.lab).Release(ctx, b.id, release)
	refused(s.t, "release by another", err, custody.CodeNotCarrier)
	_, err = taker.Submit(ctx, release, nil)
	refused(s.t, "release as any statement", err, wire.CodeWrongRoute)
	_, err = taker.Release(ctx, b.id, release)
	check(s.t, err)
	check(s.t, taker.Payload(ctx, b.id, b.size-10, buf))
	if !bytes.Equal(buf, b.parts[2][len(b.parts[2])-10:]) {
		s.t.Error("the last bytes of the payload are others")
	}
	_, err = s.as(s.nl.lab).Head(ctx, b.id)
	refused(s.t, "head for the sender", err, custody.CodeNotReleased)
	refused(s.t, "payload for a third State", s.as(s.de.lab).Payload(ctx, b.id, 0, buf), custody.CodeNoSuchPackage)

	_, conn := s.raw(s.fr.lab)
	path := "/v1/packages/" + b.id + "/payload"
	for _, row := range []struct {
		header string
		status int
		want   string
	}{
		{"bytes=0-0", 206, fmt.Sprintf("bytes 0-0/%d", b.size)},
		{"bytes=-5", 206, fmt.Sprintf("bytes %d-%d/%d", b.size-5, b.size-1, b.size)},
		{fmt.Sprintf("bytes=%d-", b.size), 416, ""}, {"bytes=0-1,3-4", 400, ""}, {"lines=1-2", 400, ""}, {"bytes=5-2", 400, ""},
	} {
		if a := send(s.t, conn, "GET", path, nil, "Range", row.header); a.status != row.status || a.header.Get("Content-Range") != row.want {
			s.t.Errorf("range %q: %d %q", row.header, a.status, a.header.Get("Content-Range"))
		}
	}
	if a := send(s.t, conn, "GET", path, nil); a.status != 200 || int64(len(a.body)) != b.size {
		s.t.Errorf("without a range: %d with %d bytes", a.status, len(a.body))
	}

	rev := sign(s.t, &custody.Revocation{Header: s.header("nl", s.after), Request: s.request.SHA256, Grant: s.grant.SHA256, Reason: "error"}, s.nl.officers[0])
	s.file(s.as(s.nl.desk), rev, nil)
	refused(s.t, "payload after the revocation", taker.Payload(ctx, b.id, 0, buf), custody.CodeGrantRevoked)
	_, err = taker.Head(ctx, b.id)
	refused(s.t, "head after the revocation", err, custody.CodeGrantRevoked)
}
