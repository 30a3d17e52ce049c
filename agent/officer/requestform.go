package officer

import (
	"fmt"
	"strings"
	"time"

	"comity.example/comity/agent/internal/law"
	"comity.example/comity/custody"
	"comity.example/comity/custody/display"
)

// RequestForm returns the file to fill in, with a comment at every key.
func RequestForm(now time.Time) []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# A request to another authority. Fill it in, then file it: comity request new -f THIS-FILE")
	p("# The relay sees the first part, in codes. All from \"order\" on is sealed to both authorities.\n")
	p("# The authority that holds the evidence.\nto:\n")
	p("# What the request rests on:")
	codeComments(p, Instruments)
	p("instrument:\n\n# What is to be done with the data:")
	codeComments(p, Assistances)
	p("assistance: disclosure\n\n# The data asked for:")
	codeComments(p, Categories)
	p("categories: []\n\n# What takes more care:")
	codeComments(p, Sensitives)
	p("sensitive: []\n\n# How fast it has to be answered:")
	codeComments(p, Urgencies)
	p("urgency: routine\n\n# When it is needed, if there is such a day, and the last day on which it can be executed.")
	p("# deadline: %s\nexpires: %s\n", now.AddDate(0, 0, 30).UTC().Format(time.DateOnly), now.AddDate(0, 0, 90).UTC().Format(time.DateOnly))
	p("# Who may receive; all active recipients of this authority if it is absent.\n# recipients: []\n")
	p("# Paths of the signed legal order, and of other documents.\norder:\nannexes: []\n")
	p("# Your own reference; every command understands it.\nreference:\n")
	for _, f := range requestWords {
		p("# %s\n%s:", f.means, f.key)
	}
	return []byte(b.String())
}

// requestWords are the keys of a request that people answer in words, with what each
// means, in the order in which they are shown.
var requestWords = []struct{ key, means string }{
	{"facts", "The relevant facts."},
	{"authority", "The authority that asks, and who conducts the proceedings."},
	{"contact", "How that office is reached: name of the office, telephone, mail."},
	{"validated_by", "The court or prosecutor that validated the order."},
	{"nature", "investigation, prosecution, trial, enforcement or other."},
	{"proceedings", "The subject of the proceedings."},
	{"offence", "The offence, with its legal provisions."},
	{"max_penalty_months", "The maximum penalty in months of deprivation of liberty; 1200 for life."},
	{"help", "What is sought, in words."},
	{"purpose", "What the evidence is sought for."},
	{"persons", "Identity, location and nationality of persons concerned: a list."},
	{"custodian", "Who holds the data, and where."},
	{"procedure", "Formalities and procedures to be followed."},
	{"necessity", "Why it is urgent, or why the data may vanish."},
	{"intends", "Of a preservation: the request that is to follow."},
	{"earlier", "Earlier requests in the case."},
	{"confidentiality", "What has to be kept confidential, and from whom."},
	{"remedies", "Legal remedies sought against the order so far."},
	{"language", "The language of these words, like en or fr-BE."},
}

// Form is a request laid out as an instrument asks for it.
type Form struct {
	Title  string
	Lacks  []string // what the instrument asks and the request does not say
	Source string   // where the layout is from, and whether that text was read
	text   string
}

// Text returns the form as plain text, safe on a terminal.
func (f *Form) Text() string { return f.text }

// Forms lists the codes of the forms that Export knows.
func Forms() []string {
	var list []string
	for _, f := range law.Get().Forms {
		list = append(list, f.Code)
	}
	return list
}

// Export lays a request out in a form of its instrument, for the systems in which
// requests are exchanged. a is its annex, opened. What the request does not say stands as
// not stated, and in Lacks: it adds nothing.
func Export(id string, b *custody.Request, a *Annex, form string) (*Form, error) {
	f, ok := law.Get().Form(form)
	if !ok {
		return nil, fmt.Errorf("unknown form %q: want one of %s", form, strings.Join(Forms(), ", "))
	}
	said := answers(id, b, a)
	out := &Form{Title: f.Title, Source: f.Cite + map[bool]string{true: "", false: " (to be checked against the text)"}[f.Read]}
	var t strings.Builder
	fmt.Fprintf(&t, "%s\n%s\n\nComity request %s, signed %s\nLayout: %s\n", f.Title, strings.Repeat("=", len(f.Title)), id, b.Issued, out.Source)
	for _, s := range f.Sections {
		fmt.Fprintf(&t, "\n%s  %s\n", s.Mark, s.Asks)
		stated := false
		for _, key := range s.From {
			for _, text := range said[key] {
				stated = true
				fmt.Fprintf(&t, "   %s: %s\n", strings.ReplaceAll(key, "_", " "), strings.ReplaceAll(display.Text(strings.TrimSpace(text)), "\n", "\n      "))
			}
		}
		if !stated {
			fmt.Fprintf(&t, "   not stated\n")
			out.Lacks = append(out.Lacks, s.Asks)
		}
	}
	out.text = t.String()
	return out, nil
}

// answers returns what a request says, by key.
func answers(id string, b *custody.Request, a *Annex) map[string][]string {
	m := map[string][]string{
		"from": {b.By}, "to": {b.To}, "instrument": {titleOf(b.Instrument)}, "order_sha256": {b.OrderSHA256.String()},
		"assistance": {means(Assistances, b.Assistance)}, "urgency": {means(Urgencies, b.Urgency)}, "expires": {b.Expires.String()},
		"request": {id},
	}
	for _, c := range b.Categories {
		m["categories"] = append(m["categories"], means(Categories, c))
	}
	for _, c := range b.Sensitive {
		m["sensitive"] = append(m["sensitive"], means(Sensitives, c))
	}
	if !b.Deadline.IsZero() {
		m["deadline"] = []string{b.Deadline.String()}
	}
	for key, text := range map[string]string{"reference": a.Text.Reference, "facts": a.Text.Facts} {
		if text != "" {
			m[key] = []string{text}
		}
	}
	for _, f := range a.Attachments {
		m["attachments"] = append(m["attachments"], fmt.Sprintf("%s (SHA-256 %s)", display.Line(f.Name), custody.HashOf(f.Data)))
	}
	for _, x := range a.Text.Contents.Answers() {
		m[x.Key] = x.Text
	}
	return m
}

func means(list []Code, code string) string { return code + " (" + Means(list, code) + ")" }

func titleOf(instrument string) string {
	i, ok := law.Get().Instrument(instrument)
	if !ok {
		return instrument
	}
	return fmt.Sprintf("%s (%s, %s)", i.Code, i.Title, i.Cite)
}

// RequestData is a request as RequestSchema describes it: what Export writes for
// machines.
type RequestData struct {
	Request     string            `json:"request"` // its id
	From        string            `json:"from"`
	To          string            `json:"to"`
	Issued      custody.Time      `json:"issued"`
	Instrument  string            `json:"instrument"`
	Assistance  string            `json:"assistance"`
	Categories  []string          `json:"categories"`
	Sensitive   []string          `json:"sensitive"`
	Urgency     string            `json:"urgency"`
	Deadline    custody.Time      `json:"deadline,omitzero"`
	Expires     custody.Time      `json:"expires"`
	Recipients  []custody.PartyID `json:"recipients"`
	OrderSHA256 custody.Digest    `json:"order_sha256"`
	Documents   []DocumentData    `json:"documents"`
	Reference   string            `json:"reference,omitempty"`
	Facts       string            `json:"facts,omitempty"`
	Contents
}

// DocumentData is an attached document, by name and hash.
type DocumentData struct {
	Name   string         `json:"name"`
	SHA256 custody.Digest `json:"sha256"`
	Size   int64          `json:"size"` // bytes
}

// Data returns a request with its annex, opened, as data.
func Data(id string, b *custody.Request, a *Annex) RequestData {
	d := RequestData{Request: id, From: b.By, To: b.To, Issued: b.Issued, Instrument: b.Instrument, Assistance: b.Assistance, Categories: b.Categories,
		Sensitive: b.Sensitive, Urgency: b.Urgency, Deadline: b.Deadline, Expires: b.Expires, Recipients: b.Recipients, OrderSHA256: b.OrderSHA256,
		Documents: []DocumentData{}, Reference: a.Text.Reference, Facts: a.Text.Facts}
	if a.Text.Contents != nil {
		d.Contents = *a.Text.Contents
	}
	for _, f := range a.Attachments {
		d.Documents = append(d.Documents, DocumentData{f.Name, custody.HashOf(f.Data), int64(len(f.Data))})
	}
	return d
}
