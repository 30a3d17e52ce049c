package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/report"

	"github.com/spf13/cobra"
)

const reportHelp = `Count the requests of this authority, made and received, whose record begins in a
period: by the other authority, category of data, urgency, ground of refusal and time to
the first decision, each by outcome. Every record is read from the relay and proven in its
log; this takes minutes for thousands. Numbers from 1 to 4 are told as <5, and * stands
for what would tell one of them by subtraction. A request for several categories is
counted with their combination.

  comity report transparency                        the last calendar year that has ended
  comity report transparency --period 2026-Q3
  comity report transparency --from 2026-01-01 --to 2026-06-30 --json > report.json
  comity report transparency --period 2026 --publish        signed by an officer, in the log
  comity report transparency --check report.json            or the SHA-256 of a published one

--check makes the report again from the same leaves of the log and compares; auditors
can do that, too. It exits with 4 if they differ.`

func (a *app) reportCommand() *cobra.Command {
	return group("report", "count requests, for the public and auditors", "", a.reportTransparency(), a.reportList())
}

// reportFlags are the flags of report transparency.
type reportFlags struct {
	period, from, to, check string
	below                   int64
	publish                 bool
}

func (a *app) reportTransparency() *cobra.Command {
	var r reportFlags
	c := &cobra.Command{
		Use: "transparency", Short: "make, publish or check statistics of all requests", Long: reportHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if r.check != "" {
				for _, other := range []string{"period", "from", "to", "below", "publish"} {
					if c.Flags().Changed(other) {
						return usagef("--check takes --%s from the report", other)
					}
				}
				return a.session(c.Context(), anyAgent, func(s *agent.Session) error { return a.checkReport(c.Context(), s, r.check) })
			}
			spec, err := r.spec(a.now())
			if err != nil {
				return err
			}
			if r.publish {
				return a.desk(c.Context(), func(d *officer.Desk) error { return a.publishReport(c.Context(), d, *spec) })
			}
			return a.session(c.Context(), anyAgent, func(s *agent.Session) error {
				st, err := s.Report(c.Context(), *spec)
				if err != nil {
					return err
				}
				return a.printReport(st)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&r.period, "period", "", "a year like 2026, or a quarter like 2026-Q3")
	f.StringVar(&r.from, "from", "", "date of the first day, in UTC")
	f.StringVar(&r.to, "to", "", "date of the last day, in UTC, or now")
	f.Int64Var(&r.below, "below", report.Threshold, "tell no number from 1 to below this")
	f.BoolVar(&r.publish, "publish", false, "sign it and file it in this authority's record, for all to read")
	f.StringVar(&r.check, "check", "", "a report in a file, or the SHA-256 of a published one")
	return c
}

// publishedJSON is a published report as data.
type publishedJSON struct {
	SHA256 custody.Digest     `json:"sha256"`
	Issued custody.Time       `json:"issued"`
	Report custody.Statistics `json:"report"`
}

func (a *app) reportList() *cobra.Command {
	return &cobra.Command{
		Use: "list [AUTHORITY]", Short: "print the reports that an authority has published", Args: cobra.MaximumNArgs(1),
		Long: "Print the reports that stand in an authority's record, this one's or another's, each\nproven in the log. Whether one is true its own auditor can check.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.session(c.Context(), anyAgent, func(s *agent.Session) error {
				of := s.ID.Authority()
				if len(args) > 0 {
					of = args[0]
				}
				return a.listReports(c.Context(), s, of)
			})
		},
	}
}

func (a *app) listReports(ctx context.Context, s *agent.Session, of string) error {
	if err := custody.CheckAuthority(of); err != nil {
		return usageError{err}
	}
	published, err := s.Published(ctx, of)
	if err != nil {
		return err
	}
	list := []publishedJSON{}
	for _, p := range published {
		b := p.Body.(*custody.Report)
		list = append(list, publishedJSON{p.SHA256, b.Issued, b.Statistics})
	}
	if a.json {
		return a.printJSON(list)
	}
	for i := range list {
		a.print("report %s, issued %s", list[i].SHA256, list[i].Issued)
		if err := a.printReport(&list[i].Report); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		a.say("%s has published no report", of)
	}
	return nil
}

var periodPattern = regexp.MustCompile(`^([0-9]{4})(?:-Q([1-4]))?$`)

// spec reads the flags; without any the period is the last calendar year that has ended.
func (r *reportFlags) spec(now time.Time) (*agent.ReportSpec, error) {
	if r.below < 2 || r.below > 100 {
		return nil, usagef("--below %d: want 2 to 100", r.below)
	}
	spec := &agent.ReportSpec{Period: report.Year(now.UTC().Year() - 1), Threshold: r.below}
	switch {
	case r.period != "" && (r.from != "" || r.to != ""):
		return nil, usagef("--period and --from, --to exclude each other")
	case r.period != "":
		m := periodPattern.FindStringSubmatch(r.period)
		if m == nil {
			return nil, usagef("malformed --period %q: want a year like 2026 or a quarter like 2026-Q3", r.period)
		}
		year, _ := strconv.Atoi(m[1]) // four digits
		spec.Period = report.Year(year)
		if m[2] != "" {
			quarter, _ := strconv.Atoi(m[2])
			spec.Period = report.Quarter(year, quarter)
		}
	case r.from != "" || r.to != "":
		if r.from == "" || r.to == "" {
			return nil, usagef("--from and --to belong together")
		}
		var err error
		if spec.Period, err = between(r.from, r.to, now); err != nil {
			return nil, err
		}
	}
	if spec.Period.From.After(now) {
		return nil, usagef("the period begins in the future")
	}
	return spec, nil
}

// between reads a first and a last day, the last of which may be now.
func between(from, to string, now time.Time) (p report.Period, err error) {
	if p.From, err = when(from, now, false); err != nil {
		return p, err
	}
	p.Before = now.UTC()
	if to != "now" {
		if p.Before, err = when(to, now, false); err != nil {
			return p, err
		}
		if _, err := time.Parse(time.DateOnly, to); err == nil {
			p.Before = p.Before.AddDate(0, 0, 1)
		}
	}
	if !p.From.Before(p.Before) {
		return p, usagef("--to %s is not after --from %s", to, from)
	}
	return p, nil
}

func (a *app) printReport(st *custody.Statistics) error {
	if a.json {
		return a.printJSON(st)
	}
	for _, l := range strings.Split(strings.TrimRight(report.Text(st), "\n"), "\n") {
		a.print("%s", l)
	}
	return nil
}

func (a *app) publishReport(ctx context.Context, d *officer.Desk, spec agent.ReportSpec) error {
	if spec.Period.Before.After(a.now()) {
		return usagef("the period has not ended: only a whole one is published")
	}
	before, err := d.Session.Published(ctx, d.Home.Authority())
	if err != nil {
		return err
	}
	for _, p := range before {
		b := p.Body.(*custody.Report)
		if b.From.Time().Before(spec.Period.Before) && spec.Period.From.Before(b.Before.Time()) {
			a.say("comity: warning: report %s covers a part of this period: who subtracts one from the other may learn small numbers", p.SHA256)
		}
	}
	st, err := d.Session.Report(ctx, spec)
	if err != nil {
		return err
	}
	snap, err := d.Session.Sync(ctx, "", d.Home.Authority())
	if err != nil {
		return err
	}
	p, err := d.Office(snap).Report(d.Session.Header(snap, ""), st)
	if err != nil {
		return err
	}
	if !a.json {
		if err := a.printReport(st); err != nil {
			return err
		}
	}
	f, err := d.File(ctx, snap, p)
	if err != nil {
		return err
	}
	a.say("the report is %s", f.SHA256)
	return a.tell(f, d.Home.Authority())
}

// checkReport makes a report again and compares.
func (a *app) checkReport(ctx context.Context, s *agent.Session, name string) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	published, err := s.Published(ctx, h.Authority())
	if err != nil {
		return err
	}
	want, sha, err := readReport(name, published)
	if err != nil {
		return err
	}
	if want.Authority != h.Authority() || want.Log != s.Origin {
		return fmt.Errorf("the report is of %q at %q, and this home reads the requests of %q at %q", want.Authority, want.Log, h.Authority(), s.Origin)
	}
	got, err := s.Report(ctx, agent.ReportSpec{
		Period: report.Period{From: want.From.Time(), Before: want.Before.Time()}, Size: want.Checkpoint.Size, Threshold: want.Threshold,
	})
	if err != nil {
		return err
	}
	if !same(got, want) {
		a.say("of the entries that the log holds, the report would be:")
		if err := a.printReport(got); err != nil {
			return err
		}
		return fmt.Errorf("the report does not tell what the log holds: %w", agent.ErrVerify)
	}
	a.say("the report is exactly what follows from %d leaves of the log; of %d others it says nothing", want.Counted+want.Own, want.Others)
	if sha.IsZero() {
		a.say("it is not published in the record of %s", want.Authority)
	} else {
		a.say("it is published in the record of %s: %s", want.Authority, sha)
	}
	if a.json {
		return a.printJSON(want)
	}
	return nil
}

// readReport reads a report from a file, as data or signed, or finds it among the
// published ones. The hash is that of the published one which says the same, if any.
func readReport(name string, published []*custody.Statement) (*custody.Statistics, custody.Digest, error) {
	if sha, err := statement.ParseDigest(name); err == nil {
		for _, p := range published {
			if p.SHA256 == sha {
				return &p.Body.(*custody.Report).Statistics, sha, nil
			}
		}
		return nil, sha, fmt.Errorf("no report %s is published in the record of this authority", sha)
	}
	f, err := os.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, custody.Digest{}, hintf(fmt.Errorf("reading %q: %w", name, plain(err)), "give a file, or the whole SHA-256 of a published report")
		}
		return nil, custody.Digest{}, fmt.Errorf("reading %q: %w", name, plain(err))
	}
	defer f.Close()
	data, err := readLimited(f, name, maxReport)
	if err != nil {
		return nil, custody.Digest{}, err
	}
	st, err := parseReport(data)
	if err != nil {
		return nil, custody.Digest{}, fmt.Errorf("reading %q: %w", name, err)
	}
	for _, p := range published {
		if same(&p.Body.(*custody.Report).Statistics, st) {
			return st, p.SHA256, nil
		}
	}
	return st, custody.Digest{}, nil
}

// same compares statistics byte by byte.
func same(a, b *custody.Statistics) bool {
	return bytes.Equal(statement.Encode(a), statement.Encode(b))
}

// maxReport bounds a report in a file, in bytes.
const maxReport = 4 << 20

func parseReport(data []byte) (*custody.Statistics, error) {
	if s, err := custody.ParseStatement(data); err == nil {
		if b, ok := s.Body.(*custody.Report); ok {
			return &b.Statistics, nil
		}
		return nil, fmt.Errorf("it is a %s, not a report", s.Kind)
	}
	var st custody.Statistics
	if err := statement.Decode(data, &st); err != nil {
		return nil, err
	}
	return &st, st.Check()
}
