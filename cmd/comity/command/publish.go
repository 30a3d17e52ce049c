package command

import (
	"context"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

func (a *app) directorySign() *cobra.Command {
	var expires string
	c := &cobra.Command{
		Use: "sign [FILE]", Short: "sign the draft, or a directory from the other registrar", Long: directoryHelp, Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			until, err := optionalWhen(expires, a.now(), true)
			if err != nil {
				return err
			}
			if len(args) == 1 && expires != "" {
				return usagef("--expires belongs to the draft, not to a directory that is signed already")
			}
			return a.locked("", func(h *agent.Home) error {
				r := officer.NewRegistry(h)
				var g *officer.Signing
				if len(args) == 0 {
					g, err = r.Sign(until, a.now())
				} else {
					var data []byte
					if data, err = a.input(args[0]); err == nil {
						g, err = r.SignFile(data, a.now())
					}
				}
				if err != nil {
					return err
				}
				return a.signed(g)
			})
		},
	}
	c.Flags().StringVar(&expires, "expires", "", "date of the directory's last day (default half a year)")
	return c
}

// signed says what was signed and writes it where a file is wanted.
func (a *app) signed(g *officer.Signing) error {
	b := g.Directory()
	a.say("directory of %s, version %d, until %s", b.By, b.Version, b.Expires)
	if len(g.Changes) == 0 {
		a.say("  it changes nothing and renews the date")
	}
	for _, c := range g.Changes {
		a.say("  %s", c)
	}
	for _, w := range officer.Warnings(b) {
		a.say("comity: warning: %s", w)
	}
	a.say("signed by %s; needed: %d", strings.Join(texts(g.Signed), ", "), g.Need)
	if g.Complete() {
		a.say("next: comity directory publish")
	} else {
		a.say("next: another registrar signs it: comity directory sign FILE > FILE")
	}
	if isTerminal(a.stdout) {
		return nil // it is kept in the home, where publish and the next sign find it
	}
	return a.output(g.Statement.Envelope, "comity directory sign")
}

func (a *app) directoryPublish() *cobra.Command {
	return &cobra.Command{
		Use: "publish [FILE]", Short: "bring roots and the signed directory to the relay", Long: directoryHelp, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.locked("", func(h *agent.Home) error {
				r := officer.NewRegistry(h)
				var data []byte
				if len(args) == 1 {
					var err error
					if data, err = a.input(args[0]); err != nil {
						return err
					}
				}
				g, err := r.Ready(data)
				if err != nil {
					return err
				}
				return a.public(c.Context(), func(s *agent.Session) error {
					p, err := r.Publish(c.Context(), s, g.Statement)
					if err != nil {
						return err
					}
					a.published(s.Origin, p)
					return nil
				})
			})
		},
	}
}

func (a *app) published(origin string, p *officer.Publication) {
	if p.Roots > 0 {
		a.say("%s has the root", origin)
	}
	if p.Entry == nil {
		a.say("%s has directory version %d already", origin, p.Directory)
		return
	}
	a.say("%s has directory version %d since %s: entry %d of record %s", origin, p.Directory, p.Entry.Time, p.Entry.Seq, p.Entry.Record)
}

func (a *app) directoryShow() *cobra.Command {
	return &cobra.Command{
		Use: "show [AUTHORITY]", Short: "show the draft, or what the log proves of an authority", Long: directoryHelp, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.showAuthority(c.Context(), args[0])
			}
			h, err := a.home()
			if err != nil {
				return err
			}
			r := officer.NewRegistry(h)
			d, err := r.Draft()
			if err != nil {
				return err
			}
			b := &custody.Directory{Rules: d.Rules, Emergency: d.Emergency, Calendar: d.Calendar, Relays: d.Relays, Entries: d.Entries}
			if a.json {
				return a.printJSON(directoryData(b, ""))
			}
			a.printDirectory(b)
			return a.printChanges(r, b)
		},
	}
}

// directoryJSON is a directory as data.
type directoryJSON struct {
	Authority string             `json:"authority,omitempty"`
	Version   int64              `json:"version,omitempty"` // absent of a draft
	SHA256    string             `json:"sha256,omitempty"`
	Expires   *custody.Time      `json:"expires,omitempty"`
	Rules     custody.Thresholds `json:"rules"`
	Relays    []custody.RelayPin `json:"relays"`
	Entries   []entryJSON        `json:"entries"`
}

type entryJSON struct {
	ID        custody.PartyID `json:"id"`
	Status    string          `json:"status"`
	NotBefore custody.Time    `json:"not_before"`
	NotAfter  custody.Time    `json:"not_after"`
	Duties    []string        `json:"duties,omitempty"`
}

func directoryData(b *custody.Directory, sha string) directoryJSON {
	d := directoryJSON{Authority: b.By, Version: b.Version, SHA256: sha, Rules: b.Rules, Relays: b.Relays, Entries: []entryJSON{}}
	if !b.Expires.IsZero() {
		d.Expires = &b.Expires
	}
	for _, l := range b.Entries {
		d.Entries = append(d.Entries, entryJSON{l.ID, l.Status, l.NotBefore, l.NotAfter, l.Duties})
	}
	return d
}

func (a *app) printDirectory(b *custody.Directory) {
	for _, l := range b.Entries {
		a.print("%-28s %-8s %s to %s  %s", l.ID, l.Status, l.NotBefore.Time().Format(time.DateOnly),
			l.NotAfter.Time().Format(time.DateOnly), strings.Join(l.Duties, ","))
	}
	r := b.Rules
	a.print("officers that sign: request %d, review %d, grant %d, refusal %d, acceptance %d, revocation %d",
		r.Request, r.Review, r.Grant, r.Refusal, r.Acceptance, r.Revocation)
	for _, p := range b.Relays {
		a.print("accepts relay %s with root %s", p.Origin, grouped(p.Fingerprint))
	}
}

// printChanges says what the draft changes against the published directory.
func (a *app) printChanges(r *officer.Registry, b *custody.Directory) error {
	pub, err := r.Published()
	if err != nil {
		return err
	}
	if pub == nil {
		a.say("nothing is published yet: comity directory sign, then comity directory publish")
		return nil
	}
	old := pub.Body.(*custody.Directory)
	list := officer.Changes(old, b)
	a.say("against the published version %d, which lasts until %s:", old.Version, old.Expires)
	for _, c := range list {
		a.say("  %s", c)
	}
	if len(list) == 0 {
		a.say("  no change")
	}
	return nil
}

// showAuthority shows what the log proves of an authority.
func (a *app) showAuthority(ctx context.Context, name string) error {
	if err := custody.CheckAuthority(name); err != nil {
		return usageError{err}
	}
	return a.session(ctx, anyAgent, func(s *agent.Session) error {
		snap, err := s.Sync(ctx, "", name)
		if err != nil {
			return err
		}
		au := snap.Book.View().Authorities[name]
		if au == nil || au.Directory == nil {
			return hintf(errNotPublished(name), "its registrars publish it: comity directory publish")
		}
		if a.json {
			return a.printJSON(directoryData(au.Directory, au.DirectorySHA256.String()))
		}
		a.say("directory of %s, version %d, until %s; root version %d, fingerprint %s", name, au.Directory.Version,
			au.Directory.Expires, au.Root.Version, grouped(au.Root.Fingerprint()))
		a.printDirectory(au.Directory)
		return nil
	})
}
