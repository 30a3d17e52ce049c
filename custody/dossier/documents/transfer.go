package documents

import (
	_ "embed"
	"fmt"
	"strings"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/display"
)

const transferType = "comity/transfer/v1"

// Schema is the JSON Schema of transfer.json, for whoever reads it into another system.
//
//go:embed transfer.schema.json
var Schema []byte

// record is transfer.json: what an official system wants to know of a transfer that went
// another way.
type record struct {
	Type       string        `json:"_type"`
	Proves     string        `json:"proves"`
	Request    requestRef    `json:"request"`
	Requesting string        `json:"requesting"` // gets the evidence
	Requested  string        `json:"requested"`  // has it
	Log        logRef        `json:"log"`
	Times      string        `json:"times"`
	Withheld   int           `json:"withheld_entries,omitempty"` // of the record: they may say otherwise
	Transfers  []transferred `json:"transfers"`
	NotProved  []string      `json:"not_proved"`
}

type requestRef struct {
	ID         string         `json:"id"`
	SHA256     custody.Digest `json:"sha256"`
	Offer      bool           `json:"offer"`
	Instrument string         `json:"instrument"`
	Order      custody.Digest `json:"order_sha256,omitzero"`
	Filed      custody.Time   `json:"filed"`
}

type logRef struct {
	Relay string         `json:"relay"`
	Size  int64          `json:"size"`
	Root  custody.Digest `json:"root"`
}

// transferred is one package.
type transferred struct {
	Package     string            `json:"package"`
	Delivery    int64             `json:"delivery"`
	Sender      custody.PartyID   `json:"sender"`
	Recipients  []custody.PartyID `json:"recipients"`
	Deposited   custody.Time      `json:"deposited"`
	Unlocked    custody.Time      `json:"unlocked,omitzero"`
	Grant       custody.Digest    `json:"grant_sha256"`
	Seal        custody.Digest    `json:"seal_sha256"`
	SealedBytes int64             `json:"sealed_bytes"`
	PayloadRoot custody.Digest    `json:"payload_root"`
	Head        custody.Digest    `json:"head_sha256"`
	Inner       custody.Digest    `json:"inner_sha256"`
	Supersedes  string            `json:"supersedes,omitempty"`
	Recalled    *recalled         `json:"recalled,omitempty"`
	Taken       []taken           `json:"taken"`
	Contents    contents          `json:"contents"`
}

type recalled struct {
	Time   custody.Time `json:"time"`
	By     string       `json:"by"`
	Reason string       `json:"reason"`
}

type taken struct {
	By        custody.PartyID `json:"by"`
	Recipient custody.PartyID `json:"recipient"`
	Time      custody.Time    `json:"time"`
	Outcome   string          `json:"outcome"` // receipted, rejected, exhibits, none
	Closed    custody.Time    `json:"closed,omitzero"`
	Reason    string          `json:"reason,omitempty"`
}

// contents are the files, by the sender's signed word.
type contents struct {
	Known    bool           `json:"known"`
	Why      string         `json:"why"` // they are known or not, and how they stand
	Standing string         `json:"standing,omitempty"`
	Files    *int64         `json:"files,omitempty"`
	Bytes    *int64         `json:"bytes,omitempty"`
	Inner    custody.Digest `json:"inner_statement_sha256,omitzero"`
	Listed   bool           `json:"listed"`
	List     []fileRef      `json:"list,omitempty"`
}

type fileRef struct {
	Name     string         `json:"name"`
	Size     *int64         `json:"size,omitempty"` // bytes
	SHA256   custody.Digest `json:"sha256"`
	Standing string         `json:"standing"`
}

const notKnown = "this dossier was made without the contents of the package: it names no file"

// notListed says where the names are that are too many for a document.
func (p *Package) notListed() string {
	return fmt.Sprintf("too many files to list here: they stand in packages/%s/manifest-sha256.txt of the dossier", p.State.Package)
}

func transferJSON(f *Facts) []byte {
	r := record{Type: transferType, Proves: notProof, Requesting: f.Case.From, Requested: f.Case.To,
		Request: requestRef{ID: f.Request, SHA256: f.Case.RequestSHA256, Offer: f.Case.Offer != nil, Filed: f.Case.Filed},
		Log:     logRef{f.Relay.Name, f.Checkpoint.Size, f.Checkpoint.Root}, Times: f.Times, Withheld: len(f.Gaps), Transfers: []transferred{}, NotProved: f.NotProved}
	if q := f.Case.Request; q != nil {
		r.Request.Instrument, r.Request.Order = q.Instrument, q.OrderSHA256
	} else {
		r.Request.Instrument = f.Case.Offer.Instrument
	}
	for i := range f.Packages {
		r.Transfers = append(r.Transfers, f.Packages[i].transferred())
	}
	return []byte(display.JSON(string(statement.Encode(r))))
}

func (p *Package) transferred() transferred {
	s := p.State
	t := transferred{Package: s.Package, Delivery: s.Delivery, Sender: s.Sender, Deposited: s.Deposited, Unlocked: s.Unlocked, Grant: s.Grant.SHA256,
		Seal: s.SHA256, SealedBytes: s.PayloadSize, PayloadRoot: s.PayloadRoot, Head: s.HeadSHA256, Inner: s.InnerSHA256, Supersedes: s.Supersedes,
		Taken: []taken{}, Contents: p.contents()}
	for _, r := range s.Recipients {
		t.Recipients = append(t.Recipients, r.ID)
	}
	if r := s.Recall; r != nil {
		t.Recalled = &recalled{r.Time, r.By, r.Reason}
	}
	for _, r := range s.Releases {
		x := taken{By: r.By, Recipient: r.Recipient, Time: r.Time, Outcome: "none", Closed: r.Closed}
		switch {
		case r.Receipt != nil:
			x.Outcome = "receipted"
		case r.Rejection != nil:
			x.Outcome, x.Reason = "rejected", r.Rejection.Reason
		case len(r.Singles) > 0:
			x.Outcome = "exhibits"
		}
		t.Taken = append(t.Taken, x)
	}
	return t
}

func (p *Package) contents() contents {
	if p.Opened == nil {
		return contents{Why: notKnown}
	}
	c := contents{Known: true, Why: p.Why, Standing: p.Stands, Files: &p.Opened.Files, Bytes: &p.Opened.Bytes, Inner: p.Inner, Listed: p.listed}
	if !p.listed {
		c.Why += "; " + p.notListed()
		return c
	}
	for l := range p.Lines {
		x := fileRef{Name: name(l), SHA256: l.Sum, Standing: l.Stands}
		if l.Size >= 0 {
			x.Size = &l.Size
		}
		c.List = append(c.List, x)
	}
	return c
}

// name is the path of an exhibit in the folder of exhibits.
func name(l Line) string { return strings.TrimPrefix(l.Path, "data/") }

// transferSheet is the same on paper.
func transferSheet(f *Facts) *sheet {
	s := &sheet{title: "Record of transfer", under: f.subject(), id: f.identity()}
	add := func(list ...block) { s.blocks = append(s.blocks, list...) }
	add(boxed{items: []string{notProof}},
		paragraph{"For the file of the case in the official system: what moved outside it, when, from whom, to whom. The same stands in transfer.json, for programs. Times: UTC, " + f.Times + ".", plain},
		facts{{"Request", append(hash(f.Request), hash("SHA-256 "+f.Case.RequestSHA256.String())...)},
			{"Between", texts(f.Case.To + " (sends) and " + f.Case.From + " (receives)")}})
	if len(f.Notes) > 0 {
		add(boxed{title: "To know before all else", look: warn, items: f.Notes})
	}
	if r := f.Case.Request; r != nil {
		add(facts{{"Signed order", hash("SHA-256 " + r.OrderSHA256.String())}})
	}
	if len(f.Packages) == 0 {
		add(paragraph{"No package was deposited, " + f.record() + ".", strong})
	}
	for i := range min(len(f.Packages), maxPackages) {
		add(f.transferOf(i)...)
	}
	add(f.morePackages()...)
	add(heading{2, "What is not proved"}, boxed{title: "The dossier does not show", look: warn, items: f.NotProved})
	how := f.howToCheck()
	how[0] = heading{2, "How to check"}
	add(how...)
	return s
}

func (f *Facts) transferOf(i int) []block {
	p := &f.Packages[i]
	s := p.State
	d := facts{{"Date and time", texts("deposited " + when(s.Deposited))}, {"Sender", texts(string(s.Sender))}}
	var to []custody.PartyID
	for _, r := range s.Recipients {
		to = append(to, r.ID)
	}
	d = append(d, fact{"Recipients", texts(ids(to))})
	for _, r := range s.Releases {
		d = append(d, fact{"Taken", append(texts(fmt.Sprintf("%s by %s for %s", when(r.Time), r.By, r.Recipient)), outcome(r)...)})
	}
	if len(s.Releases) == 0 {
		d = append(d, fact{"Taken", cell{{"by nobody, " + f.record(), warn}}})
	}
	if r := s.Recall; r != nil {
		d = append(d, fact{"Recalled", cell{{fmt.Sprintf("%s by %s: %s", when(r.Time), r.By, r.Reason), warn}}})
	}
	d = append(d, fact{"Sealed", append(texts(grouped(s.PayloadSize)+" bytes"), line{"root over the parts " + s.PayloadRoot.String(), mono}, line{"seal SHA-256 " + s.SHA256.String(), mono})})
	list := []block{heading{2, fmt.Sprintf("Package %d of %d: %s", i+1, len(f.Packages), s.Package)}}
	if p.Opened == nil {
		return append(list, append(d, fact{"Files", cell{{notKnown, warn}}}))
	}
	d = append(d, fact{"Files", append(texts(fmt.Sprintf("%s of %s bytes in all, by the sender’s signed word", grouped(p.Opened.Files), grouped(p.Opened.Bytes))), standing(p)...)})
	switch {
	case !p.listed:
		return append(list, d, paragraph{p.notListed(), warn})
	case !p.printed:
		return append(list, d, paragraph{"Too many files to print: they stand in transfer.json of the dossier.", warn})
	}
	return append(list, d, p.table())
}

func (p *Package) table() table {
	t := fileTable("Files in package " + p.State.Package)
	n := 0
	for l := range p.Lines {
		n++
		t.rows = append(t.rows, l.row(n))
	}
	return t
}
