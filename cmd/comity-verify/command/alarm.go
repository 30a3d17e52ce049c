package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/custody/display"
)

// alarmReport is what --json prints of an alarm.
type alarmReport struct {
	Type   string                 `json:"_type"` // comity/alarm-report/v1
	Alarm  string                 `json:"alarm"` // its id
	Kind   alarm.Kind             `json:"kind"`
	Relay  string                 `json:"relay"`
	Pinned bool                   `json:"pinned"`
	Proved bool                   `json:"fork_proved"` // by the relay's own signatures
	Says   string                 `json:"says"`
	Seen   *custody.CheckpointRef `json:"seen,omitempty"`
	Shown  *custody.CheckpointRef `json:"shown,omitempty"`
	Words  string                 `json:"words"` // of who found it
	By     custody.PartyID        `json:"by,omitempty"`
	Found  custody.Time           `json:"found"`
}

// verifyAlarm says whether an alarm proves, by the log key of the pinned relay, that its
// log has forked. Only that, with the relay pinned, is status 0.
func (o *options) verifyAlarm(stdout, stderr io.Writer) int {
	data, err := readLimited(o.alarm, alarm.MaxBytes)
	if err != nil {
		return fail(stderr, fmt.Errorf("reading alarm: %w", err), exitError)
	}
	a, err := alarm.Parse(data)
	if err != nil {
		return fail(stderr, err, exitFailed)
	}
	f, err := a.Verify(o.pins.Relays)
	if err != nil {
		return fail(stderr, err, exitFailed)
	}
	r := &alarmReport{Type: "comity/alarm-report/v1", Alarm: a.ID(), Kind: a.Kind, Relay: a.Relay, Pinned: f.Pinned, Proved: f.Proved, Says: f.Says,
		Words: a.Words, By: a.By, Found: a.Found}
	if c := f.Seen; c != nil {
		r.Seen = &custody.CheckpointRef{Size: c.Size, Root: custody.Digest(c.Root)}
	}
	if c := f.Shown; c != nil {
		r.Shown = &custody.CheckpointRef{Size: c.Size, Root: custody.Digest(c.Root)}
	}
	if err := r.print(stdout, o.json); err != nil {
		return fail(stderr, err, exitError)
	}
	switch {
	case !f.Proved:
		return fail(stderr, fmt.Errorf("no fork is proved: %s", f.Says), exitFailed)
	case !f.Pinned:
		return fail(stderr, fmt.Errorf("origin not checked: name the relay's fingerprint with --relay %s=FP", a.Relay), exitFailed)
	}
	return exitVerified
}

func (r *alarmReport) print(w io.Writer, asJSON bool) error {
	var b strings.Builder
	if asJSON {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
		_, err := io.WriteString(w, display.JSON(b.String()))
		return err
	}
	switch {
	case r.Proved && r.Pinned:
		fmt.Fprintf(&b, "PROVED: the log of relay %s has forked\n", r.Relay)
	case r.Proved:
		fmt.Fprintf(&b, "CONSISTENT, ORIGIN NOT CHECKED: a log named %s has forked\n", r.Relay)
	default:
		fmt.Fprintf(&b, "NOT PROVED: alarm of kind %s about relay %s\n", r.Kind, r.Relay)
	}
	fmt.Fprintf(&b, "  %s\n", r.Says)
	for _, c := range []struct {
		name string
		ref  *custody.CheckpointRef
	}{{"first", r.Seen}, {"second", r.Shown}} {
		if c.ref != nil {
			fmt.Fprintf(&b, "  %-6s checkpoint: %d entries, root %s, signed by the log\n", c.name, c.ref.Size, c.ref.Root)
		}
	}
	by := "somebody"
	if r.By != "" {
		by = string(r.By)
	}
	fmt.Fprintf(&b, "  found %s by %s, as the file says: %s\n", r.Found, by, r.Words)
	_, err := io.WriteString(w, display.Text(b.String()))
	return err
}
