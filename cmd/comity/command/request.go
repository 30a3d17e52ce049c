package command

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

var requestHelp = `File a request to another authority, signed by an officer. The relay sees who asks
whom for which categories of data until when, and the hash of the order. The order, the
reference, the facts and the other documents are sealed to both authorities.

  comity request new --to de --instrument ets-185 --category stored-data \
      --order order.pdf --annex facts.pdf --ref NL-2026-0412 --expires 90d
  comity request draft > request.yaml; comity request new -f request.yaml

The new request's id is printed on standard output. Categories:
` + codeHelp(officer.Categories) + `
Instruments:
` + codeHelp(officer.Instruments)

const requestGroupHelp = `A request asks another authority for evidence. It is signed by an officer; the relay
sees its codes, and all that tells of the case is sealed to both authorities. What can
happen to a request and is no decision of it has its commands here.`

func (a *app) requestCommand() *cobra.Command {
	return group("request", "file requests, read, end and suspend them", requestGroupHelp,
		a.requestNew(), a.requestOffer(), a.requestDraft(), a.requestExport(), a.requestShow(), a.requestList(),
		a.requestWithdraw(), a.requestClose(), a.requestConsent(), a.requestUseReport(), a.requestHold(), a.requestErase(), a.requestErased(),
		a.requestDanger(), a.requestOrder(),
		a.requestExecuted("destroyed", "say that a package was destroyed here", true),
		a.requestExecuted("restricted", "say that a package is used no more here", false),
		a.requestAttest(), a.requestNotice(), a.requestSuspend(), a.requestResume())
}

// newRequest are the flags of request new.
type newRequest struct {
	file, to, instrument, order, ref, facts, expires, deadline string
	urgency                                                    string
	preserve                                                   bool
	categories, sensitive, annexes, recipients                 []string
}

func (a *app) requestNew() *cobra.Command {
	var n newRequest
	c := &cobra.Command{
		Use: "new (-f FORM | --to AUTHORITY --instrument CODE --category CODE --order FILE --ref REFERENCE)", Short: "file a request", Long: requestHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var spec *officer.RequestSpec
			var err error
			if n.file != "" {
				spec, err = a.requestFile(c, n.file)
			} else {
				spec, err = a.requestSpec(n)
			}
			if err != nil {
				return err
			}
			return a.desk(c.Context(), func(d *officer.Desk) error { return a.fileRequest(c.Context(), d, *spec) })
		},
	}
	f := c.Flags()
	f.StringVarP(&n.file, "file", "f", "", "all of it from this form, and no other flag")
	f.StringVar(&n.to, "to", "", "the authority that holds the evidence")
	f.StringVar(&n.instrument, "instrument", "", "what it rests on, see above")
	f.StringSliceVar(&n.categories, "category", nil, "the data that is asked for, see above; may be repeated")
	f.StringSliceVar(&n.sensitive, "sensitive", nil, "what takes more care: "+strings.Join(codeNames(officer.Sensitives), ", "))
	f.BoolVar(&n.preserve, "preserve", false, "ask that the data is kept, and not yet handed over")
	f.StringVar(&n.urgency, "urgency", "routine", "how fast it has to be answered: "+strings.Join(codeNames(officer.Urgencies), ", "))
	f.StringVar(&n.deadline, "deadline", "", "when it is needed: a date, or a number of days")
	f.StringVar(&n.order, "order", "", "the signed legal order")
	f.StringArrayVar(&n.annexes, "annex", nil, "another document; may be repeated")
	f.StringVar(&n.ref, "ref", "", "your own reference; every command understands it, also its end after a dash")
	f.StringVar(&n.facts, "facts", "", "the facts of the case, in words")
	f.StringVar(&n.expires, "expires", "90d", "date of the last day, or a number of days")
	f.StringSliceVar(&n.recipients, "recipients", nil, "who may receive (default all active recipients)")
	return c
}

// requestFile reads a form and the documents that it names, whose paths are from where
// the form is.
func (a *app) requestFile(c *cobra.Command, path string) (*officer.RequestSpec, error) {
	for _, flag := range []string{"to", "instrument", "category", "sensitive", "preserve", "urgency", "deadline", "order", "annex", "ref", "facts", "expires", "recipients"} {
		if c.Flags().Changed(flag) {
			return nil, hintf(usagef("--%s beside -f", flag), "write it into the form")
		}
	}
	data, err := a.input(path)
	if err != nil {
		return nil, err
	}
	d, err := officer.ParseRequestDraft(data)
	if err != nil {
		return nil, err
	}
	return d.Spec(func(name string) (officer.Attachment, error) {
		if path != "-" && !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		return attachment(name)
	})
}

// requestSpec reads the flags and the documents, before anything is connected.
func (a *app) requestSpec(n newRequest) (*officer.RequestSpec, error) {
	for _, m := range []struct{ flag, value, example string }{{"--to", n.to, "de"}, {"--order", n.order, "order.pdf"}, {"--ref", n.ref, "NL-2026-0412"}} {
		if m.value == "" {
			return nil, hintf(usagef("%s is missing", m.flag), "for example %s %s", m.flag, m.example)
		}
	}
	if err := custody.CheckAuthority(n.to); err != nil {
		return nil, usageError{err}
	}
	spec, err := n.spec()
	if err != nil {
		return nil, err
	}
	if spec.Expires, err = when(n.expires, a.now(), true); err != nil {
		return nil, err
	}
	if spec.Deadline, err = optionalWhen(n.deadline, a.now(), true); err != nil {
		return nil, err
	}
	for _, r := range n.recipients {
		id, err := partyArg(r)
		if err != nil {
			return nil, err
		}
		spec.Recipients = append(spec.Recipients, id)
	}
	if spec.Order, err = attachment(n.order); err != nil {
		return nil, err
	}
	for _, name := range n.annexes {
		f, err := attachment(name)
		if err != nil {
			return nil, err
		}
		spec.Attachments = append(spec.Attachments, f)
	}
	return spec, nil
}

// spec reads the codes.
func (n *newRequest) spec() (*officer.RequestSpec, error) {
	if err := codeArg(officer.Instruments, "--instrument", n.instrument); err != nil {
		return nil, err
	}
	if err := codeArg(officer.Urgencies, "--urgency", n.urgency); err != nil {
		return nil, err
	}
	for _, l := range []struct {
		list   []officer.Code
		flag   string
		values []string
	}{{officer.Categories, "--category", n.categories}, {officer.Sensitives, "--sensitive", n.sensitive}} {
		for _, v := range l.values {
			if err := codeArg(l.list, l.flag, v); err != nil {
				return nil, err
			}
		}
	}
	if len(n.categories) == 0 {
		return nil, codeArg(officer.Categories, "--category", "")
	}
	s := &officer.RequestSpec{To: n.to, Instrument: n.instrument, Assistance: custody.AssistanceDisclosure, Urgency: n.urgency,
		Categories: n.categories, Sensitive: n.sensitive, Reference: n.ref, Facts: n.facts}
	if n.preserve {
		s.Assistance = custody.AssistancePreservation
	}
	return s, nil
}

// attachment reads a document for an annex.
func attachment(path string) (officer.Attachment, error) {
	f, err := os.Open(path)
	if err != nil {
		return officer.Attachment{}, fmt.Errorf("reading %q: %w", path, plain(err))
	}
	defer f.Close()
	data, err := readLimited(f, path, custody.MaxAnnex)
	return officer.Attachment{Name: filepath.Base(path), Data: data}, err
}

func (a *app) fileRequest(ctx context.Context, d *officer.Desk, spec officer.RequestSpec) error {
	snap, err := d.Session.Sync(ctx, "", d.Home.Authority(), spec.To)
	if err != nil {
		return err
	}
	p, err := d.Office(snap).Request(d.Session.Header(snap, ""), spec)
	if err != nil {
		return err
	}
	return a.filed(ctx, d, snap, p, spec.Reference)
}

// filed files what begins a case, remembers its reference and prints its id.
func (a *app) filed(ctx context.Context, d *officer.Desk, snap *agent.Snapshot, p *officer.Paper, reference string) error {
	f, err := d.File(ctx, snap, p)
	if err != nil {
		return err
	}
	// If we crash here, the case is there and its reference is learnt again
	// from its annex.
	if err := d.Home.Remember(f.Request, reference); err != nil {
		return err
	}
	if !a.json {
		a.print("%s", f.Request)
	}
	return a.tell(f, f.Request[:8])
}

func (a *app) requestShow() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "show REQUEST", Short: "show a request, and take the documents out of its annex", Args: cobra.ExactArgs(1),
		Long: "Show what a request asks, and with --annex write the attached documents to a folder.\n\n  comity request show 0412 --annex papers/",
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return a.session(ctx, anyAgent, func(s *agent.Session) error {
				id, err := s.Resolve(ctx, args[0])
				if err != nil {
					return err
				}
				snap, err := s.Sync(ctx, id)
				if err != nil {
					return err
				}
				return a.showRequest(ctx, s, snap, id, dir)
			})
		},
	}
	c.Flags().StringVar(&dir, "annex", "", "write the attached documents to this folder")
	return c
}

// requestJSON is a request as data. What is sealed is there if it opens here.
type requestJSON struct {
	Request     string            `json:"request"`
	From        string            `json:"from"`
	To          string            `json:"to"`
	Instrument  string            `json:"instrument"`
	Assistance  string            `json:"assistance"`
	Categories  []string          `json:"categories"`
	Sensitive   []string          `json:"sensitive"`
	Urgency     string            `json:"urgency"`
	Deadline    custody.Time      `json:"deadline,omitzero"`
	Order       custody.Digest    `json:"order_sha256"`
	Recipients  []custody.PartyID `json:"recipients"`
	Expires     custody.Time      `json:"expires"`
	State       string            `json:"state"`
	Reference   string            `json:"reference,omitempty"`
	Facts       string            `json:"facts,omitempty"`
	Attachments []string          `json:"attachments,omitempty"`
}

func (a *app) showRequest(ctx context.Context, s *agent.Session, snap *agent.Snapshot, id, dir string) error {
	c := snap.Case(id)
	if c.Offer != nil {
		return a.showOffer(ctx, s, snap, id, dir)
	}
	b := c.Request
	say := a.print
	if a.json {
		say = func(string, ...any) {}
	}
	say("request %s: %s asks %s %s", id, c.From, c.To, b.Wants())
	say("  under: %s (%s)", b.Instrument, officer.Means(officer.Instruments, b.Instrument))
	for _, m := range b.Sensitive {
		say("  marked: %s (%s)", m, officer.Means(officer.Sensitives, m))
	}
	say("  state: %s", officer.Held(officer.State(c, a.now()), officer.Suspensions(snap.Book.View(), c)))
	a.erasedWords(snap.Book.Record(custody.RecordID(id)), say)
	say("  signed: %s   expires: %s   %s", b.Issued, b.Expires, b.Urgency)
	if !b.Deadline.IsZero() {
		say("  needed by: %s", b.Deadline)
	}
	say("  signed order: SHA-256 %s", b.OrderSHA256)
	say("  recipients: %s", strings.Join(texts(b.Recipients), ", "))
	x := a.sealedText(ctx, s, &b.Annex, say)
	if a.json {
		j := requestJSON{Request: id, From: c.From, To: c.To, Instrument: b.Instrument, Assistance: b.Assistance,
			Categories: b.Categories, Sensitive: b.Sensitive, Urgency: b.Urgency, Deadline: b.Deadline, Order: b.OrderSHA256, Recipients: b.Recipients,
			Expires: b.Expires, State: officer.State(c, a.now())}
		if x != nil {
			j.Reference, j.Facts, j.Attachments = x.Text.Reference, x.Text.Facts, x.Text.Attachments
		}
		if err := a.printJSON(j); err != nil {
			return err
		}
	}
	if x != nil {
		if err := a.checkOrder(x, b.OrderSHA256); err != nil {
			return err
		}
	}
	a.showAnswers(ctx, s, c, say)
	return a.documents(x, c, id, dir)
}

// documents takes the documents out of the annex that began a case, if a folder is named.
func (a *app) documents(x *officer.Annex, c *custody.Case, id, dir string) error {
	if dir == "" {
		return nil
	}
	if x == nil {
		return hintf(fmt.Errorf("the annex of request %q does not open here", id), "run this on a machine that holds a recipient of %s or %s", c.From, c.To)
	}
	return a.extract(x, dir)
}

// showAnswers shows what the requested State answered, with the sealed words that
// open here: a review's only in that State itself.
func (a *app) showAnswers(ctx context.Context, s *agent.Session, c *custody.Case, say func(string, ...any)) {
	if d := c.Danger; d != nil {
		say("EMERGENCY declared by %s on %s: %s (%s)", d.By, d.Time, d.Danger.Danger, officer.Means(officer.Dangers, d.Danger.Danger))
		a.sealedText(ctx, s, &d.Annex, say)
	}
	for _, r := range c.Reviews() {
		say("%s examined it (%s): %s", r.By, r.Body, r.Finding)
		if s.ID.Authority() == r.By {
			a.sealedText(ctx, s, &r.Annex, say)
		}
	}
	for _, g := range c.Grants {
		if g.Offered { // shown as what began the case
			continue
		}
		what := "granted"
		switch now := statement.At(a.now()); {
		case g.Revoked:
			what = "granted, and revoked since,"
		case g.Lapsed(now):
			what = "granted in an EMERGENCY, and lapsed since without validation,"
		case g.InEmergency() && g.Validated.IsZero():
			what = "granted in an EMERGENCY, to be validated by " + g.ValidateBy.String() + ","
		case g.InEmergency():
			what = "granted in an EMERGENCY, and validated since,"
		}
		say("%s by %s on %s", what, g.By, g.Time)
		if n := len(g.Amendments); n > 0 {
			say("  terms as they were changed on %s (%d in all):", g.Amendments[n-1].Time, n)
		}
		a.grantWords(g.Terms, say)
		a.sealedText(ctx, s, g.NewestAnnex(), say)
	}
	for _, o := range c.Orders {
		say("%s ordered on %s, by %s: %s", o.By, o.Time, o.Due, o.Measure)
		a.sealedText(ctx, s, o.Annex, say)
	}
	for _, p := range c.Packages {
		for _, e := range []*custody.ExecutionState{p.Restricted, p.Gone} {
			if e != nil {
				say("%s says on %s: %s of package %s", e.By, e.Time, e.Kind, p.Package)
				a.sealedText(ctx, s, e.Annex, say)
			}
		}
	}
	for _, k := range c.Consents {
		say("%s consented on %s that %s is passed on to %s by %s: %s", k.By, k.Time, strings.Join(k.Packages, ", "), k.To, k.Expires, k.Purpose)
		a.sealedText(ctx, s, k.Annex, say)
	}
	if h := c.Hold; h != nil {
		what := "ON HOLD: nothing of it may be destroyed, by"
		if !c.OnHold() {
			what = "not on hold any more, by"
		}
		say("%s %s on %s: %s", what, h.By, h.Time, h.Reason)
		a.sealedText(ctx, s, h.Annex, say)
	}
	for _, x := range c.Erasures {
		done := "not erased yet"
		if !x.Done.IsZero() {
			done = "erased on " + x.Done.String() + ", as the relay says"
		}
		say("%s asked the relay on %s to erase %d whole entries and %d annexes of its own: %s; %s", x.By, x.Time, len(x.Entries), len(x.Annexes), x.Reason, done)
	}
	for _, u := range c.UseReports {
		say("%s told on %s what use it made of %s: %s (%s), %s", u.By, u.Time, cmp.Or(u.Package, "all that it had received"), u.Use,
			officer.Means(officer.Uses, u.Use), u.Date.Time().Format(time.DateOnly))
		a.sealedText(ctx, s, u.Annex, say)
	}
	if r := c.Refusal; r != nil {
		say("refused by %s: %s", r.By, strings.Join(r.Grounds, ", "))
		a.sealedText(ctx, s, r.Annex, say)
	}
	if e := c.End; e != nil {
		say("%s by %s on %s: %s", officer.State(c, a.now()), c.From, e.Time, e.Code)
		a.sealedText(ctx, s, e.Annex, say)
	}
}

// checkOrder says which attachment is the order whose hash the request names.
func (a *app) checkOrder(x *officer.Annex, order custody.Digest) error {
	i := slices.IndexFunc(x.Attachments, func(f officer.Attachment) bool { return custody.HashOf(f.Data) == order })
	if i < 0 {
		return fmt.Errorf("no attachment is the signed order that the request names: %w", agent.ErrVerify)
	}
	a.say("%s is the signed order that the request names", line(x.Attachments[i].Name))
	return nil
}

// extract writes the attachments into a folder and replaces nothing there. Names
// have been checked to be plain names.
func (a *app) extract(x *officer.Annex, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, att := range x.Attachments {
		f, err := root.OpenFile(att.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("writing %q: %w", att.Name, plain(err))
		}
		_, err = f.Write(att.Data)
		if err2 := f.Close(); err == nil {
			err = err2
		}
		if err != nil {
			return fmt.Errorf("writing %q: %w", att.Name, plain(err))
		}
		a.say("wrote %s", filepath.Join(dir, line(att.Name)))
	}
	return nil
}
