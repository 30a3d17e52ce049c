package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"comity.example/comity/config"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"

	"github.com/spf13/cobra"
)

// errCases means that the policy decides a case otherwise than its table says.
var errCases = errors.New("the policy does not decide as the cases expect")

func (a *app) policyCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "policy", Short: "try the operator's policy before it is put in force", Args: noArgs,
		Long: `Try the operator's policy: what this relay does not carry although the rules
allow it. It is written in Cedar, as forbids, and named by the key policy of
gateway.yaml. It can forbid a request, a reservation, a part, a seal and a release;
nothing else is in its hands.

  comity-gateway policy schema
  comity-gateway policy test cases.yaml --policy policy/
  comity-gateway policy explain cases.yaml "a lab sends at night" --policy policy/

No relay is needed, and none is touched.`,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("a command is missing: policy schema, policy test or policy explain")}
		},
	}
	c.PersistentFlags().StringVar(&path, "policy", "", "file or folder of the policy (default: the one in gateway.yaml)")
	c.AddCommand(&cobra.Command{
		Use: "schema", Short: "print what a policy can ask about, in Cedar's schema language", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprint(a.stdout, gateway.PolicySchema())
			return nil
		},
	}, &cobra.Command{
		Use: "test CASES", Short: "decide the cases of a file, and compare with what it expects", Args: wantArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.policyTest(path, args[0]) },
	}, &cobra.Command{
		Use: "explain CASES NAME", Short: "say which policies decide a case of a file, and how", Args: wantArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.policyExplain(path, args[0], args[1]) },
	})
	return c
}

// loadPolicy reads a policy; of no path it is none.
func loadPolicy(path string) (*gateway.Policy, error) {
	if path == "" {
		return nil, nil
	}
	return gateway.LoadPolicy(path)
}

// tried opens a policy, and the cases to try it on.
func (a *app) tried(path, cases string) (*gateway.Policy, *config.PolicyCases, error) {
	if path == "" {
		cfg, err := a.settings()
		if err != nil {
			return nil, nil, err
		}
		if path = cfg.Policy; path == "" {
			return nil, nil, hinted{errors.New("gateway.yaml names no policy"), "name one with --policy PATH"}
		}
	}
	p, err := gateway.LoadPolicy(path)
	if err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(cases)
	if err != nil {
		return nil, nil, fmt.Errorf("reading cases: %w", err)
	}
	c, err := config.LoadPolicyCases(cases, b)
	return p, c, err
}

func (a *app) policyTest(path, cases string) error {
	p, list, err := a.tried(path, cases)
	if err != nil {
		return err
	}
	failed := 0
	for i := range list.Cases {
		c := &list.Cases[i]
		q, err := question(c)
		if err != nil {
			return fmt.Errorf("reading %q: case %q: %w", cases, c.Name, err)
		}
		got, want := answer(ids(p.Decide(q))), answer(c.By)
		if got == want {
			a.print("ok    %s: %s", c.Name, got)
			continue
		}
		failed++
		a.print("FAIL  %s: %s, want %s", c.Name, got, want)
	}
	a.print("%d cases, %d failed; %d policies, sha256 %s", len(list.Cases), failed, p.Len(), p.SHA256())
	if failed > 0 {
		return hinted{errCases, "comity-gateway policy explain says which policies decide a case, and how"}
	}
	return nil
}

func (a *app) policyExplain(path, cases, name string) error {
	p, list, err := a.tried(path, cases)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list.Cases, func(c config.PolicyCase) bool { return c.Name == name })
	if i < 0 {
		return fmt.Errorf("reading %q: no case is named %q", cases, name)
	}
	q, err := question(&list.Cases[i])
	if err != nil {
		return fmt.Errorf("reading %q: case %q: %w", cases, name, err)
	}
	a.print("%s", asked(q))
	a.print("%s", answer(ids(p.Decide(q))))
	for _, f := range p.Explain(q) {
		a.print("  %s (%s) %s", f.ID, f.Place, found(f))
	}
	return nil
}

func ids(against []gateway.PolicyFinding) (list []string) {
	for _, f := range against {
		list = append(list, f.ID)
	}
	return list
}

// answer is a decision in words: of the policies that stand in the way.
func answer(ids []string) string {
	if len(ids) == 0 {
		return "allowed"
	}
	return "forbidden by " + strings.Join(slices.Sorted(slices.Values(ids)), ", ")
}

// found is what one policy says, in words.
func found(f gateway.PolicyFinding) string {
	switch {
	case f.Err != nil:
		return fmt.Sprintf("forbids it because it cannot be evaluated: %v", f.Err)
	case f.Forbids && f.Reason != "":
		return fmt.Sprintf("forbids it: %q", f.Reason)
	case f.Forbids:
		return "forbids it"
	}
	return "does not apply"
}

// doing is an action after the name of who acts.
var doing = map[gateway.PolicyAction]string{
	"request": "files a request", "reserve": "reserves room for a package", "part": "brings a part of a package",
	"seal": "files the seal of a package", "release": "files the release of a package",
}

// asked is a question in words.
func asked(q *gateway.PolicyQuestion) string {
	s := fmt.Sprintf("%s %s", q.Agent, doing[q.Action])
	if q.Terms != nil {
		s += fmt.Sprintf(" of %d bytes, for a request", q.Bytes)
	}
	return s + fmt.Sprintf(" of %s to %s, at %s", q.Request.By, q.Request.To, statement.At(q.Now))
}

// question makes what the policy is asked of a case.
func question(c *config.PolicyCase) (*gateway.PolicyQuestion, error) {
	agent, err := custody.ParsePartyID(c.Agent)
	if err == nil && agent.Role() != custody.RoleAgent {
		err = fmt.Errorf("%q is not the id of an agent", c.Agent)
	}
	r := c.Request
	if err := errors.Join(err, custody.CheckID(r.ID), custody.CheckAuthority(r.From), custody.CheckAuthority(r.To)); err != nil {
		return nil, err
	}
	q := &gateway.PolicyQuestion{
		Action: gateway.PolicyAction(c.Action), Agent: agent, Duties: c.Duties, ID: custody.RecordID(r.ID), Now: c.Now,
		Request: &custody.Request{
			Header: custody.Header{By: r.From}, To: r.To, Instrument: r.Instrument, Assistance: r.Assistance, Categories: r.Categories,
			Sensitive: r.Sensitive, Urgency: r.Urgency, Expires: statement.At(r.Expires),
		},
	}
	if !r.Deadline.IsZero() {
		q.Request.Deadline = statement.At(r.Deadline)
	}
	if q.Action == "request" {
		return q, nil
	}
	g, k := c.Grant, c.Package
	q.Terms = &custody.Terms{
		Senders: parties(g.Senders), Recipients: parties(g.Recipients), Categories: g.Categories, Sensitive: g.Sensitive,
		MaxBytes: g.MaxBytes, MaxPackages: g.MaxPackages, NotBefore: statement.At(g.NotBefore), Expires: statement.At(g.Expires),
		Conditions: g.Conditions, Handling: g.Handling,
	}
	q.UsedBytes, q.UsedPackages, q.Bytes = g.UsedBytes, g.UsedPackages, k.Bytes
	q.Delivery, q.Final, q.Recipient = k.Delivery, k.Final, custody.PartyID(k.Recipient)
	return q, nil
}

func parties(list []string) (ids []custody.PartyID) {
	for _, s := range list {
		ids = append(ids, custody.PartyID(s))
	}
	return ids
}

func (a *app) printPolicy(g *gateway.Gateway) {
	if p := g.Policy(); p != nil {
		a.print("policy       %d policies, sha256 %s", p.Len(), p.SHA256())
		return
	}
	a.print("policy       none: what the rules allow is carried")
}

// reloads reads the policy again whenever that is asked for, until the function returned
// is called. A policy that is wrong changes nothing: an operator who mistypes must not
// open what was closed, nor stop what goes on.
func reloads(ctx context.Context, hangup <-chan os.Signal, r *relay, g *gateway.Gateway) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				reload(r, g)
			}
		}
	}()
	return func() { cancel(); <-done }
}

func reload(r *relay, g *gateway.Gateway) {
	p, err := loadPolicy(r.cfg.Policy)
	switch {
	case err != nil:
		r.logger.Error("refused a policy, the one in force stays", "path", r.cfg.Policy, "error", err, "hint", hintFor(err))
	case p == nil:
		r.logger.Info("read no policy: gateway.yaml named none when the relay started")
	default:
		g.SetPolicy(p)
		r.sayPolicy(p)
	}
}

// sayPolicy logs which policy is in force: entries name it by the same hash.
func (r *relay) sayPolicy(p *gateway.Policy) {
	r.logger.Info("put a policy in force", "path", r.cfg.Policy, "policies", p.Len(), "sha256", p.SHA256().String())
}
