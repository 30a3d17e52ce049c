package command

import (
	"fmt"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"

	"github.com/spf13/cobra"
)

const formHelp = `Write a form to fill in, with all that treaties ask a request to say, or with --schema
the JSON Schema of it, for programs that fill it in.

  comity request draft > request.yaml
  comity request new -f request.yaml`

func (a *app) requestDraft() *cobra.Command {
	var schema bool
	c := &cobra.Command{
		Use: "draft", Short: "write a form of a request to fill in", Long: formHelp, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			form := officer.RequestForm(a.now())
			if schema {
				form = officer.RequestSchema
			}
			_, err := a.stdout.Write(form)
			return err
		},
	}
	c.Flags().BoolVar(&schema, "schema", false, "write the JSON Schema instead")
	return c
}

var exportHelp = `Write a request as the instrument asks for it, for the systems in which requests are
exchanged, as text or, with --json, as data by the schema. It shows what it does not
say as not stated. Forms: ` + strings.Join(officer.Forms(), ", ") + `.

  comity request export 0412 --as mla > request.txt
  comity request export 0412 --json > request.json`

func (a *app) requestExport() *cobra.Command {
	var form string
	c := &cobra.Command{
		Use: "export REQUEST --as FORM", Short: "write a request as its instrument asks for it", Long: exportHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if form == "" && !a.json {
				return hintf(usagef("--as is missing"), "it is one of %s; or give --json", strings.Join(officer.Forms(), ", "))
			}
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
				b := snap.Case(id).Request
				if b == nil {
					return hintf(fmt.Errorf("%q is an offer, and no instrument has a form for one", args[0]), "comity request show %s", args[0])
				}
				x, err := s.OpenAnnex(ctx, b.Annex)
				if err != nil {
					return hintf(fmt.Errorf("the annex of request %q does not open here: %w", id, err), "run this on a machine that holds a recipient of %s or %s", b.By, b.To)
				}
				if a.json {
					return a.printJSON(officer.Data(id, b, x))
				}
				f, err := officer.Export(id, b, x, form)
				if err != nil {
					return usageError{err}
				}
				for _, what := range f.Lacks {
					a.say("comity: warning: the request does not state %s", what)
				}
				_, err = a.stdout.Write([]byte(f.Text()))
				return err
			})
		},
	}
	c.Flags().StringVar(&form, "as", "", "the form")
	return c
}
