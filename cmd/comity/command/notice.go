package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/custody/notice"

	"github.com/spf13/cobra"
)

const noticeHelp = `Take a revocation, withdrawal, recall or suspension that came by another way than the
relay: a file that an officer's machine of the State that signed it has written, because
the relay did not prove within a minute that its log holds it. It is verified by the root
that is pinned here, and kept. From then on this machine lets no key go and sends, takes
and signs for nothing that it stops, whatever the relay shows; give the file to every
machine of this authority. A desk then files it at the relay, which may not have got it.

Without a file, list what was taken, and made, here; run it with the file again to file
what the relay's record does not hold yet.

  comity request notice revocation.notice`

func (a *app) requestNotice() *cobra.Command {
	return &cobra.Command{
		Use: "notice [FILE]", Short: "take a revocation that came by another way", Long: noticeHelp, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listNotices()
			}
			data, err := readNotice(args[0])
			if err != nil {
				return err
			}
			ag, err := a.agent()
			if err != nil {
				return err
			}
			n, err := ag.TakeNotice(data)
			if err != nil {
				return err
			}
			a.say("taken: %s; nothing that it stops moves on this machine any more", noticeWords(*n))
			return a.fileNotice(c.Context(), n)
		},
	}
}

// readNotice reads a file of at most the size of a notice.
func readNotice(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > notice.MaxBytes {
		return nil, fmt.Errorf("%q is no notice: it is not a file, or larger than any", name)
	}
	return os.ReadFile(name)
}

// noticeJSON is a notice as data.
type noticeJSON struct {
	Kind   custody.Kind   `json:"kind"`
	By     string         `json:"by"`
	Record string         `json:"record"`
	SHA256 custody.Digest `json:"sha256"`
	Issued custody.Time   `json:"issued"`
	Path   string         `json:"path"`
	Filed  bool           `json:"filed"` // the relay's log is proved to hold it
}

func noticeData(n agent.Notice, filed bool) noticeJSON {
	h := n.Statement.Header
	return noticeJSON{n.Statement.Kind, h.By, string(n.Statement.Record()), n.Statement.SHA256, h.Issued, n.Path, filed}
}

func noticeWords(n agent.Notice) string {
	of := "request " + string(n.Statement.Record())
	if b, ok := n.Statement.Body.(*custody.Suspension); ok {
		of = "all transfers with " + b.With
	}
	return fmt.Sprintf("%s by %s of %s, signed %s", n.Statement.Kind, n.Statement.Header.By, of, moment(n.Statement.Header.Issued))
}

// fileNotice files what was taken, if a desk of this home can: that it cannot now takes
// nothing from what was taken.
func (a *app) fileNotice(ctx context.Context, n *agent.Notice) error {
	filed := false
	err := a.desk(ctx, func(d *officer.Desk) error {
		e, err := d.Session.FileNotice(ctx, n)
		if err != nil {
			return err
		}
		filed = true
		a.say("the relay's log holds it: entry %d of %s, brought by %s", e.Seq, e.Record, e.Via)
		return nil
	})
	if err != nil {
		a.say("it is not filed from here (%v); run this command again, or on a machine with a desk agent", err)
	}
	if a.json {
		return a.printJSON(noticeData(*n, filed))
	}
	return nil
}

func (a *app) listNotices() error {
	h, err := a.home()
	if err != nil {
		return err
	}
	list, err := h.Notices()
	if err != nil {
		return err
	}
	data := []noticeJSON{}
	for _, n := range list {
		data = append(data, noticeData(n, false))
		if !a.json {
			a.print("%s  %s", noticeWords(n), line(n.Path))
		}
	}
	if a.json {
		return a.printJSON(data)
	}
	if len(list) == 0 {
		a.say("no notice")
	}
	return nil
}

// tellNotices says what stops a request here though the relay's record does not hold it.
func (a *app) tellNotices(h *agent.Home, snap *agent.Snapshot, request string) error {
	list, err := h.Stopped(snap, request)
	for _, n := range list {
		a.say("NOTICE: %s; the relay's record does not hold it, and this machine heeds it", noticeWords(n))
	}
	return err
}

// stop files an officer's statement that stops something in a request. Where no relay
// answers, or one that cannot be believed, it is signed on what this home last proved.
func (a *app) stop(ctx context.Context, name string, draft func(*act) (*officer.Paper, error)) error {
	err := a.answered(ctx, name, func(x *act) error {
		p, err := draft(x)
		if err != nil {
			return err
		}
		f, err := x.File(ctx, x.snap, p)
		if err != nil {
			return err
		}
		return a.tell(f, x.name)
	})
	if !a.unanswered(ctx, err) {
		return err
	}
	h, homeErr := a.home()
	if homeErr != nil {
		return homeErr
	}
	id, nameErr := h.Request(name)
	if nameErr != nil {
		return fmt.Errorf("%w; and without the relay: %w", err, nameErr)
	}
	return a.alone(ctx, id, err, func(d *officer.Desk, snap *agent.Snapshot) error {
		x := &act{Desk: d, request: id, name: name, snap: snap, office: d.Office(snap), kase: snap.Case(id)}
		p, draftErr := draft(x)
		if draftErr != nil {
			return draftErr
		}
		return d.Alone(snap, p, err)
	})
}

// answered is onRequest for a relay that has a minute to show the request.
func (a *app) answered(ctx context.Context, name string, f func(*act) error) error {
	within, done := context.WithTimeout(ctx, agent.ProofWithin)
	defer done()
	return a.onRequest(within, name, f)
}

// unanswered reports whether a command failed because the relay was not there, or shows
// what does not verify, before anything was signed.
func (a *app) unanswered(ctx context.Context, err error) bool {
	var made *agent.NotEnteredError
	return err != nil && ctx.Err() == nil && !errors.As(err, &made) && (errors.Is(err, agent.ErrTryLater) || errors.Is(err, agent.ErrVerify) || errors.Is(err, context.DeadlineExceeded))
}

// alone runs f as a desk that has no relay, on what was last proven here.
func (a *app) alone(ctx context.Context, request string, why error, f func(*officer.Desk, *agent.Snapshot) error, authorities ...string) error {
	as, err := a.asRole(custody.RoleOfficer)
	if err != nil {
		return err
	}
	ag, err := a.agent()
	if err != nil {
		return err
	}
	id, err := a.identity(ctx, ag, anyAgent)
	if err != nil {
		return err
	}
	s, snap, err := ag.Alone(id, request, authorities...)
	if err != nil {
		return fmt.Errorf("%w; and without the relay: %w", why, err)
	}
	a.say("the relay does not answer as it should: this is signed on what this machine last proved")
	return f(&officer.Desk{Home: ag.Home(), Session: s, As: as, Now: a.now}, snap)
}

// handOver says in plain words what to do with a notice.
func handOver(e *agent.NotEnteredError) string {
	who := "the other State"
	if len(e.To) > 0 {
		who = strings.Join(e.To, " and ")
	}
	return fmt.Sprintf("call %s now, and give it the file %s by another way (mail, a stick): its desk and labs run comity request notice FILE, and so does every machine of your own; then file it here when the relay answers: comity request notice %s",
		who, e.Path, e.Path)
}
