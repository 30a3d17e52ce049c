package custody

// UseReport is the requesting State's account of the use that was made of what it
// received: of one package, or of all of them. Who sent evidence under a condition may
// ask for it (ETS 185 Article 28(4)). It moves nothing, and what it says nobody can
// check here: it is a signed word. A later one adds to it and takes nothing back.
type UseReport struct {
	Header
	Request Digest    `json:"request_sha256"`
	Package string    `json:"package,omitempty"` // absent: all that was received
	Use     string    `json:"use"`               // a code
	Date    Time      `json:"date"`              // of the use; of not-used, up to when
	Annex   *AnnexRef `json:"annex,omitempty"`   // the account in words
}

// UseOther needs words.
const UseOther = "other"

var uses = codes("used-in-investigation", "used-in-proceedings", "disclosed-to-defence", "passed-on", "not-used", "returned", "destroyed", UseOther)

// UseReportState is an account of use and its place.
type UseReportState struct {
	*UseReport
	SHA256 Digest
	Time   Time
}

func (b *UseReport) check() error {
	if b.Package != "" {
		if err := CheckID(b.Package); err != nil {
			return err
		}
	}
	switch {
	case !uses[b.Use]:
		return bad("use %q is unknown", b.Use)
	case b.Use == UseOther && b.Annex == nil:
		return bad("annex is missing: use %q is told in words", b.Use)
	case b.Date.IsZero():
		return bad("date is missing")
	case b.Date.Time().After(b.Issued.Time()):
		return bad("date %s is after issued %s", b.Date, b.Issued)
	}
	if err := checkAnnex(b.Annex); err != nil {
		return err
	}
	return refs(b.Request)
}

// decideUseReport: by the requesting State, of what it has receipted, a single file of
// it at least. It is owed after the request has ended too, and of a package that was
// recalled or whose grant was revoked above all.
func decideUseReport(c *Case, b *UseReport) Decision {
	const rule = "use-report"
	switch {
	case b.By != c.From:
		return deny(rule, CodeNotRequesting)
	case b.Package != "" && c.Package(b.Package) == nil:
		return deny(rule, CodeNoSuchPackage)
	}
	for _, p := range c.Packages {
		if (b.Package == "" || b.Package == p.Package) && p.Received() {
			return allow(rule)
		}
	}
	return deny(rule, CodeNotReceived)
}

// Received reports whether any recipient has receipted the package, or files of it.
func (p *PackageState) Received() bool {
	for _, r := range p.Releases {
		if r.Receipt != nil || len(r.Singles) > 0 {
			return true
		}
	}
	return false
}

// UseUntold lists the packages that were received under the condition to report their
// use and of which no account says anything.
func (c *Case) UseUntold() []*PackageState {
	var list []*PackageState
	for _, p := range c.Packages {
		if p.Received() && within([]string{conditionUseReport}, p.Grant.Conditions) && !c.useTold(p.Package) {
			list = append(list, p)
		}
	}
	return list
}

// useTold reports whether an account speaks of a package, or of all that were received
// before it.
func (c *Case) useTold(id string) bool {
	for _, u := range c.UseReports {
		if u.Package == id || u.Package == "" && c.Package(id).receivedBefore(u.Time) {
			return true
		}
	}
	return false
}

// receivedBefore reports whether something of the package was receipted by a time.
func (p *PackageState) receivedBefore(t Time) bool {
	for _, r := range p.Releases {
		if r.Receipt != nil && !r.Closed.Time().After(t.Time()) {
			return true
		}
		for _, s := range r.Singles {
			if !s.Time.Time().After(t.Time()) {
				return true
			}
		}
	}
	return false
}
