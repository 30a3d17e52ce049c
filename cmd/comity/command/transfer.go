package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"

	"github.com/spf13/cobra"
)

const sendHelp = `Pack a folder, seal it to exactly the recipients of the grant, and deposit it with the
relay. The key to it leaves this machine only after the other State has accepted
the conditions: if it has not yet, run the command again without a folder later.

--supersedes says that the folder is sent in place of an earlier package, which stays
as it is: comity recall takes that one back.

  comity send 0412 exhibits/ --final --description "disk images of 4 March"
  comity send 0412 corrected/ --supersedes k3vq
  comity send 0412

What can be read once is captured first, as ciphertext in the state folder, if it may
be sent: standard input to its end, as one file, and with --live a folder that others
write to, each file to the length that it has when it is opened. A failure of the
program before the pipe cannot be seen here. A capture stays until the relay has all
of it; one that stops before its end leaves nothing.

  dd if=/dev/sdb | comity send 0412 - --name laptop/disk.img
  comity send 0412 /var/log/nginx --live
  comity send 0412 --capture k3vq [--discard]

A send that was interrupted goes on where it stopped when the same command is run
again: what the relay has is neither read nor sent twice. If a file has changed in
between, or the state of this machine was copied, nothing more of that package leaves.

Forensic images among the files are recognised, and what seems to be missing is said.
With --acquisition the examiner's own file on how they were made goes along, sealed
like them; hashes in it are compared first, which reads those files once more, and if
one differs nothing is sent. config/testdata/acquisition.yaml is an example.`

func (a *app) sendCommand() *cobra.Command {
	var f sendFlags
	c := &cobra.Command{
		Use: "send REQUEST [FOLDER | - --name NAME | --capture ID]", Short: "send a folder, or let keys go that wait", Long: sendHelp, Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error { return a.sending(c, args, &f) },
	}
	set := c.Flags()
	set.BoolVar(&f.opt.Final, "final", false, "no delivery follows under this grant")
	set.StringVar(&f.opt.Supersedes, "supersedes", "", "the package of this request that this one replaces")
	set.StringVar(&f.opt.Description, "description", "", "what the package is; sealed to the recipients")
	set.StringVar(&f.opt.Examiner, "examiner", "", "who prepared it; sealed to the recipients")
	set.StringVar(&f.acquisition, "acquisition", "", "file on how the exhibits were made; sealed to the recipients")
	set.StringSliceVar(&f.opt.Handling, "handling", nil, "handling codes that the two States agreed on; sealed to the recipients")
	set.StringVar(&f.name, "name", "", "what standard input is called in the package, like laptop/disk.img")
	set.BoolVar(&f.live, "live", false, "capture the folder first: its files change while they are read")
	set.StringVar(&f.capture, "capture", "", "send what was captured before")
	set.BoolVar(&f.discard, "discard", false, "destroy that capture instead")
	return c
}

// sending does what the arguments of send ask for.
func (a *app) sending(c *cobra.Command, args []string, f *sendFlags) (err error) {
	if err := f.check(args); err != nil {
		return err
	}
	if f.name != "" {
		if err := piped(a.stdin, args[0], f.name); err != nil {
			return err
		}
	}
	if f.opt.Acquisition, err = acquisitionFile(f.acquisition); err != nil {
		return err
	}
	return a.transfer(c.Context(), args[0], func(ag *agent.Agent, s *agent.Session, id string) error {
		switch {
		case f.discard:
			return a.discard(c.Context(), ag, s, id, f.capture)
		case f.capture != "":
			return a.sendCapture(c.Context(), ag, s, id, args[0], f.capture, f.reword(c))
		case len(args) == 1:
			return a.unlock(c.Context(), ag, s, id, args[0])
		case f.live || f.name != "":
			return a.captured(c.Context(), ag, s, id, args, f)
		}
		p, err := ag.Send(c.Context(), s, id, args[1], f.opt)
		return a.outcome(p, err, args[0])
	})
}

// transfer runs f as a lab agent of this home, alone with the request's packages.
func (a *app) transfer(ctx context.Context, name string, f func(*agent.Agent, *agent.Session, string) error) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	a.meter = newMeter(a.stderr, isTerminal(a.stderr))
	defer a.settle()
	ag, err := agent.New(&agent.Config{Home: h, Now: a.now, Progress: a.meter.update, Out: teller{a}})
	if err != nil {
		return err
	}
	return a.sessionOf(ctx, ag, custody.DutyLab, func(s *agent.Session) error {
		id, err := s.Resolve(ctx, name)
		if err != nil {
			return err
		}
		unlock, err := h.Await(ctx, id, func() { a.say("the daemon moves a package of this request: waiting until it is done with that one") })
		if err != nil {
			return err
		}
		defer unlock()
		if err := f(ag, s, id); err != nil {
			return err
		}
		if snap, err := s.Sync(ctx, id); err == nil { // what was asked for is done
			s.AttestNews(ctx, snap, id)
		}
		return nil
	})
}

// sentJSON is a sent package as data.
type sentJSON struct {
	Package     string `json:"package"`
	Files       int    `json:"files"`
	Bytes       int64  `json:"bytes"`
	PayloadSize int64  `json:"payload_size"`
	Unlocked    bool   `json:"unlocked"`
}

// outcome says what became of a package.
func (a *app) outcome(p *agent.Sent, err error, name string) error {
	a.settle()
	if p != nil {
		a.say("package %s deposited: %d files, %s, %s sealed", p.Package, p.Files, officer.About(p.Bytes), officer.About(p.Payload))
		if err == nil && !p.Unlocked && p.Answers {
			a.say("its key stays here, and goes to each recipient that has signed its release, after the acceptance: comity send %s answers them", name)
		} else if err == nil && !p.Unlocked {
			a.say("its key stays here until the conditions are accepted; then: comity send %s", name)
		}
		if p.Unlocked {
			a.say("its key is with the relay: the recipient can fetch it")
		}
		if err := a.sent(p); err != nil {
			return err
		}
	}
	if err != nil && p != nil {
		return hintf(fmt.Errorf("the package is deposited, its key is still here: %w", err), "comity send %s lets it go", name)
	}
	return err
}

func (a *app) sent(p *agent.Sent) error {
	if a.json {
		return a.printJSON(sentJSON{p.Package, p.Files, p.Bytes, p.Payload, p.Unlocked})
	}
	a.print("%s", p.Package)
	return nil
}

func (a *app) unlock(ctx context.Context, ag *agent.Agent, s *agent.Session, id, name string) error {
	done, err := ag.Unlock(ctx, s, id)
	a.settle()
	for _, p := range done {
		a.say("the key of package %s is with the relay", p)
	}
	if err != nil {
		return err
	}
	snap, err := s.Sync(ctx, id)
	if err != nil {
		return err
	}
	waits, unasked := 0, 0
	for _, p := range snap.Case(id).Packages {
		switch {
		case p.Sender != s.ID || p.Recall != nil:
		case p.PerRelease() && !p.Grant.Acceptance.IsZero():
			if !p.Grant.Over() {
				unasked++
			}
		case p.Unlocked.IsZero():
			waits++
		}
	}
	if waits > 0 {
		return hintf(fmt.Errorf("%s for the acceptance of the conditions: %w", waiting(waits), agent.ErrTryLater),
			"the other State runs comity accept, then comity send %s here again", name)
	}
	if len(done) == 0 && unasked > 0 {
		return hintf(fmt.Errorf("%s for a recipient to sign its release: %w", waiting(unasked), agent.ErrTryLater),
			"a lab of the other State runs comity fetch, then comity send %s here again", name)
	}
	if len(done) == 0 {
		return hintf(errors.New("nothing was sent from here under this request"), "comity send %s FOLDER sends", name)
	}
	if a.json {
		return a.printJSON(done)
	}
	return nil
}

func waiting(n int) string {
	if n == 1 {
		return "1 package waits"
	}
	return fmt.Sprintf("%d packages wait", n)
}

const fetchHelp = `Take every package of a request that waits for a recipient of this machine, verify
it to its last byte, and put it into a folder as ID/, a BagIt bag with the files
below data/. A package that does not verify is never shown: it is removed, with exit
code 4. If its bytes are those that the sender signed it is rejected for good; if the
relay gave out others, fetch it again. The receipt is signed when all is in place.
What its sender recalled is not fetched, or removed if it was on its way; what stood
in its place before is left to you.

A fetch that stopped goes on when it is run again: what has arrived is kept as
ciphertext in a hidden file in the folder, until the package is there, rejected or
revoked. The disk needs room for that and for the files, about twice the package.

With --package and --exhibit, take only these files of it, or all below these
folders, by their names as comity list shows them: they are put into ID/data/ beside
ID/exhibits-sha256.txt, and the receipt names them alone. The whole can follow, into
another folder.

  comity fetch 0412 --into evidence/
  comity fetch 0412 --package k3jq --exhibit "phone/1.jpg" --into evidence/`

func (a *app) fetchCommand() *cobra.Command {
	var into, pkg string
	var paths []string
	c := &cobra.Command{
		Use: "fetch REQUEST --into FOLDER [--package PACKAGE --exhibit PATH ...]", Short: "fetch and verify what waits", Long: fetchHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if into == "" {
				return hintf(usagef("--into is missing"), "comity fetch %s --into evidence/", args[0])
			}
			if (pkg == "") != (len(paths) == 0) {
				return hintf(usagef("--package and --exhibit go together"), "comity list %s shows both", args[0])
			}
			return a.transfer(c.Context(), args[0], func(ag *agent.Agent, s *agent.Session, id string) error {
				if pkg != "" {
					return a.fetchExhibits(c.Context(), ag, s, id, pkg, paths, into)
				}
				list, err := ag.Fetch(c.Context(), s, id, into)
				a.settle()
				if errors.Is(err, agent.ErrTryLater) && wire.CodeOf(err) == "" {
					err = hintf(err, "comity status %s says who acts next", args[0])
				}
				var full *agent.SpaceError
				if errors.As(err, &full) {
					err = hintf(err, "free some space, or fetch into another disk: comity fetch %s --into FOLDER", args[0])
				}
				return errors.Join(err, a.fetched(list, err))
			})
		},
	}
	c.Flags().StringVar(&into, "into", "", "the folder for the packages")
	c.Flags().StringVar(&pkg, "package", "", "the package to take single files of")
	c.Flags().StringArrayVar(&paths, "exhibit", nil, "a file, or a folder with all in it, to take out of it")
	return c
}

// fetchedJSON is a fetched package as data.
type fetchedJSON struct {
	Package     string          `json:"package"`
	Path        string          `json:"path"`
	Files       int             `json:"files"`
	Bytes       int64           `json:"bytes"`
	Sender      custody.PartyID `json:"sender"`
	Description string          `json:"description,omitempty"`
	Acquisition []string        `json:"acquisition,omitempty"`
}

func (a *app) fetched(list []agent.Fetched, failed error) error {
	data := []fetchedJSON{}
	for _, p := range list {
		data = append(data, fetchedJSON{p.Package, p.Path, p.Files, p.Bytes, p.Sender, p.Description, p.Acquisition})
		a.say("package %s from %s: %d files, %s, all verified; receipt filed", p.Package, p.Sender, p.Files, officer.About(p.Bytes))
		if p.Description != "" {
			a.say("  %s", strings.ReplaceAll(p.Description, "\n", "\n  "))
		}
		a.acquired(p.Acquisition)
	}
	if a.json {
		return a.printJSON(data)
	}
	for _, p := range data {
		a.print("%s", line(p.Path))
	}
	if len(data) == 0 && failed == nil {
		a.say("nothing waits here")
	}
	return nil
}
