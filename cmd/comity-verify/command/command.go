// Package command is the program comity-verify as a function, so that tests and
// the demonstration can run it too.
//
// It refuses what the program refuses: see cmd/comity-verify.
package command

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody/display"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/custody/dossier/page"
)

const usage = `Usage: comity-verify FILE [OPTION]...
       comity-verify --alarm FILE [--relay ORIGIN=FP | --pins PINS] [--json]
       comity-verify --page > check.html    (a second verifier, for any browser)

Verifies the dossier FILE offline: signatures, records, rules, log, contents. Or
an alarm: whether the relay's own signatures in it contradict each other.

  --root NAME=FP      fingerprint of an authority's root keys, as on paper
  --relay ORIGIN=FP   fingerprint of a relay's root keys
  --tsa PEM           file of root certificates of a time stamping authority
  --pins PINS         file of "root NAME FP", "relay ORIGIN FP", "tsa BASE64DER"
  --policy FILE       tlog-policy: by other witnesses than the directories list
  --exhibits DIR      say for each file below DIR whether it is in the evidence:
                      sent by the sender's word and confirmed by a receipt
  --sealed DIR        check head, payload, inner.age there, or in DIR/PACKAGE
  --json              print JSON instead of text

Without the fingerprints of both authorities and the relay nothing shows who
made the file: take them from the authorities, not from who gave you the file.

Exit status: 0 verified, or the alarm is proved; 1 something could not be read;
2 usage; 4 verification failed, no dossier, origin or rendered documents not
checked, or a file is not what it should be: also a disputed exhibit, or one of
which the sender alone says so; 5 verified in part: entries are withheld.

Example:
  $ comity-verify case.dossier --pins agreement.pins --exhibits ./exhibits
`

const (
	exitVerified = 0
	exitError    = 1
	exitUsage    = 2
	exitFailed   = 4
	exitInPart   = 5
)

// gcPercent keeps the heap close to what is alive: nearly all of that is the dossier,
// with a manifest that may have a million lines.
const gcPercent = 25

// Main is the program: it reads os.Args and returns the exit status.
func Main() int {
	debug.SetGCPercent(gcPercent)
	return run(os.Args[1:], os.Stdout, os.Stderr)
}

// options is the parsed command line.
type options struct {
	file, exhibits, sealed string
	alarm                  string
	json, page             bool
	pins                   dossier.Pins
	pinsFile, policyFile   string
	tsa                    []string // files of root certificates
}

// report is what --json prints.
type report struct {
	Type     string           `json:"_type"` // comity/verify-report/v1
	Verdict  *dossier.Verdict `json:"verdict"`
	Exhibits []exhibit        `json:"exhibits,omitempty"`
	Sealed   []sealedFile     `json:"sealed,omitempty"`
}

// errUsage is wrapped by errors of the command line.
var errUsage = errors.New("see comity-verify --help")

// run is the whole program. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return exitVerified
	}
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	if o.page {
		if _, err := stdout.Write(page.HTML()); err != nil {
			return fail(stderr, fmt.Errorf("writing the page: %v", err), exitError)
		}
		return exitVerified
	}
	if err := o.readPins(); err != nil {
		return fail(stderr, err, exitError)
	}
	if o.alarm != "" {
		return o.verifyAlarm(stdout, stderr)
	}
	d, err := open(o)
	if err != nil {
		return fail(stderr, err, openStatus(err))
	}
	v, err := dossier.Verify(d, o.pins)
	r := &report{Type: "comity/verify-report/v1", Verdict: v}
	if err == nil {
		if err := r.compare(o); err != nil {
			return fail(stderr, err, exitError)
		}
	}
	if err := r.print(stdout, o.json); err != nil {
		return fail(stderr, err, exitError)
	}
	return r.explain(stderr)
}

// parse reads the command line. Flags may stand before and after FILE.
func parse(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("comity-verify", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.Func("root", "", func(s string) error { return o.pin("root", s) })
	f.Func("relay", "", func(s string) error { return o.pin("relay", s) })
	f.BoolVar(&o.page, "page", false, "")
	f.StringVar(&o.policyFile, "policy", "", "")
	f.Func("tsa", "", func(s string) error { o.tsa = append(o.tsa, s); return nil })
	f.StringVar(&o.pinsFile, "pins", "", "")
	f.StringVar(&o.exhibits, "exhibits", "", "")
	f.StringVar(&o.sealed, "sealed", "", "")
	f.StringVar(&o.alarm, "alarm", "", "")
	f.BoolVar(&o.json, "json", false, "")
	for rest := args; ; {
		if err := f.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("%v: %w", err, errUsage)
		}
		if rest = f.Args(); len(rest) == 0 {
			break
		}
		if o.file != "" {
			return nil, fmt.Errorf("more than one file: %q and %q: %w", o.file, rest[0], errUsage)
		}
		o.file, rest = rest[0], rest[1:]
	}
	if o.page && len(args) == 1 {
		return o, nil
	}
	switch {
	case o.page:
		return nil, fmt.Errorf("--page stands alone: %w", errUsage)
	case o.alarm != "" && (o.file != "" || o.exhibits != "" || o.sealed != ""):
		return nil, fmt.Errorf("--alarm goes with pins and --json alone: %w", errUsage)
	case o.file == "" && o.alarm == "":
		return nil, fmt.Errorf("no file given: %w", errUsage)
	}
	return o, nil
}

func (o *options) pin(what, s string) error {
	name, fp, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("want NAME=FINGERPRINT")
	}
	return o.pins.Add(what, name, fp)
}

// readPins adds the pins of the file to those of the command line.
func (o *options) readPins() error {
	if o.pinsFile != "" {
		text, err := readLimited(o.pinsFile, dossier.MaxPins)
		if err != nil {
			return fmt.Errorf("reading pins: %w", err)
		}
		p, err := dossier.ParsePins(text)
		if err != nil {
			return fmt.Errorf("%q: %w", o.pinsFile, err)
		}
		for name, fp := range p.Authorities {
			err = errors.Join(err, o.pins.Add("root", name, fp.String()))
		}
		for name, fp := range p.Relays {
			err = errors.Join(err, o.pins.Add("relay", name, fp.String()))
		}
		if err != nil {
			return fmt.Errorf("%q and the command line: %w", o.pinsFile, err)
		}
		if p.Stampers != nil {
			o.pins.AddStampers(p.Stampers)
		}
	}
	if o.policyFile != "" {
		text, err := readLimited(o.policyFile, translog.MaxPolicyBytes)
		if err != nil {
			return fmt.Errorf("reading policy: %w", err)
		}
		if o.pins.Policy, err = translog.ParsePolicy(text); err != nil {
			return fmt.Errorf("%q: %w", o.policyFile, err)
		}
	}
	for _, name := range o.tsa {
		text, err := readLimited(name, timestamp.MaxRootsBytes)
		if err != nil {
			return fmt.Errorf("reading roots of a time stamping authority: %w", err)
		}
		r, err := timestamp.ParseRoots(text)
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		o.pins.AddStampers(r)
	}
	return nil
}

// open reads the dossier.
func open(o *options) (*dossier.Dossier, error) {
	f, err := os.Open(o.file)
	if err != nil {
		return nil, fmt.Errorf("reading dossier: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading dossier: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading dossier: %q is not a regular file", o.file)
	}
	return dossier.Read(f, info.Size())
}

// openStatus tells a file that cannot be read from one that was read and is no
// dossier, not any more perhaps: that is a verification that failed.
func openStatus(err error) int {
	if errors.Is(err, dossier.ErrFormat) {
		return exitFailed
	}
	return exitError
}

func readLimited(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%q has more than %d bytes", name, most)
	}
	return b, err
}

// compare does what --exhibits and --sealed ask for.
func (r *report) compare(o *options) (err error) {
	if o.exhibits != "" {
		if r.Exhibits, err = exhibits(o.exhibits, r.Verdict); err != nil {
			return err
		}
	}
	if o.sealed != "" {
		r.Sealed, err = sealed(o.sealed, r.Verdict.Packages)
	}
	return err
}

// print writes the report. The names of exhibits are a sender's choice: none of
// them may move the cursor of who reads it, or turn its direction of writing.
func (r *report) print(w io.Writer, asJSON bool) error {
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
	b.WriteString(r.Verdict.Text())
	if len(r.Exhibits) > 0 {
		r.heading(&b, "Exhibits")
	}
	for _, x := range r.Exhibits {
		x.text(&b)
	}
	if len(r.Sealed) > 0 {
		r.heading(&b, "Sealed files")
	}
	for _, x := range r.Sealed {
		x.text(&b)
	}
	_, err := io.WriteString(w, display.Text(b.String()))
	return err
}

// heading begins a comparison with the dossier, which proves no more than the
// dossier does.
func (r *report) heading(b *strings.Builder, name string) {
	switch r.Verdict.Result {
	case dossier.ResultInPart:
		name += ", compared with a file in which entries are withheld"
	case dossier.ResultUnchecked:
		name += ", compared with a file whose origin is not checked"
	}
	fmt.Fprintf(b, "\n%s\n", name)
}

// explain says on stderr why the status is not 0, and returns it.
func (r *report) explain(stderr io.Writer) int {
	v := r.Verdict
	if v.Failed != nil {
		return fail(stderr, fmt.Errorf("verification failed: %s: %s", v.Failed.Check, v.Failed.Why), exitFailed)
	}
	status := exitVerified
	for _, x := range r.Exhibits {
		if x.Status != statusHeld {
			status = fail(stderr, fmt.Errorf("%q %s", x.File, x.Status), exitFailed)
		}
	}
	for _, x := range r.Sealed {
		if x.Status != statusSealed {
			status = fail(stderr, fmt.Errorf("%q %s", x.File, x.Status), exitFailed)
		}
	}
	if v.Documents == dossier.DocumentsNotChecked {
		status = fail(stderr, errors.New("the rendered documents in the dossier were not checked: this version does not know their form"), exitFailed)
		fmt.Fprintln(stderr, "comity-verify: hint: do not rely on them, or check them with the version of comity-verify that knows their form")
	}
	if v.Result == dossier.ResultInPart {
		fail(stderr, fmt.Errorf("verified in part: %d entries of the record are withheld, and what they say is not known", len(v.Gaps)), exitInPart)
		if status == exitVerified {
			status = exitInPart
		}
	} else if !v.Verified() {
		status = fail(stderr, errors.New("the origin of the dossier is not checked"), exitFailed)
		fmt.Fprintln(stderr, "comity-verify: hint: name the fingerprints of both authorities and of the relay with --root and --relay, or with --pins")
	}
	return status
}

func fail(stderr io.Writer, err error, status int) int {
	fmt.Fprintf(stderr, "comity-verify: error: %s\n", display.Text(err.Error()))
	var hint interface{ Hint() string }
	if errors.As(err, &hint) {
		fmt.Fprintf(stderr, "comity-verify: hint: %s\n", display.Text(hint.Hint()))
	}
	return status
}
