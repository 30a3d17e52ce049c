package command

import (
	"context"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

var offerHelp = `Offer another authority what it has not asked for: spontaneous information. An offer is
request and grant at once, and signed by as many officers as a grant. Nothing moves
before the other authority has accepted exactly these terms; it may refuse them, and
this one may revoke them. The facts, the reference and the documents are sealed to both.

  comity request offer --to de --instrument ets-185 --category stored-data \
      --purpose initiate-investigation --facts "a server seized here" --ref NL-2026-0099

The new id is printed on standard output; every command takes it like a request's.
Purposes:
` + codeHelp(officer.OfferPurposes) + `
Instruments, categories and what is sensitive: comity request new --help. Conditions:
` + codeHelp(officer.Conditions)

// newOffer are the flags of request offer.
type newOffer struct {
	officer.OfferSpec
	maxBytes, expires, deleteBy  string
	annexes, senders, recipients []string
}

func (a *app) requestOffer() *cobra.Command {
	var n newOffer
	c := &cobra.Command{
		Use: "offer --to AUTHORITY --instrument CODE --category CODE --purpose CODE --ref REFERENCE", Short: "offer what was not asked for", Long: offerHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			spec, err := a.offerSpec(n)
			if err != nil {
				return err
			}
			return a.desk(c.Context(), func(d *officer.Desk) error { return a.fileOffer(c.Context(), d, *spec) })
		},
	}
	f := c.Flags()
	f.StringVar(&n.To, "to", "", "the authority that may want it")
	f.StringVar(&n.Instrument, "instrument", "", "what it rests on")
	f.StringSliceVar(&n.Categories, "category", nil, "the data that is offered; may be repeated")
	f.StringSliceVar(&n.Sensitive, "sensitive", nil, "what takes more care: "+strings.Join(codeNames(officer.Sensitives), ", "))
	f.StringSliceVar(&n.Purposes, "purpose", nil, "what it may serve there, see above; may be repeated")
	f.StringVar(&n.Reference, "ref", "", "your own reference; every command understands it, also its end after a dash")
	f.StringVar(&n.Facts, "facts", "", "what it is about, in words")
	f.StringArrayVar(&n.annexes, "annex", nil, "a document; may be repeated")
	f.StringSliceVar(&n.Conditions, "condition", []string{"use-limitation", "confidentiality", "no-onward-transfer-without-consent"}, "what the other State has to promise, see above")
	f.StringVar(&n.ConditionsText, "conditions-text", "", "more on that, in words")
	f.StringSliceVar(&n.Handling, "handling", nil, "who may see it there: "+strings.Join(codeNames(officer.Handlings), ", "))
	f.StringVar(&n.deleteBy, "delete-by", "", "the day by which the other State has deleted it")
	f.StringVar(&n.expires, "expires", "30d", "date of the last day, or a number of days")
	f.StringVar(&n.maxBytes, "max-bytes", "1 TiB", "bound over all packages, in sealed bytes")
	f.Int64Var(&n.MaxPackages, "max-packages", 10, "how many packages at most")
	f.StringSliceVar(&n.senders, "senders", nil, "who may send (default all active lab agents)")
	f.StringSliceVar(&n.recipients, "recipients", nil, "who may receive (default all active recipients of the other authority)")
	return c
}

// offerSpec reads the flags and the documents, before anything is connected.
func (a *app) offerSpec(n newOffer) (*officer.OfferSpec, error) {
	if err := n.codes(); err != nil {
		return nil, err
	}
	var err error
	if n.MaxBytes, err = officer.ParseBytes(n.maxBytes); err != nil {
		return nil, usageError{err}
	}
	if n.Expires, err = when(n.expires, a.now(), true); err != nil {
		return nil, err
	}
	if n.DeleteBy, err = optionalWhen(n.deleteBy, a.now(), true); err != nil {
		return nil, err
	}
	for _, l := range []struct {
		names []string
		ids   *[]custody.PartyID
	}{{n.senders, &n.Senders}, {n.recipients, &n.Recipients}} {
		for _, name := range l.names {
			id, err := partyArg(name)
			if err != nil {
				return nil, err
			}
			*l.ids = append(*l.ids, id)
		}
	}
	for _, name := range n.annexes {
		f, err := attachment(name)
		if err != nil {
			return nil, err
		}
		n.Attachments = append(n.Attachments, f)
	}
	return &n.OfferSpec, nil
}

// codes checks the flags that need no file and no clock.
func (n *newOffer) codes() error {
	for _, m := range []struct{ flag, value, example string }{{"--to", n.To, "de"}, {"--ref", n.Reference, "NL-2026-0099"}} {
		if m.value == "" {
			return hintf(usagef("%s is missing", m.flag), "for example %s %s", m.flag, m.example)
		}
	}
	if err := custody.CheckAuthority(n.To); err != nil {
		return usageError{err}
	}
	if err := codeArg(officer.Instruments, "--instrument", n.Instrument); err != nil {
		return err
	}
	for _, l := range []struct {
		list   []officer.Code
		flag   string
		values []string
		needed bool
	}{{officer.Categories, "--category", n.Categories, true}, {officer.OfferPurposes, "--purpose", n.Purposes, true},
		{officer.Sensitives, "--sensitive", n.Sensitive, false}, {officer.Conditions, "--condition", n.Conditions, false},
		{officer.Handlings, "--handling", n.Handling, false}} {
		if l.needed && len(l.values) == 0 {
			return codeArg(l.list, l.flag, "")
		}
		for _, v := range l.values {
			if err := codeArg(l.list, l.flag, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) fileOffer(ctx context.Context, d *officer.Desk, spec officer.OfferSpec) error {
	snap, err := d.Session.Sync(ctx, "", d.Home.Authority(), spec.To)
	if err != nil {
		return err
	}
	p, err := d.Office(snap).Offer(d.Session.Header(snap, ""), spec)
	if err != nil {
		return err
	}
	return a.filed(ctx, d, snap, p, spec.Reference)
}

// showOffer shows an offer with the sealed words that open here, and what became of it.
func (a *app) showOffer(ctx context.Context, s *agent.Session, snap *agent.Snapshot, id, dir string) error {
	c := snap.Case(id)
	b := c.Offer
	say := a.print
	if a.json {
		say = func(string, ...any) {}
	}
	say("offer %s: %s", id, c.Says())
	say("  under: %s (%s)", b.Instrument, officer.Means(officer.Instruments, b.Instrument))
	for _, p := range b.Purposes {
		say("  for: %s (%s)", p, officer.Means(officer.OfferPurposes, p))
	}
	say("  state: %s", officer.Held(officer.State(c, a.now()), officer.Suspensions(snap.Book.View(), c)))
	a.grantWords(&b.Terms, say)
	x := a.sealedText(ctx, s, &b.Annex, say)
	if a.json {
		j := offerJSON{Offer: id, From: c.To, To: c.From, Instrument: b.Instrument, Purposes: b.Purposes, Terms: b.Terms, State: officer.State(c, a.now())}
		if x != nil {
			j.Reference, j.Facts, j.Conditions, j.Attachments = x.Text.Reference, x.Text.Facts, x.Text.Conditions, x.Text.Attachments
		}
		if err := a.printJSON(j); err != nil {
			return err
		}
	}
	a.showAnswers(ctx, s, c, say)
	return a.documents(x, c, id, dir)
}

// offerJSON is an offer as data. What is sealed is there if it opens here.
type offerJSON struct {
	Offer       string        `json:"offer"`
	From        string        `json:"from"` // who offers
	To          string        `json:"to"`
	Instrument  string        `json:"instrument"`
	Purposes    []string      `json:"purposes"`
	Terms       custody.Terms `json:"terms"`
	State       string        `json:"state"`
	Reference   string        `json:"reference,omitempty"`
	Facts       string        `json:"facts,omitempty"`
	Conditions  string        `json:"conditions_text,omitempty"`
	Attachments []string      `json:"attachments,omitempty"`
}
