package custody

// Hold keeps what a relay has of a request from being destroyed: the State that the
// evidence is from expects that a court, a defence or an inquiry will ask for it. It
// neither moves anything nor keeps anything from moving. The same statement lifts it.
// Prev names what was said before it, so that a lift which was signed and kept back
// lifts no hold that came later.
type Hold struct {
	Header
	Request Digest    `json:"request_sha256"`
	State   string    `json:"state"`         // held or lifted
	Prev    Digest    `json:"prev,omitzero"` // payload hash of the hold, or lift, before it
	Reason  string    `json:"reason"`        // a code
	Annex   *AnnexRef `json:"annex,omitempty"`
}

// StateHeld is the state of a request's evidence on hold; StateLifted ends it.
const StateHeld = "held"

// holdReasons are the codes of Hold.Reason for each state.
var holdReasons = map[string]codeSet{
	StateHeld:   codes("proceedings", "legal-remedy", "defence-request", "court-order", "inquiry", "other"),
	StateLifted: codes("no-longer-needed", "court-order", "error", "other"),
}

// holdOfficers is how many officers put evidence on hold, and how many lift that,
// whatever the directory says: the one keeps what some law may want gone, the other
// lets it go for ever.
const holdOfficers = 2

// HoldState is what was said last of a hold.
type HoldState struct {
	*Hold
	SHA256 Digest
	Time   Time
	seq    int64 // of its entry
}

// OnHold reports whether nothing of the request's evidence may be destroyed.
func (c *Case) OnHold() bool {
	return c != nil && c.Hold != nil && c.Hold.State == StateHeld
}

func (b *Hold) check() error {
	reasons, ok := holdReasons[b.State]
	switch {
	case !ok:
		return bad("state %q is unknown", b.State)
	case !reasons[b.Reason]:
		return bad("reason %q is unknown of what is %s", b.Reason, b.State)
	}
	if err := checkAnnex(b.Annex); err != nil {
		return err
	}
	return refs(b.Request)
}

// decideHold: by the State that the evidence is from, at any time of a request and after
// its end. It changes what is in force, and has seen that.
func decideHold(c *Case, b *Hold) Decision {
	const rule = "hold"
	var last Digest
	if c.Hold != nil {
		last = c.Hold.SHA256
	}
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case c.OnHold() == (b.State == StateHeld):
		return deny(rule, CodeAlreadyDecided)
	case b.Prev != last:
		return deny(rule, CodeBadAfter)
	}
	return allow(rule)
}
