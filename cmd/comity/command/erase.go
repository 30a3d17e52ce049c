package command

import (
	"fmt"
	"slices"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

var eraseHelp = `Have the relay erase what it keeps of what this authority said in a request that has
ended: annexes (case text, findings, reasons, which stand nowhere else in words), or whole
entries of kinds on which nothing rests any more (review, danger, consent, use-report).
Two officers sign. Never while a hold stands, and it cannot be undone.

An erased annex changes no proof. An erased entry leaves its hash in the log and a gap in
the record: dossiers made from then on verify in part only, and what rested on the entry
can no longer be checked by the rules. Dossiers made before verify whole: make one first.
What it does not reach: comity request erased.

  comity request erase 0412 --all-annexes --reason retention-over
  comity request erase 0412 --annex 0 --entry 1 --reason court-order
  comity request erased 0412

Reasons:
` + codeHelp(officer.ErasureReasons)

func (a *app) requestErase() *cobra.Command {
	var spec officer.ErasureSpec
	c := &cobra.Command{
		Use: "erase REQUEST --reason CODE", Short: "have the relay erase annexes or entries, after the end", Long: eraseHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.ErasureReasons, "--reason", spec.Reason); err != nil {
				return err
			}
			if !spec.AllAnnexes && len(spec.Entries)+len(spec.Annexes) == 0 {
				return hintf(usagef("nothing is named that is to be erased"), "--all-annexes, --annex N or --entry N; comity request show %s lists the entries", args[0])
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				p, err := x.office.Erasure(x.header(), x.snap.Book.Record(custody.RecordID(x.request)), spec)
				if err == nil && len(spec.Entries) > 0 {
					a.say("dossiers made after this verify in part only: what rests on entry %d can no longer be checked", slices.Min(spec.Entries))
				}
				return p, err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&spec.Reason, "reason", "", "why, see above")
	f.Int64SliceVar(&spec.Entries, "entry", nil, "erase entry N whole, with its annex")
	f.Int64SliceVar(&spec.Annexes, "annex", nil, "erase the annex of entry N")
	f.BoolVar(&spec.AllAnnexes, "all-annexes", false, "erase the annexes of all that this authority said")
	return c
}

const erasedHelp = `Show what the relay says to have erased of a request, for whom, and what that does not
reach: a certificate for each erasure, as text or, with --json, one JSON document a line.

  comity request erased 0412
  comity --json request erased 0412 > erasure.json`

func (a *app) requestErased() *cobra.Command {
	return &cobra.Command{
		Use: "erased REQUEST", Short: "certify what was erased, and what was not", Long: erasedHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ag, err := a.agent()
			if err != nil {
				return err
			}
			return a.sessionOf(c.Context(), ag, anyAgent, func(s *agent.Session) error {
				id, err := s.Resolve(c.Context(), args[0])
				if err != nil {
					return err
				}
				snap, err := s.Sync(c.Context(), id)
				if err != nil {
					return err
				}
				list, err := officer.Certificates(snap, id)
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return fmt.Errorf("nothing of request %s was erased", args[0])
				}
				for _, x := range list {
					if a.json {
						if err := a.printLine(x); err != nil {
							return err
						}
						continue
					}
					a.print("%s", x.Text())
				}
				return nil
			})
		},
	}
}

// erasedWords says which entries of a record are gone, and that what rests on them is not
// shown.
func (a *app) erasedWords(r *custody.Record, say func(string, ...any)) {
	for seq := range r.Len() {
		if r.Gap(seq) != nil {
			say("  NOT WHOLE: entry %d was erased at the relay; grants, packages and reports that rest on it are not shown", seq)
		}
	}
}
