package command

import (
	"context"
	"fmt"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
)

// act is one officer's act on a request: what there is of it, proven.
type act struct {
	*officer.Desk
	office  officer.Office
	request string
	name    string // what the user called it
	snap    *agent.Snapshot
	kase    *custody.Case
}

// header begins a statement of the case.
func (x *act) header() custody.Header { return x.Session.Header(x.snap, x.request) }

// desk opens a session as a desk agent of this home.
func (a *app) desk(ctx context.Context, f func(*officer.Desk) error) error {
	as, err := a.asRole(custody.RoleOfficer)
	if err != nil {
		return err
	}
	ag, err := a.agent()
	if err != nil {
		return err
	}
	return a.sessionOf(ctx, ag, custody.DutyDesk, func(s *agent.Session) error {
		return f(&officer.Desk{Home: ag.Home(), Session: s, As: as, Now: a.now})
	})
}

// onRequest opens a desk and proves the state of a request.
func (a *app) onRequest(ctx context.Context, name string, f func(*act) error) error {
	return a.desk(ctx, func(d *officer.Desk) error {
		id, err := d.Session.Resolve(ctx, name)
		if err != nil {
			return err
		}
		x := &act{Desk: d, request: id, name: name}
		if err := x.sync(ctx); err != nil {
			return err
		}
		return f(x)
	})
}

// sync reads the request's record anew.
func (x *act) sync(ctx context.Context) (err error) {
	if x.snap, err = x.Session.Sync(ctx, x.request); err != nil {
		return err
	}
	x.office, x.kase = x.Office(x.snap), x.snap.Case(x.request)
	return nil
}

// filedJSON is a filed statement as data.
type filedJSON struct {
	Kind    custody.Kind      `json:"kind"`
	Request string            `json:"request,omitempty"` // none of a suspension
	SHA256  custody.Digest    `json:"sha256"`
	Filed   bool              `json:"filed"` // false: it waits for signatures
	Seq     int64             `json:"seq,omitempty"`
	Time    custody.Time      `json:"time,omitzero"`
	Signed  []custody.PartyID `json:"signed"`
	Need    int               `json:"need"`
	Waits   []custody.PartyID `json:"waits,omitempty"`
	Until   custody.Time      `json:"until,omitzero"`
}

// tell says what became of a statement.
func (a *app) tell(f *officer.Filed, name string) error {
	if f.Entry == nil {
		a.say("the %s waits for signatures: %d of %d", f.Kind, len(f.Signed), f.Need)
		a.say("next: one of %s runs comity sign %s before %s", strings.Join(texts(f.Waits), ", "), name, f.Until)
	} else {
		a.say("%s filed at %s: entry %d of %s, signed by %s", f.Kind, f.Entry.Time, f.Entry.Seq, recordName(f), strings.Join(texts(f.Signed), ", "))
	}
	if !a.json {
		return nil
	}
	j := filedJSON{Kind: f.Kind, Request: f.Request, SHA256: f.SHA256, Signed: f.Signed, Need: f.Need, Waits: f.Waits, Until: f.Until}
	if f.Entry != nil {
		j.Filed, j.Seq, j.Time = true, f.Entry.Seq, f.Entry.Time
	}
	return a.printJSON(j)
}

// recordName is what people call the record that a statement is in.
func recordName(f *officer.Filed) string {
	if f.Request == "" {
		return "the record of this authority"
	}
	return "request " + f.Request
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// sealedText prints what an annex says, or why it cannot be read here.
func (a *app) sealedText(ctx context.Context, s *agent.Session, ref *custody.AnnexRef, print func(string, ...any)) *officer.Annex {
	if ref == nil {
		return nil
	}
	x, err := s.OpenAnnex(ctx, *ref)
	if err != nil {
		print("  sealed part of %s, not readable here: %v", officer.About(ref.Size), err)
		return nil
	}
	for _, t := range []struct{ label, text string }{{"reference", x.Text.Reference}, {"facts", x.Text.Facts},
		{"reasons", x.Text.Reasons}, {"conditions in words", x.Text.Conditions}} {
		if t.text != "" {
			print("  %s: %s", t.label, strings.ReplaceAll(strings.TrimSpace(t.text), "\n", "\n    "))
		}
	}
	for _, f := range x.Text.Contents.Answers() {
		for _, text := range f.Text {
			print("  %s: %s", strings.ReplaceAll(f.Key, "_", " "), strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    "))
		}
	}
	for _, g := range x.Text.Examined {
		found := "nothing stands against a grant"
		if g.Found != "" {
			found = strings.ReplaceAll(strings.TrimSpace(g.Found), "\n", "\n    ")
		}
		print("  examined: %s: %s", g.Ground, found)
	}
	for _, f := range x.Attachments {
		print("  attached: %s, %s", line(f.Name), officer.About(int64(len(f.Data))))
	}
	return x
}

// grantWords prints a grant for who has to accept or sign it.
func (a *app) grantWords(g *custody.Terms, print func(string, ...any)) {
	print("  data: %s", strings.Join(g.Categories, ", "))
	for _, m := range g.Sensitive {
		print("  marked: %s (%s)", m, officer.Means(officer.Sensitives, m))
	}
	if g.MaxPackages == 0 {
		print("  kept from %s to %s; nothing moves", g.NotBefore, g.Expires)
	} else {
		print("  senders: %s", strings.Join(texts(g.Senders), ", "))
		print("  recipients: %s", strings.Join(texts(g.Recipients), ", "))
		print("  at most %s in %d packages, from %s to %s", officer.Bytes(g.MaxBytes), g.MaxPackages, g.NotBefore, g.Expires)
	}
	if g.RetentionDays > 0 {
		print("  the relay keeps each package, locked, for at least %d days from its deposit", g.RetentionDays)
	}
	if g.Release == custody.ReleaseOrigin {
		print("  release: origin (the sender decides over each taking and keeps the key until then)")
	}
	for _, c := range g.Conditions {
		print("  condition: %s (%s)", c, officer.Means(officer.Conditions, c))
	}
	if len(g.Conditions) == 0 {
		print("  no conditions by code")
	}
	if !g.DeleteBy.IsZero() {
		print("  to be deleted by %s", g.DeleteBy)
	}
	for _, h := range g.Handling {
		print("  handling: %s (%s)", h, officer.Means(officer.Handlings, h))
	}
}

// codeArg checks a code from the command line against a list.
func codeArg(list []officer.Code, flag, code string) error {
	if code == "" {
		return hintf(usagef("%s is missing", flag), "it is one of %s", strings.Join(codeNames(list), ", "))
	}
	if officer.Means(list, code) == "" {
		return hintf(usagef("%s %q is unknown", flag, code), "it is one of %s", strings.Join(codeNames(list), ", "))
	}
	return nil
}

func codeNames(list []officer.Code) []string {
	var names []string
	for _, c := range list {
		names = append(names, c.Code)
	}
	return names
}

// codeHelp lists codes for the help of a command.
func codeHelp(list []officer.Code) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "  %-36s %s\n", c.Code, c.Means)
	}
	return strings.TrimRight(b.String(), "\n")
}
