package command

import (
	"comity.example/comity/agent"

	"github.com/spf13/cobra"
)

const attestHelp = `Sign and file, as an agent of this home, that it has seen the record of a request up
to its newest entry, in a log that it has read from its first entry to its last. A
dossier then says that the record is complete up to there by the word of this State. The
daemon does this by itself when something new has come, and so do commands that act in
the record, and comity dossier. It moves nothing, and is heard after the request has
ended too; twelve times in an hour at most.

  comity request attest 0412`

func (a *app) requestAttest() *cobra.Command {
	return &cobra.Command{
		Use: "attest REQUEST", Short: "sign how far this agent has seen the record", Long: attestHelp, Args: cobra.ExactArgs(1),
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
				e, err := s.Attest(ctx, snap, id)
				if err != nil {
					return err
				}
				if e == nil {
					a.say("%s has nothing new to attest of this record, or has done so as often as is allowed within an hour", s.ID)
				} else {
					a.say("attestation filed at %s: entry %d of request %s, up to entry %d, signed by %s", e.Time, e.Seq, id, snap.Tip(id).Seq, s.ID)
				}
				if a.json {
					return a.printJSON(attestedJSON{id, e != nil, snap.Tip(id).Seq})
				}
				return nil
			})
		},
	}
}

// attestedJSON says how far a record was attested, as data.
type attestedJSON struct {
	Request  string `json:"request"`
	Attested bool   `json:"attested"` // false: there was nothing new
	Seq      int64  `json:"seq"`      // the record's newest entry
}
