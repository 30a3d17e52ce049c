package documents

import (
	"fmt"
	"strings"

	"comity.example/comity/custody"
)

// The one sentence that stands first on every document.
const notProof = "This document proves nothing by itself. It repeats, in words, what the dossier proves that it comes from; " +
	"anybody could write another like it. Believe it only if comity-verify says of the dossier that it is verified: see “How to check”."

func day(t custody.Time) string  { return t.Time().UTC().Format("2 Jan 2006") }
func hour(t custody.Time) string { return t.Time().UTC().Format("15:04:05") }

// when is a time in running text.
func when(t custody.Time) string { return t.Time().UTC().Format("2 January 2006, 15:04:05") + " UTC" }

// moment is a time in a table.
func moment(t custody.Time) cell { return cell{{day(t), plain}, {hour(t), quiet}} }

func until(t custody.Time) cell {
	if t.IsZero() {
		return cell{{"not over", plain}, {"up to the checkpoint", quiet}}
	}
	return moment(t)
}

// timeline is the page for a judge: who had what, when, under which authority, and what
// is not proved.
func timeline(f *Facts) *sheet {
	s := &sheet{title: "Custody timeline", under: f.subject(), id: f.identity()}
	add := func(list ...block) { s.blocks = append(s.blocks, list...) }
	add(boxed{items: []string{notProof}})
	if len(f.Notes) > 0 {
		add(boxed{title: "To know before all else", look: warn, items: f.Notes})
	}
	add(heading{2, "1  The case in short"})
	for _, p := range f.summary() {
		add(paragraph{p, lead})
	}
	add(paragraph{fmt.Sprintf("Times are UTC and %s; %s. What is not proved: %d points, in section 5.", f.Times, f.Complete, len(f.NotProved)), quiet})
	if len(f.Packages) > 0 {
		add(f.overview())
	}
	add(f.identities()...)
	add(heading{2, "2  Who had the evidence, and when"})
	if len(f.Packages) == 0 {
		add(paragraph{"No package is deposited " + f.record() + ".", plain})
	} else {
		add(paragraph{"Electronic evidence is copied, not handed over: several have it at once. A package lies with the relay sealed; " +
			"only the recipients’ keys open it, and only with its head, which stays with the sender until its State lets it go.", plain})
	}
	for i := range min(len(f.Packages), maxPackages) {
		add(f.custody(i)...)
	}
	add(f.morePackages()...)
	add(f.acts()...)
	add(f.stamps()...)
	add(heading{2, "4  Suspensions"})
	if len(f.Suspensions) == 0 {
		add(paragraph{"Neither State suspended transfers between the two, up to the checkpoint.", plain})
	} else {
		add(bullets(f.Suspensions))
	}
	add(heading{2, "5  What is not proved"}, boxed{title: "The dossier does not show", look: warn, items: f.NotProved})
	add(f.howToCheck()...)
	return s
}

func (f *Facts) subject() string {
	verb := "asked"
	if f.Case.Offer != nil {
		return fmt.Sprintf("Offer %s, which %s made to %s", f.Request, f.Case.To, f.Case.From)
	}
	return fmt.Sprintf("Request %s, by which %s %s %s for evidence", f.Request, f.Case.From, verb, f.Case.To)
}

// identity ties a printed page to the file.
func (f *Facts) identity() string {
	return fmt.Sprintf("request %s\nstatement SHA-256 %s\nlog %s of %d entries, root %s", f.Request, f.Case.RequestSHA256, f.Relay.Name, f.Checkpoint.Size, f.Checkpoint.Root)
}

// overview has one row for each package.
func (f *Facts) overview() table {
	t := table{caption: "Packages, in order of deposit (times UTC)", columns: []column{
		{"Package", 21}, {"Sealed by, deposited", 19}, {"Head let go", 13}, {"Signed for by", 19}, {"Receipt", 28}}}
	for i := range min(len(f.Packages), maxPackages) {
		p := &f.Packages[i]
		row := []cell{{{fmt.Sprintf("%d of %d", i+1, len(f.Packages)), strong}, {p.State.Package, mono}, {fmt.Sprintf("%s sealed bytes", grouped(p.State.PayloadSize)), quiet}},
			append(texts(string(p.State.Sender)), moment(p.State.Deposited)...), {{"not", quiet}}, {{"nobody", quiet}}, nil}
		if !p.State.Unlocked.IsZero() {
			row[2] = moment(p.State.Unlocked)
		}
		if len(p.State.Releases) > 0 {
			row[3] = nil
		}
		for _, r := range p.State.Releases {
			row[3] = append(append(row[3], line{string(r.By), plain}), moment(r.Time)...)
			row[4] = append(row[4], outcome(r)...)
		}
		if len(row[4]) == 0 {
			row[4] = cell{{"none " + f.record(), warn}}
		}
		if r := p.State.Recall; r != nil {
			row[4] = append(row[4], line{"RECALLED by the sending side", warn}, line{day(r.Time) + " " + hour(r.Time) + ", " + r.Reason, quiet})
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// outcome is what a recipient said of what it took.
func outcome(r *custody.ReleaseState) cell {
	var c cell
	for _, s := range r.Singles {
		c = append(c, line{"single files receipted: " + custody.Lines(s.Exhibits), good}, line{day(s.Time) + " " + hour(s.Time), quiet})
	}
	switch {
	case r.Receipt != nil:
		c = append(c, line{"receipted whole", good}, line{day(r.Closed) + " " + hour(r.Closed), quiet})
	case r.Rejection != nil:
		c = append(c, line{"rejected: " + r.Rejection.Reason, warn}, line{day(r.Closed) + " " + hour(r.Closed), quiet})
	case len(r.Singles) == 0:
		c = append(c, line{"none by " + string(r.By), warn})
	}
	return c
}

// identities are the hashes that name the case and its roots.
func (f *Facts) identities() []block {
	list := facts{{"Request", append(hash(f.Request), hash("SHA-256 "+f.Case.RequestSHA256.String())...)}}
	if r := f.Case.Request; r != nil {
		list = append(list, fact{"Signed order", hash("SHA-256 " + r.OrderSHA256.String())})
	}
	for _, a := range f.Authorities {
		list = append(list, fact{"Root keys of " + a.Name, hash(a.Fingerprint.String())})
	}
	list = append(list, fact{"Root keys of " + f.Relay.Name, hash(f.Relay.Fingerprint.String())},
		fact{"Checkpoint of the log", append(cell{{fmt.Sprintf("%s, %d entries", f.Relay.Name, f.Checkpoint.Size), plain}},
			line{"root " + f.Checkpoint.Root.String(), mono}, line{"SHA-256 of the file “checkpoint”: " + f.Note.String(), mono})})
	return []block{heading{3, "What names this case"}, list,
		paragraph{"The fingerprints of the root keys are the dossier’s own. They are worth what a comparison with paper, or with the authorities themselves, is worth.", quiet}}
}

// custody tells of one package.
func (f *Facts) custody(i int) []block {
	p := &f.Packages[i]
	s := p.State
	title := fmt.Sprintf("Package %d of %d: %s", i+1, len(f.Packages), s.Package)
	spans := p.spans(f)
	list := []block{heading{3, title}}
	if c, ok := drawn(f, p, "Who had package "+s.Package, spans); ok {
		list = append(list, c)
	}
	t := table{caption: "Who had package " + s.Package + " (times UTC)", columns: []column{{"From", 13}, {"To", 13}, {"Who", 24}, {"What it had", 38}, {"Since", 12}}}
	for _, x := range spans {
		t.rows = append(t.rows, []cell{moment(x.from), until(x.to), {{x.who, strong}, {x.role, quiet}}, texts(x.long), {{x.act, plain}}})
	}
	list = append(list, t)
	if fate := p.fate(f); len(fate) > 0 {
		list = append(list, boxed{title: "What became of it", look: warn, items: fate})
	}
	if len(p.Doubts) > 0 {
		list = append(list, boxed{title: "Doubtful", look: warn, items: p.Doubts})
	}
	d := facts{{"Under", append(texts("the grant of "+s.Grant.Grant.By+", "+when(s.Grant.Time)+", "+f.signersOf(s.Grant.SHA256)), hash("SHA-256 "+s.Grant.SHA256.String())...)}, {"Seal", hash("SHA-256 " + s.SHA256.String())},
		{"Sealed bytes", append(texts(grouped(s.PayloadSize)+" in "+plural(int(s.Parts), "part")),
			line{"root over the parts " + s.PayloadRoot.String(), mono}, line{"head SHA-256 " + s.HeadSHA256.String(), mono})}}
	if p.Opened == nil {
		return append(list, append(d, fact{"Contents", texts("not in this dossier: which files are in the package it does not say")}))
	}
	d = append(d, fact{"Contents", append(texts(fmt.Sprintf("%s files of %s bytes in all, by the sender’s signed word", grouped(p.Opened.Files), grouped(p.Opened.Bytes))), standing(p)...)},
		fact{"Described as", texts("“" + p.Opened.Description + "”")}, fact{"Examiner, handling", texts("“" + p.Opened.Examiner + "”, " + quotedList(p.Opened.Handling))})
	return append(append(list, d), p.firstFiles()...)
}

// morePackages says that there are more than are told of one by one.
func (f *Facts) morePackages() []block {
	n := len(f.Packages) - maxPackages
	if n <= 0 {
		return nil
	}
	return []block{boxed{look: warn, items: []string{fmt.Sprintf("%d more packages are not told of here one by one: they stand in transfer.json of the dossier.", n)}}}
}

func standing(p *Package) cell {
	look := warn
	if p.Stands == "confirmed" {
		look = good
	}
	return cell{{p.Stands, look}, {p.Why, quiet}}
}

func quotedList(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return "“" + strings.Join(list, "”, “") + "”"
}

// shownFiles is how many files of a package the timeline names.
const shownFiles = 20

func (p *Package) firstFiles() []block {
	t := fileTable(fmt.Sprintf("Files in package %s, by the sender’s signed word", p.State.Package))
	n := 0
	for l := range p.Lines {
		if n++; n > shownFiles {
			break
		}
		t.rows = append(t.rows, l.row(n))
	}
	list := []block{t}
	if p.Opened.Files > shownFiles {
		list = append(list, paragraph{fmt.Sprintf("And %s more: see transfer.pdf, or packages/%s/manifest-sha256.txt in the dossier.", grouped(p.Opened.Files-shownFiles), p.State.Package), quiet})
	}
	return list
}

func fileTable(caption string) table {
	return table{caption: caption, columns: []column{{"No.", 8}, {"Name and SHA-256", 62}, {"Bytes", 14}, {"Stands", 16}}}
}

func (l *Line) row(n int) []cell {
	size := "not told"
	if l.Size >= 0 {
		size = grouped(l.Size)
	}
	look := warn
	if l.Stands == "confirmed" {
		look = good
	}
	return []cell{texts(fmt.Sprint(n)), {{strings.TrimPrefix(l.Path, "data/"), plain}, {fmt.Sprintf("%x", l.Sum), mono}}, texts(size), {{l.Stands, look}}}
}

// acts tells of each entry of the record.
func (f *Facts) acts() []block {
	t := table{caption: "Each act as it stands in the log (times UTC)", columns: []column{{"When", 14}, {"What, and by whom", 66}, {"Entry, rests on", 20}}}
	gaps := f.Gaps
	for i := range f.Acts {
		a := &f.Acts[i]
		for ; len(gaps) > 0 && gaps[0].Index < a.Index; gaps = gaps[1:] {
			t.rows = append(t.rows, gaps[0].row())
		}
		what := cell{{a.Says, plain}, {a.Signed, quiet}}
		if a.Record != "" {
			what = append(what, line{"in the record of " + a.Record, quiet})
		}
		if !a.Statement.IsZero() {
			what = append(what, line{"SHA-256 " + a.Statement.String(), mono})
		}
		if !a.Policy.IsZero() {
			what = append(what, line{"narrowed by policy " + a.Policy.String() + " of the relay’s operator, as the relay says", quiet})
		}
		place := cell{{fmt.Sprintf("%s %d", a.Kind, a.Seq), strong}, {fmt.Sprintf("log index %d", a.Index), quiet}}
		if len(a.RestsOn) > 0 {
			place = append(place, line{"rests on " + strings.Join(a.RestsOn, ", "), quiet})
		}
		t.rows = append(t.rows, []cell{moment(a.Time), what, place})
	}
	if f.more == 0 { // else they stand among the acts that are not listed
		for _, g := range gaps {
			t.rows = append(t.rows, g.row())
		}
	}
	list := []block{heading{2, "3  Each act, in order"}, t}
	if n := f.more; n > 0 {
		list = append(list, boxed{look: warn, items: []string{fmt.Sprintf("%d more acts are not listed here; comity-verify lists all.", n)}})
	}
	return list
}

// stamps tells of the time stamps. Whether one is worth anything depends on whom its
// reader believes, so it is for the verifier to say.
func (f *Facts) stamps() []block {
	if len(f.Stamps) == 0 {
		return nil
	}
	t := table{caption: "Time stamps over the log (times UTC)", columns: []column{{"Existed before", 16}, {"What", 28}, {"By the word of", 38}, {"File", 18}}}
	for _, s := range f.Stamps {
		t.rows = append(t.rows, []cell{moment(s.Latest), texts(fmt.Sprintf("the first %d entries of the log", s.Size)), {{"“" + cut(s.Authority) + "”", plain}, {"not checked here", warn}}, {{s.File, mono}}})
	}
	list := []block{heading{3, "Time stamps"}, t}
	if f.moreStamps > 0 {
		list = append(list, boxed{look: warn, items: []string{fmt.Sprintf("%d more time stamps are not listed here; comity-verify lists all.", f.moreStamps)}})
	}
	return append(list, paragraph{"Anybody can make a time stamp in any name. comity-verify tells of each whether it leads to a certificate that its user names (--tsa), and then by when each act existed.", plain})
}

// row stands in the place of the act that is not shown.
func (g Gap) row() []cell {
	return []cell{{{"withheld", warn}}, {{"AN ENTRY OF THE RECORD IS NOT SHOWN HERE", warn}, {g.Why, plain}}, {{fmt.Sprintf("entry %d", g.Seq), strong}, {fmt.Sprintf("log index %d", g.Index), quiet}}}
}

// howToCheck ends every page.
func (f *Facts) howToCheck() []block {
	return []block{heading{2, "6  How to check"},
		paragraph{"On a machine that may have no network at all, with the fingerprints of the root keys from paper or from the authorities themselves, never from this document:", plain},
		paragraph{f.command(), shell},
		paragraph{"It must say " + f.verdict() + " in its first line, name the request and the checkpoint as they stand at the foot of this page, and say that the rendered documents are as rendered again. " +
			"It says too which exhibits are in the evidence, given a folder with copies (--exhibits). The file VERIFY.txt in the dossier tells how to check hashes, signatures and the log with common tools alone.", plain}}
}

// verdict is what the verifier has to begin with.
func (f *Facts) verdict() string {
	if len(f.Gaps) > 0 {
		return "VERIFIED IN PART"
	}
	return "VERIFIED"
}

func (f *Facts) command() string {
	return fmt.Sprintf("comity-verify FILE --root %s=FINGERPRINT --root %s=FINGERPRINT \\\n  --relay %s=FINGERPRINT", f.Authorities[0].Name, f.Authorities[1].Name, f.Relay.Name)
}

// grouped writes a number with blanks between thousands.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
