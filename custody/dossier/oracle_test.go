package dossier_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/custody/dossier/page"
	"comity.example/comity/test/env"
	"comity.example/comity/test/need"
	"comity.example/comity/test/tsa"
	"comity.example/comity/test/vectors"
)

// question is one case for the second verifier.
type question struct {
	name string
	head map[string]any // read, and what that reader needs
	data []byte
}

// answer is what it says of a case.
type answer struct {
	Taken      bool     `json:"taken"`
	Broken     bool     `json:"broken"` // it failed in a way that it did not foresee
	Why        string   `json:"why"`
	Check      string   `json:"check"`
	Later      bool     `json:"later"`
	Result     string   `json:"result"`
	Request    string   `json:"request"`
	Origins    []string `json:"origins"`
	Checkpoint string   `json:"checkpoint"`
	Files      []string `json:"files"`
	Acts       []string `json:"acts"`
	Packages   any      `json:"packages"` // a list of a dossier, a number of a vector
	Says       []string `json:"says"`
	Kinds      []string `json:"kinds"`
	NotChecked []string `json:"notChecked"`
	fields     map[string]any
}

// ask runs the second verifier, the script of the page, in one process of node.
func ask(t testing.TB, list []question) []answer {
	t.Helper()
	node := need.Program(t, "node")
	dir := t.TempDir()
	fatalIfErr(t, errors.Join(
		os.WriteFile(filepath.Join(dir, "verifier.js"), page.Verifier(), 0o600),
		os.WriteFile(filepath.Join(dir, "formats.json"), page.Formats(), 0o600),
	))
	var in bytes.Buffer
	for _, q := range list {
		head := maps.Clone(q.head)
		head["length"] = len(q.data)
		b, err := json.Marshal(head)
		fatalIfErr(t, err)
		in.Write(append(b, '\n'))
		in.Write(q.data)
	}
	cmd := exec.Command(node, filepath.Join("testdata", "oracle.cjs"), filepath.Join(dir, "verifier.js"), filepath.Join(dir, "formats.json"))
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	fatalIfErr(t, err)
	var answers []answer
	for line := range bytes.Lines(out) {
		var a answer
		fatalIfErr(t, errors.Join(json.Unmarshal(line, &a), json.Unmarshal(line, &a.fields)))
		if a.Broken || strings.Contains(a.Why, "verifier itself failed") {
			t.Errorf("%s: the second verifier broke: %s", list[len(answers)].name, a.Why)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(list) {
		t.Fatalf("%d answers to %d cases", len(answers), len(list))
	}
	return answers
}

func aboutDossier(name string, raw []byte, pins dossier.Pins) question {
	return question{name, map[string]any{"read": "dossier", "pins": pins.String()}, raw}
}

// beyond tells which rule that the page does not check a refusal of the verifier in Go
// is by, or "" of one that the page has to find too.
func beyond(err error) string {
	text := err.Error()
	if m := refusedBy.FindStringSubmatch(text); m != nil {
		switch code, rule := m[1], m[2]; {
		case rule == "desk-carries" || rule == "agent-active" && !strings.Contains(text, "the rules refuse this seal"):
			return "carriers"
		case rule == "root" || rule == "directory" || rule == "relay" || code == "bad-signature" || code == "below-threshold" || rule == "fits-record" || rule == "this-relay":
			return ""
		case strings.Contains(text, "refuse this denied") || strings.Contains(text, "refuse this counted") || strings.Contains(text, "refuse this probed") || strings.Contains(text, "refuse this destroyed"):
			return "events"
		}
		return "rules"
	}
	switch {
	case strings.Contains(text, "certificate") || strings.Contains(text, "malformed recipient"):
		return "certificates"
	case strings.Contains(text, "field out of its range"):
		return "fields"
	case strings.Contains(text, "the entry says"):
		return "rules"
	case strings.Contains(text, "checking rendered document"):
		return "documents"
	case strings.Contains(text, "checking time stamp"), strings.Contains(text, "checking renewal"), strings.Contains(text, "checking time of entry"):
		return "stamps"
	}
	return ""
}

var refusedBy = regexp.MustCompile(`the rules refuse this [a-z-]+: ([a-z-]+) \(([a-z-]+)\)`)

// judged is what the verifier in Go says of a file.
func judged(raw []byte, pins dossier.Pins) (*dossier.Verdict, error) {
	d, err := read(raw)
	if err != nil {
		return nil, err
	}
	return dossier.Verify(d, pins)
}

// TestSecondVerifierTells: of good dossiers both verifiers tell the same: who, what,
// when, signed by whom, and which files.
func TestSecondVerifierTells(t *testing.T) {
	t.Parallel()
	type story struct {
		name string
		s    *env.Story
		d    *dossier.Dossier
	}
	var all []story
	s, d, _ := wholeTale(t)
	closed := clone(d)
	closed.Packages = nil
	verdict, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	rendered := clone(d)
	rendered.Documents = verdict.Render()
	timed := clone(d)
	timed.Earlier = nil
	stamps := tsa.New(tsa.Options{Name: "Good"})
	stamped(t, s, timed, stamps, s.Log.Size()-3, s.Now().Time())
	stamped(t, s, timed, stamps, s.Log.Size(), s.Now().Time())
	all = append(all, story{"whole", s, d}, story{"not opened", s, closed}, story{"rendered", s, rendered}, story{"stamped", s, timed})
	s, d = vouchedTale(t)
	all = append(all, story{"vouched", s, d})
	for name, tell := range map[string]func(testing.TB) (*env.Story, *dossier.Dossier){"events": eventfulTale, "suspension": suspensionTale} {
		s, d := tell(t)
		all = append(all, story{name, s, d})
	}
	for name, play := range map[string]func(*env.Story, *env.Package) error{
		"receipt of single files": func(s *env.Story, p *env.Package) error { return s.ReceiptExhibits(p, 1, 3) },
		"rejected":                func(s *env.Story, p *env.Package) error { return s.Reject(p, "not-decryptable") },
		"recalled":                func(s *env.Story, p *env.Package) error { return errors.Join(s.Receipt(p), s.Recall(p)) },
		"recalled by an officer":  func(s *env.Story, p *env.Package) error { return s.RecallByOfficer(p) },
		"revoked":                 func(s *env.Story, p *env.Package) error { return errors.Join(s.Receipt(p), s.Revoke()) },
		"attested":                func(s *env.Story, p *env.Package) error { return errors.Join(s.Receipt(p), s.Attest(s.To)) },
	} {
		s, d := tale(t, func(s *env.Story, dir string) error {
			if err := s.Agree(); err != nil {
				return err
			}
			p, err := s.Send(dir)
			if err != nil {
				return err
			}
			return errors.Join(s.Unlock(p), s.Release(p), play(s, p))
		})
		all = append(all, story{name, s, d})
	}
	var list []question
	for _, x := range all {
		list = append(list, aboutDossier(x.name, write(t, x.d), x.s.Pins()))
	}
	answers := ask(t, append(list, aboutDossier("not pinned", list[0].data, dossier.Pins{})))
	for i, x := range all {
		v, err := dossier.Verify(x.d, x.s.Pins())
		fatalIfErr(t, err)
		compareVerdicts(t, x.name, v, answers[i], "passed", true)
		if i == 0 {
			compareVerdicts(t, "not pinned", v, answers[len(all)], "unpinned", false)
		}
	}
}

// vouchedTale is a dossier with all that others say of its times, which the second
// verifier lets pass and does not judge: stamps, cosignatures, a renewal.
func vouchedTale(t *testing.T) (*env.Story, *dossier.Dossier) {
	s, d := watchedTale(t)
	a := tsa.New(tsa.Options{Intermediate: true})
	d = clone(d)
	end, now := s.Log.Size(), s.Now().Time()
	_, e := cosignedNote(t, s, end, now, s.From.Witness, s.To.Witness)
	e.Last, _ = cosignedNote(t, s, end, now.Add(time.Minute), s.From.Witness, s.To.Witness)
	d.Earlier = map[int64]dossier.Earlier{end: e}
	stamped(t, s, d, a, 7, now)
	return s, renewed(t, d, a, crypto.SHA512, now)
}

// compareVerdicts compares a verdict with what the second verifier tells.
func compareVerdicts(t *testing.T, name string, v *dossier.Verdict, a answer, result string, pinned bool) {
	t.Helper()
	if a.Result != result || a.Request != v.Request {
		t.Errorf("%s: %s %s (%s: %s), want %s %s", name, a.Result, a.Request, a.Check, a.Why, result, v.Request)
		return
	}
	var acts, packages, files, origins []string
	for _, x := range v.Acts {
		signers := []string{}
		for _, id := range x.Signers {
			signers = append(signers, string(id))
		}
		acts = append(acts, fmt.Sprintf("%d %d %s %s %s %s %s %s", x.Index, x.Seq, x.Kind, x.Time, x.By, x.Via, strings.Join(signers, ","), x.Statement))
	}
	for _, p := range v.Packages {
		var to []string
		for _, id := range p.Recipients {
			to = append(to, string(id))
		}
		released, standing := "", ""
		if !p.Released.IsZero() {
			released = p.Released.String()
		}
		if p.Opened != nil {
			standing = string(p.Opened.Standing)
		}
		packages = append(packages, fmt.Sprintf("%s %s %s %d %s %s %s", p.ID, p.Sender, strings.Join(to, ","), p.PayloadSize, p.Deposited, released, standing))
	}
	for sum, list := range v.Exhibits(nil) {
		for _, x := range list {
			files = append(files, fmt.Sprintf("%s %s %s %s", sum, x.Standing, x.Package, x.Path))
		}
	}
	slices.Sort(files)
	for _, o := range append(slices.Clone(v.Authorities), v.Relay) {
		origins = append(origins, fmt.Sprintf("%s %s %t", o.Name, o.Fingerprint, pinned))
	}
	told := []string{}
	for _, x := range a.Packages.([]any) {
		told = append(told, x.(string))
	}
	for what, pair := range map[string][2][]string{
		"acts": {a.Acts, acts}, "packages": {told, packages}, "files": {a.Files, files}, "origins": {a.Origins, origins},
		"checkpoint": {{a.Checkpoint}, {fmt.Sprintf("%d %s", v.Checkpoint.Size, v.Checkpoint.Root)}},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s: %s:\n%s\nwant\n%s", name, what, strings.Join(pair[0], "\n"), strings.Join(pair[1], "\n"))
		}
	}
	for _, s := range a.Says {
		if s == "" || strings.Contains(s, "{") || strings.Contains(s, "undefined") {
			t.Errorf("%s: it says %q", name, s)
		}
	}
}

// agreed is how many mutants of each sort the second verifier is asked about: some, or
// all of them if COMITY_TEST_MUTANTS is "all", as it is in the soak.
func agreed() int {
	if os.Getenv("COMITY_TEST_MUTANTS") == "all" {
		return 1 << 20
	}
	return 15
}

// TestSecondVerifierAgrees: of a few hundred forged dossiers both verifiers say the
// same. The second one may pass what breaks a rule that it says it does not check, and
// nothing else; and it fails nothing that the first one passes.
func TestSecondVerifierAgrees(t *testing.T) {
	t.Parallel()
	s, d, raw := wholeTale(t)
	var list []mutant
	for _, make := range []func(testing.TB, *env.Story, *dossier.Dossier) []mutant{
		fieldMutants, repairedMutants, lineMutants, signatureMutants, proofMutants, checkpointMutants, fileMutants, graftMutants,
	} {
		list = append(list, every(make(t, s, d), agreed())...)
	}
	list = append(list, every(zipMutants(raw), agreed())...)
	pins := s.Pins()
	about := ask(t, []question{{"about", map[string]any{"read": "about"}, nil}})[0]
	tried := 0
	for part := range slices.Chunk(list, 200) {
		var questions []question
		for _, m := range part {
			if b := m.bytes(); b != nil && !bytes.Equal(b, raw) {
				questions = append(questions, aboutDossier(m.name, b, pins))
			}
		}
		for i, a := range ask(t, questions) {
			if a.Result != "passed" && i%4 > 0 {
				continue // the first one fails them all: see TestMutants
			}
			agree(t, about, questions[i], a, pins)
		}
		tried += len(questions)
	}
	t.Logf("%d forged dossiers", tried)
	if tried < 7*15 {
		t.Fatalf("only %d mutants", tried)
	}
}

// agree compares the second verifier's answer with what the first says of a file, and
// returns which of the rules that it does not check made the difference.
func agree(t *testing.T, about answer, q question, a answer, pins dossier.Pins) string {
	t.Helper()
	_, err := judged(q.data, pins)
	switch ok := a.Result == "passed"; {
	case ok && err != nil:
		id := beyond(err)
		if !slices.Contains(about.NotChecked, id) {
			t.Errorf("%s: the second verifier passes it, the first says: %v", q.name, err)
		}
		return id
	case !ok && err == nil:
		t.Errorf("%s: the second verifier fails it: %s: %s", q.name, a.Check, a.Why)
	}
	return ""
}

// TestSecondVerifierLimits: what only the rule book finds, the second verifier passes,
// and names the sort of it among what it does not check. So that list is neither too
// short nor only words. Here officers and the relay conspire with their own keys.
func TestSecondVerifierLimits(t *testing.T) {
	t.Parallel()
	var list []question
	var want []string
	pins := map[string]dossier.Pins{}
	for name, play := range map[string]func(*env.Story) error{
		"rules": func(s *env.Story) error { // the State that granted accepts its own grant
			s.Patched = true
			tip := s.Record(custody.RecordID(custody.RequestID(s.Case().RequestSHA256))).Tip()
			_, err := s.Post(s.To.ID("agent/desk-1"), &custody.Acceptance{
				Header:  custody.Header{Relay: s.Origin, By: s.To.Name, Issued: s.Now(), After: tip},
				Request: s.Case().RequestSHA256, Grant: s.Case().Live().SHA256,
			}, s.To.Officers[0])
			return err
		},
		"carriers": func(s *env.Story) error { // by the relay's word, somebody brought it who is listed nowhere
			s.Entered = func(e *custody.Entry) { e.Via = "de/agent/nobody" }
			return s.Revoke()
		},
		"fields":    func(s *env.Story) error { return s.Revoke() }, // and its reason is altered below
		"documents": func(s *env.Story) error { return s.Revoke() }, // and a page is altered below
		"stamps":    func(s *env.Story) error { return s.Revoke() }, // and a time stamp is of something else
		"certificates": func(s *env.Story) error { // and one of the next directory is altered below
			r := rotation{Story: s}
			_, err := s.Post("", r.directory(nil), s.From.Registrar)
			return err
		},
		"events": func(s *env.Story) error { // the relay notes of a stranger's agent
			s.Patched = true
			return s.Event(denial("be/agent/desk-1"))
		},
	} {
		s, d := tale(t, func(s *env.Story, _ string) error { return errors.Join(s.Agree(), play(s)) })
		if name == "fields" {
			l := &d.Records[custody.RecordID(d.Request)][len(d.Records[custody.RecordID(d.Request)])-1]
			e, err := statement.Parse(l.Envelope)
			fatalIfErr(t, err)
			l.Envelope = statement.New(e.PayloadType, bytes.Replace(e.Payload, []byte("no-longer-justified"), []byte("weather"), 1), s.To.Officers[0]).Marshal()
			relog(s, d)
		}
		if name == "certificates" {
			lines := d.Records[custody.AuthorityRecord(s.From.Name)]
			l := &lines[len(lines)-1]
			l.Envelope = otherCertificate(t, s, l.Envelope)
			relog(s, d)
		}
		if name == "documents" {
			v, err := dossier.Verify(d, s.Pins())
			fatalIfErr(t, err)
			d.Documents = v.Render()
			d.Documents.Files["timeline.html"] = []byte("nothing was revoked\n")
		}
		if name == "stamps" {
			a, size := tsa.New(tsa.Options{Name: "Good"}), s.Log.Size()
			stamped(t, s, d, a, size-1, s.Now().Time())
			stamped(t, s, d, a, size, s.Now().Time())
			one, two := d.Earlier[size-1], d.Earlier[size]
			one.Tokens, two.Tokens = two.Tokens, one.Tokens
			d.Earlier[size-1], d.Earlier[size] = one, two
		}
		list, want = append(list, aboutDossier(name, write(t, d), s.Pins())), append(want, name)
		pins[name] = s.Pins()
	}
	answers := ask(t, append(list, question{"about", map[string]any{"read": "about"}, nil}))
	about := answers[len(list)]
	for _, id := range about.NotChecked {
		if !slices.Contains(want, id) {
			t.Errorf("%s is not checked, by its own word, and nothing here tries it", id)
		}
	}
	for i, q := range list {
		if a := answers[i]; a.Result != "passed" {
			t.Errorf("%s: the second verifier fails it: %s: %s", q.name, a.Check, a.Why)
		} else if got := agree(t, about, q, a, pins[q.name]); got != want[i] {
			_, err := judged(q.data, pins[q.name])
			t.Errorf("%s: the first verifier finds %q: %v", q.name, got, err)
		}
	}
}

// otherCertificate returns a directory in which the desk has enrolled with a certificate
// that does not sign itself, signed by the desk and by the registrar.
func otherCertificate(t *testing.T, s *env.Story, directory []byte) []byte {
	t.Helper()
	dir, err := statement.Parse(directory)
	fatalIfErr(t, err)
	var list struct {
		Entries []struct {
			ID        custody.PartyID
			Enrolment []byte
		}
	}
	fatalIfErr(t, json.Unmarshal(dir.Payload, &list))
	b64 := func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }
	for _, l := range list.Entries {
		if l.ID != s.From.ID("agent/desk-1") {
			continue
		}
		enrolment, err := statement.Parse(l.Enrolment)
		fatalIfErr(t, err)
		var e struct{ Certificate []byte }
		fatalIfErr(t, json.Unmarshal(enrolment.Payload, &e))
		bad := bytes.Clone(e.Certificate)
		bad[len(bad)-3] ^= 1
		other := statement.New(enrolment.PayloadType, bytes.Replace(enrolment.Payload, b64(e.Certificate), b64(bad), 1), s.From.Desk)
		return statement.New(dir.PayloadType, bytes.Replace(dir.Payload, b64(l.Enrolment), b64(other.Marshal()), 1), s.From.Registrar).Marshal()
	}
	t.Fatal("the directory lists no desk")
	return nil
}

// every takes n of a list, evenly.
func every(list []mutant, n int) (out []mutant) {
	slices.SortFunc(list, func(a, b mutant) int { return strings.Compare(a.name, b.name) })
	for i := range min(n, len(list)) {
		out = append(out, list[i*len(list)/min(n, len(list))])
	}
	return out
}

// bytes returns a mutant as a file, or nil of one that has no form.
func (m mutant) bytes() []byte {
	if m.made == nil {
		return m.file()
	}
	var b bytes.Buffer
	if dossier.Write(&b, m.made()) != nil {
		return nil
	}
	return b.Bytes()
}

// TestSecondVerifierEarlier: earlier checkpoints that the log does not continue, that are
// of another size, or that nobody vouches for.
func TestSecondVerifierEarlier(t *testing.T) {
	t.Parallel()
	s, d, _ := wholeTale(t)
	stamps, size := tsa.New(tsa.Options{Name: "Good"}), s.Log.Size()-3
	var list []question
	for name, change := range map[string]func(map[int64]dossier.Earlier, dossier.Earlier){
		"good":          func(m map[int64]dossier.Earlier, e dossier.Earlier) { m[size] = e },
		"another size":  func(m map[int64]dossier.Earlier, e dossier.Earlier) { m[size-1] = e },
		"no token":      func(m map[int64]dossier.Earlier, e dossier.Earlier) { e.Tokens = nil; m[size] = e },
		"no proof":      func(m map[int64]dossier.Earlier, e dossier.Earlier) { e.Proof = nil; m[size] = e },
		"another proof": func(m map[int64]dossier.Earlier, e dossier.Earlier) { e.Proof[0][0] ^= 1; m[size] = e },
		"longer proof": func(m map[int64]dossier.Earlier, e dossier.Earlier) {
			e.Proof = append(e.Proof, e.Proof[0])
			m[size] = e
		},
		"note of nobody": func(m map[int64]dossier.Earlier, e dossier.Earlier) {
			e.Note = bytes.Replace(e.Note, []byte(" "), []byte("  "), 1)
			m[size] = e
		},
		"note altered": func(m map[int64]dossier.Earlier, e dossier.Earlier) {
			e.Note = append(bytes.Clone(e.Note), '\n')
			m[size] = e
		},
	} {
		c := clone(d)
		c.Earlier = nil
		stamped(t, s, c, stamps, size, s.Now().Time())
		e := c.Earlier[size]
		c.Earlier = map[int64]dossier.Earlier{}
		change(c.Earlier, e)
		list = append(list, aboutDossier(name, write(t, c), s.Pins()))
	}
	for i, a := range ask(t, list) {
		_, err := judged(list[i].data, s.Pins())
		if good := list[i].name == "good"; (a.Result == "passed") != good || (err == nil) != good {
			t.Errorf("%s: the second verifier says %s (%s: %s), the first %v", list[i].name, a.Result, a.Check, a.Why, err)
		}
	}
}

// TestSecondVerifierVectors runs the vectors through the readers of the second verifier.
func TestSecondVerifierVectors(t *testing.T) {
	t.Parallel()
	folders := map[string]string{"envelope": "envelope", "inner": "inner", "entry": "entry", "leaf": "leaf", "manifest": "manifest", "pins": "pins", "dossier": "form", "checkpoint": "checkpoint"}
	var list []question
	var all []*vectors.Vector
	for folder, reader := range folders {
		names, err := fs.Glob(os.DirFS("../../test/vectors"), folder+"/*.vector")
		fatalIfErr(t, err)
		if len(names) < 4 {
			t.Errorf("%s: %d vectors", folder, len(names))
		}
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join("../../test/vectors", name))
			fatalIfErr(t, err)
			v, err := vectors.Parse(strings.TrimSuffix(name, ".vector"), b)
			fatalIfErr(t, err)
			head := map[string]any{"read": reader}
			known, witnesses := []string{}, []string{}
			for _, k := range v.Keys {
				if k.Name == "witness" {
					witnesses = append(witnesses, k.Value)
				}
				head[k.Name] = k.Value
				if k.Name == "key" {
					known = append(known, k.Value)
				}
			}
			if n := v.Get("seq"); n != "" {
				head["seq"] = json.Number(n)
			}
			head["keys"], head["witnesses"] = known, witnesses
			list, all = append(list, question{v.Name, head, v.Data}), append(all, v)
		}
	}
	for i, a := range ask(t, list) {
		v := all[i]
		if a.Taken == v.Refused {
			t.Errorf("%s (%s): taken %t: %s", v.Name, v.Comment, a.Taken, a.Why)
			continue
		}
		for name, got := range a.fields {
			if want := v.Get(name); want != "" && got != want {
				t.Errorf("%s: %s is %v, want %s", v.Name, name, got, want)
			}
		}
	}
}

// TestSecondVerifierConsistency: proofs that one tree continues another, all of small
// trees, good and with a hash altered, missing or more.
func TestSecondVerifierConsistency(t *testing.T) {
	t.Parallel()
	var log env.Log
	heads := []translog.Checkpoint{}
	for i := range 17 {
		head, err := log.Head("relay.example")
		fatalIfErr(t, err)
		heads = append(heads, head)
		_, err = log.Append(translog.Leaf{Seq: uint64(i)})
		fatalIfErr(t, err)
	}
	var list []question
	var want []bool
	for newer := range heads {
		for older := range newer + 1 {
			proof, err := log.ProveConsistency(int64(older), int64(newer))
			fatalIfErr(t, err)
			hashes := []string{}
			for _, h := range proof {
				hashes = append(hashes, base64.StdEncoding.EncodeToString(h[:]))
			}
			add := func(proof []string, ok bool) {
				at := func(c translog.Checkpoint) map[string]any {
					return map[string]any{"size": c.Size, "root": base64.StdEncoding.EncodeToString(c.Root[:])}
				}
				list = append(list, question{fmt.Sprintf("%d to %d, %d hashes", older, newer, len(proof)),
					map[string]any{"read": "consistency", "older": at(heads[older]), "newer": at(heads[newer]), "proof": proof}, nil})
				want = append(want, ok)
			}
			add(hashes, true)
			zero := base64.StdEncoding.EncodeToString(make([]byte, 32))
			add(append(slices.Clone(hashes), zero), false)
			for i := range hashes {
				add(slices.Replace(slices.Clone(hashes), i, i+1, zero), false)
				add(slices.Delete(slices.Clone(hashes), i, i+1), false)
			}
		}
	}
	for i, a := range ask(t, list) {
		if a.Taken != want[i] {
			t.Errorf("%s: taken %t: %s", list[i].name, a.Taken, a.Why)
		}
	}
}

// TestSecondVerifierKnows: the second verifier knows every kind, and fails what is of a
// later version, saying that it may be that.
func TestSecondVerifierKnows(t *testing.T) {
	t.Parallel()
	_, d, _ := wholeTale(t)
	files := dossier.Files(d)
	later := slices.Clone(files)
	later = append(later, dossier.File{Name: "tokenz/1.tsr", Data: []byte("x")})
	kind := swapFile(files, path(d, custody.RecordID(d.Request), 1, "entry.json"), bytes.Replace(d.Records[custody.RecordID(d.Request)][1].Entry, []byte(`"review"`), []byte(`"parley"`), 1))
	a := ask(t, []question{{"about", map[string]any{"read": "about"}, nil}, aboutDossier("member", dossier.Pack(later), dossier.Pins{}), aboutDossier("kind", dossier.Pack(kind), dossier.Pins{})})
	for _, k := range custody.Kinds() {
		if !slices.Contains(a[0].Kinds, string(k)) {
			t.Errorf("the second verifier does not know a %s", k)
		}
	}
	if ids := slices.Sorted(slices.Values(a[0].NotChecked)); len(slices.Compact(slices.Clone(ids))) != len(ids) || len(ids) < 6 {
		t.Errorf("what the second verifier does not check: %q", ids)
	}
	for i, name := range []string{"a member", "a kind"} {
		if x := a[i+1]; x.Result != "failed" || !x.Later {
			t.Errorf("%s of a later version: %+v", name, x)
		}
	}
}

// TestSecondVerifierGaps: a dossier in which an entry of the request is withheld passes in
// part and never whole; a gap that is not what the log holds, that stands where none may,
// or that nobody answers for fails.
func TestSecondVerifierGaps(t *testing.T) {
	t.Parallel()
	s, d, _ := wholeTale(t)
	id := custody.RecordID(d.Request)
	const form = "{\n  \"_type\": \"comity/gap/v1\",\n  \"salted\": %q,\n  \"reason\": %q,\n  \"by\": %q\n}\n"
	gap := func(record custody.RecordID, seq int, text string, keep ...string) []byte {
		at := path(d, record, seq, "")
		var out []dossier.File
		for _, f := range dossier.Files(d) {
			name, inside := strings.CutPrefix(f.Name, at)
			switch {
			case strings.HasPrefix(f.Name, "packages/"):
				continue
			case inside && name == "entry.json":
				out = append(out, dossier.File{Name: at + "gap.json", Data: []byte(text)})
				continue
			case inside && name != "proof" && !slices.Contains(keep, name):
				continue
			}
			out = append(out, f)
		}
		return dossier.Pack(out)
	}
	at := func(record custody.RecordID, seq int) string { return d.Records[record][seq].Salted().String() }
	last := len(d.Records[id]) - 1
	good := fmt.Sprintf(form, at(id, 3), "redacted", "nl, for the defence")
	for i, a := range ask(t, []question{
		aboutDossier("in part", gap(id, 3, good), s.Pins()),
		aboutDossier("in part", gap(id, last, fmt.Sprintf(form, at(id, last), "redacted", "nl")), s.Pins()),
		aboutDossier("another entry's hash", gap(id, 3, fmt.Sprintf(form, at(id, 2), "redacted", "nl")), s.Pins()),
		aboutDossier("unknown reason", gap(id, 3, fmt.Sprintf(form, at(id, 3), "irrelevant", "nl")), s.Pins()),
		aboutDossier("by nobody", gap(id, 3, fmt.Sprintf(form, at(id, 3), "redacted", "")), s.Pins()),
		aboutDossier("by who turns the writing", gap(id, 3, fmt.Sprintf(form, at(id, 3), "redacted", "\u202e")), s.Pins()),
		aboutDossier("salt beside it", gap(id, 3, good, "salt"), s.Pins()),
		aboutDossier("compact", gap(id, 3, strings.ReplaceAll(good, "\n  ", "")), s.Pins()),
		aboutDossier("first entry", gap(id, 0, fmt.Sprintf(form, at(id, 0), "redacted", "nl")), s.Pins()),
		aboutDossier("relay's record", gap("relay", len(d.Records["relay"])-1, fmt.Sprintf(form, at("relay", len(d.Records["relay"])-1), "redacted", "nl")), s.Pins()),
		aboutDossier("directory", gap("authority/de", 1, fmt.Sprintf(form, at("authority/de", 1), "redacted", "nl")), s.Pins()),
		aboutDossier("erased, as a party says", gap(id, 3, fmt.Sprintf(form, at(id, 3), "erased", "nl")), s.Pins()),
		aboutDossier("erased, and no event says so", gap(id, 3, fmt.Sprintf(form, at(id, 3), "erased", s.Origin)), s.Pins()),
	}) {
		if want := map[bool]string{true: "in-part", false: "failed"}[i < 2]; a.Result != want {
			t.Errorf("gap %d: %s (%s: %s), want %s", i, a.Result, a.Check, a.Why, want)
		}
	}
}
