package gateway_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// story is a case between fr, who asks, and nl, who holds the evidence. Each step
// is one method and checks its proof.
type story struct {
	*world
	request, review, grant, acceptance *custody.Statement
	after                              *custody.Ref
	annexes                            map[*custody.Statement][]byte
}

func (w *world) header(by string, after *custody.Ref) custody.Header {
	return custody.Header{Relay: origin, By: by, Issued: now(), After: after}
}

// annex seals a text to authorities.
func (w *world) annex(text string, of ...*authority) ([]byte, custody.AnnexRef) {
	w.t.Helper()
	b, err := seal.SealSmall([]byte(text), 1<<20, ageRecipients(w.t, of...)...)
	check(w.t, err)
	return b, custody.AnnexRef{SHA256: sum(b), Size: int64(len(b))}
}

// file submits a statement and checks the proof.
func (s *story) file(c *wire.Client, st *custody.Statement, annex []byte) *wire.Proof {
	s.t.Helper()
	p, err := c.Submit(s.t.Context(), st.Envelope, annex)
	check(s.t, err)
	if s.request == nil {
		s.request = st
	}
	s.after = s.proven(p, s.request.SHA256)
	s.annexes[st] = annex
	return p
}

// begin files the request.
func (w *world) begin() *story {
	w.t.Helper()
	s := &story{world: w, annexes: map[*custody.Statement][]byte{}}
	b := w.requestBody()
	file, ref := w.annex("who did what to whom", w.fr, w.nl)
	b.Annex = ref
	s.file(w.as(w.fr.desk), sign(w.t, b, w.fr.officers[0]), file)
	return s
}

// requestBody is a request of fr to nl, with the digest of an annex that nobody has.
func (w *world) requestBody() *custody.Request {
	return &custody.Request{
		Header: w.header("fr", nil), To: "nl", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine", OrderSHA256: sum([]byte("order")),
		Recipients: []custody.PartyID{"fr/recipient/backup", "fr/recipient/lab"}, Expires: inDays(60),
		Annex: custody.AnnexRef{SHA256: sum([]byte("nothing")), Size: 7},
	}
}

func (s *story) id() custody.RecordID { return s.request.Record() }

// reviewed files nl's review, whose annex is for nl alone.
func (s *story) reviewed(c *wire.Client) {
	s.t.Helper()
	file, ref := s.annex("we find nothing against it", s.nl)
	s.review = sign(s.t, &custody.Review{Header: s.header("nl", s.after), Request: s.request.SHA256,
		Body: "judicial", Finding: custody.FindingNoObjection, Annex: ref}, s.nl.officers[0])
	s.file(c, s.review, file)
}

func (s *story) grantBody() *custody.Grant {
	return &custody.Grant{
		Header: s.header("nl", s.after), Request: s.request.SHA256, Review: s.review.SHA256, To: "fr", Terms: custody.Terms{
			Senders: []custody.PartyID{"nl/agent/lab"}, Recipients: []custody.PartyID{"fr/recipient/backup", "fr/recipient/lab"}, Categories: []string{"stored-data"},
			MaxBytes: 100 << 20, MaxPackages: 3, NotBefore: inDays(-1), Expires: inDays(30), Conditions: []string{"confidentiality"},
		},
	}
}

// granted files nl's grant, signed by both officers.
func (s *story) granted(c *wire.Client) {
	s.t.Helper()
	s.grant = sign(s.t, s.grantBody(), s.nl.officers...)
	s.file(c, s.grant, nil)
}

// accepted files fr's acceptance of the grant.
func (s *story) accepted() {
	s.t.Helper()
	s.acceptance = sign(s.t, &custody.Acceptance{Header: s.header("fr", s.after), Request: s.request.SHA256, Grant: s.grant.SHA256}, s.fr.officers[1])
	s.file(s.as(s.fr.desk), s.acceptance, nil)
}

// agreed returns a case that was requested, reviewed and granted.
func (w *world) agreed() *story {
	w.t.Helper()
	s := w.begin()
	desk := w.as(w.nl.desk)
	s.reviewed(desk)
	s.granted(desk)
	return s
}

// bundle is a package as its sender holds it.
type bundle struct {
	id          string
	epoch       int64
	plain       []byte
	head, inner []byte
	parts       [][]byte
	sums        [][32]byte
	size        int64
	seal        *custody.Statement
}

// pack seals three parts of evidence.
func (s *story) pack() *bundle {
	s.t.Helper()
	return s.packOf(2*seal.PartPlain + 1000)
}

// packOf seals that many bytes of evidence.
func (s *story) packOf(size int) *bundle {
	s.t.Helper()
	b := &bundle{plain: make([]byte, size)}
	rand.Read(b.plain)
	to := ageRecipients(s.t, s.fr)
	sealer, err := seal.NewSealer(int64(len(b.plain)), to...)
	check(s.t, err)
	b.head, b.size = sealer.Head(), sealer.PayloadSize()
	for n := range sealer.Parts() {
		part, sum, err := sealer.SealPart(nil, n, b.plain[n*seal.PartPlain:min((n+1)*seal.PartPlain, len(b.plain))])
		check(s.t, err)
		b.parts, b.sums = append(b.parts, part), append(b.sums, sum)
	}
	b.inner, err = seal.SealSmall([]byte("the inner statement"), 1<<20, to...)
	check(s.t, err)
	return b
}

// newID draws the id of a package.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return custody.PackageID(b)
}

// reserve asks for room for a package.
func (s *story) reserve(c *wire.Client, b *bundle) {
	s.t.Helper()
	r, err := c.Reserve(s.t.Context(), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: b.size})
	check(s.t, err)
	if r.PartSize != seal.PartSize {
		s.t.Errorf("part size is %d", r.PartSize)
	}
	b.id, b.epoch = r.Package, r.Epoch
}

// upload brings all parts, the last one first.
func (s *story) upload(c *wire.Client, b *bundle) {
	s.t.Helper()
	for n := len(b.parts) - 1; n >= 0; n-- {
		check(s.t, c.PutPart(s.t.Context(), b.id, b.epoch, n, b.sums[n], b.parts[n]))
	}
}

// sealBody is the seal that fits a package.
func (s *story) sealBody(b *bundle) *custody.Seal {
	body := &custody.Seal{
		Header: s.header("nl/agent/lab", s.after), Request: s.request.SHA256, Grant: s.grant.SHA256, Package: b.id,
		HeadSHA256: sum(b.head), PayloadSize: b.size, Parts: int64(len(b.parts)), PayloadRoot: seal.PayloadRoot(b.sums),
		InnerSHA256: sum(b.inner), Delivery: 1,
	}
	for _, id := range []custody.PartyID{"fr/recipient/backup", "fr/recipient/lab"} {
		body.Recipients = append(body.Recipients, custody.RecipientRef{
			ID: id, Directory: s.fr.directory.SHA256, Key: custody.RecipientKey(s.fr.recipients[id]),
		})
	}
	return body
}

func (s *story) unlockOf(b *bundle, checkpoint string) *custody.Statement {
	c := s.open(checkpoint)
	return sign(s.t, &custody.Unlock{
		Header: s.header("nl/agent/lab", s.after), Request: s.request.SHA256, Package: b.id, Seal: b.seal.SHA256,
		HeadSHA256: sum(b.head), Acceptance: s.acceptance.SHA256, Checkpoint: custody.CheckpointRef{Size: c.Size, Root: custody.Digest(c.Root)},
	}, s.nl.lab.key)
}

func (s *story) releaseOf(b *bundle, acceptance custody.Digest) *custody.Statement {
	return sign(s.t, &custody.Release{
		Header: s.header("fr/agent/lab", s.after), Request: s.request.SHA256, Package: b.id, Seal: b.seal.SHA256,
		Acceptance: acceptance, Recipient: "fr/recipient/lab",
	}, s.fr.lab.key)
}

// fetch reads a released package and opens it.
func (s *story) fetch(c *wire.Client, b *bundle) {
	s.t.Helper()
	ctx := s.t.Context()
	head, err := c.Head(ctx, b.id)
	check(s.t, err)
	inner, err := c.Inner(ctx, b.id)
	check(s.t, err)
	if !bytes.Equal(head, b.head) || !bytes.Equal(inner, b.inner) {
		s.t.Error("head or inner file came back changed")
	}
	payload := make([]byte, b.size)
	for off := int64(0); off < b.size; off += 5_000_000 { // across the bounds of parts
		check(s.t, c.Payload(ctx, b.id, off, payload[off:min(off+5_000_000, b.size)]))
	}
	plain, err := seal.OpenSmall(append(head, payload...), len(head)+len(payload), s.fr.identity)
	check(s.t, err)
	if !bytes.Equal(plain, b.plain) {
		s.t.Error("the evidence came back changed")
	}
}

// TestCase is the whole life of one request, over the network.
func TestCase(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	ctx := t.Context()
	sender, taker := w.as(w.nl.lab), w.as(w.fr.lab)

	b := s.pack()
	s.reserve(sender, b)
	s.upload(sender, b)
	b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
	p, err := sender.Seal(ctx, b.id, b.epoch, b.seal.Envelope)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	e, err := custody.ParseEntry(p.Line.Entry)
	check(t, err)
	if e.Deposit == nil || e.Deposit.Size != b.size || len(e.Deposit.Objects) != 1 {
		t.Fatalf("deposit is %+v", e.Deposit)
	}
	again, err := sender.Seal(ctx, b.id, b.epoch, b.seal.Envelope)
	check(t, err)
	if !bytes.Equal(again.Line.Entry, p.Line.Entry) {
		t.Error("the same seal again made another entry")
	}

	s.accepted() // after the deposit: the payload may go before, the head may not
	unlock := s.unlockOf(b, p.Checkpoint)
	p, err = sender.Unlock(ctx, b.id, unlock.Envelope, b.head, b.inner)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	_, err = sender.Unlock(ctx, b.id, unlock.Envelope, b.head, b.inner) // a retry
	check(t, err)

	release := s.releaseOf(b, s.acceptance.SHA256)
	p, err = taker.Release(ctx, b.id, release.Envelope)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	s.fetch(taker, b)
	s.file(taker, sign(t, &custody.Receipt{Header: s.header("fr/agent/lab", s.after), Request: s.request.SHA256, Package: b.id,
		Seal: b.seal.SHA256, InnerStatement: sum([]byte("inner")), Scope: custody.ScopeWhole}, w.fr.lab.key), nil)

	s.annexesReadable()
	book := w.replay(w.as(w.fr.desk), s.id())
	pkg := book.Record(s.id()).Case().Package(b.id)
	if pkg == nil || len(pkg.Releases) != 1 || pkg.Releases[0].Receipt == nil {
		t.Errorf("the replayed case has the package %+v", pkg)
	}
	s.changesSeen()
}

// annexesReadable: the request's annex is for both parties, the review's for nl.
func (s *story) annexesReadable() {
	s.t.Helper()
	for _, row := range []struct {
		who  *machine
		of   *custody.Statement
		want custody.Code
	}{
		{s.nl.lab, s.request, ""}, {s.fr.lab, s.request, ""}, {s.de.desk, s.request, custody.CodeNoSuchRequest},
		{s.nl.desk, s.review, ""}, {s.fr.desk, s.review, custody.CodeNoSuchRequest}, {s.de.lab, s.review, custody.CodeNoSuchRequest},
	} {
		b, err := s.as(row.who).Annex(s.t.Context(), sum(s.annexes[row.of]))
		if wire.CodeOf(err) != row.want || row.want == "" && (err != nil || !bytes.Equal(b, s.annexes[row.of])) {
			s.t.Errorf("annex of the %s for %s: error %v, want code %q", row.of.Kind, row.who.id, err, row.want)
		}
	}
}

// changesSeen: the poll tells a party of its case, and a third authority of itself
// alone.
func (s *story) changesSeen() {
	s.t.Helper()
	count := func(m *machine) (of int) {
		c, err := s.as(m).Changes(s.t.Context(), "", 0)
		check(s.t, err)
		for _, ch := range c.Changes {
			if ch.Record == s.id() {
				of++
			}
		}
		return of
	}
	if nl, de := count(s.nl.desk), count(s.de.desk); nl != 8 || de != 0 {
		s.t.Errorf("nl hears of %d entries of the case, de of %d; want 8 and 0", nl, de)
	}
}
