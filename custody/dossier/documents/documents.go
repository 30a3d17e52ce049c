// Package documents renders what a dossier proves for people and for other systems: a
// timeline for a judge, as HTML and as PDF; a record of the transfer for the official
// system, as JSON and as PDF; the same as CASE/UCO; and the commands by which somebody
// without Comity checks what can be checked.
//
// A document adds nothing: it is derived from verified facts alone, and the verifier
// derives it again and compares. So the same facts give the same bytes, on every machine
// and in every year: nothing here asks a clock or a map's order, computes with
// fractions, compresses, or depends on a library that writes otherwise in its next
// version. Whatever changes a byte is a new Version; a test holds the present one.
//
// It refuses to be the proof. Each document says on its face that it proves nothing by
// itself and how to check, and names the hashes that tie a printed page to the file. It
// knows no pin and no policy: it says the same whoever verifies. Names that parties chose
// are shown with everything that people do not read as escapes, and none is shortened
// without a word. It has no script and asks for nothing outside itself.
package documents

import (
	"iter"

	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
)

// Version names the form of all documents together.
const Version = "comity/documents/v1"

// The names of the documents in a dossier.
const (
	NameCase         = "case.jsonld"
	NameTimeline     = "timeline.html"
	NameTimelinePDF  = "timeline.pdf"
	NameTransfer     = "transfer.json"
	NameTransferPDF  = "transfer.pdf"
	NameInstructions = "VERIFY.txt"
)

// Names are the documents, in bytewise order.
func Names() []string {
	return []string{NameInstructions, NameCase, NameTimeline, NameTimelinePDF, NameTransfer, NameTransferPDF}
}

// MaxSize is more than any document has, in bytes: what they list is bounded.
const MaxSize = 48 << 20

// MaxActs is how many acts timelines list.
const MaxActs = 2000

// Bounds of what the documents list. What is beyond is counted, and the reader is sent
// to the file in the dossier that has it.
const (
	maxFiles     = 5000    // names of files, over all packages, in transfer.json and case.jsonld
	maxPrinted   = 1000    // and in transfer.pdf, some fifty pages
	maxFileBytes = 2 << 20 // bytes of the manifests that are listed
	maxPackages  = 200     // told of one by one in timelines and transfer.pdf; all stand in transfer.json
	maxText      = 2000    // characters of one text
)

// Facts are what documents are made of. All of it is verified, in the sense that the
// verdict of the dossier gives to each.
type Facts struct {
	Relay       Root
	Authorities [2]Root // the one that asked or is offered, and the one that has the evidence
	Request     string  // the id of the request or the offer
	Case        *custody.Case
	Checkpoint  custody.CheckpointRef
	Note        custody.Digest // SHA-256 of the signed checkpoint
	Acts        []Act          // oldest first
	Suspensions []string
	Stamps      []Stamp   // over the log, whoever believes them
	Packages    []Package // in order of deposit
	Times       string    // who vouches for them
	Complete    string    // what is known of completeness
	Notes       []string  // what a reader has to know before all else
	NotProved   []string
	Gaps        []Gap // entries of the request's record that are not shown, in their order

	more, moreStamps int // acts and time stamps that are not listed
}

// Root is an authority or a relay and the fingerprint of its root keys, as the dossier
// has it.
type Root struct {
	Name        string
	Fingerprint custody.Digest
}

// Stamp is a time stamp over the log in the dossier (RFC 3161).
type Stamp struct {
	File      string
	Size      int64 // entries of the log that it covers
	Latest    custody.Time
	Authority string
}

// Gap is an entry that is not shown: that there is one is proved.
type Gap struct {
	Seq   int64
	Index int64  // in the log
	Why   string // it is not shown, and by whose word
}

// Act is one entry: a statement and who signed it, or an event.
type Act struct {
	Record    string // whose record, if it is not the request's
	Seq       int64
	Index     int64 // in the log
	Kind      custody.Kind
	Time      custody.Time
	By        string
	Signers   []custody.PartyID
	Signed    string // in words
	Says      string
	Statement custody.Digest // zero of an event
	Policy    custody.Digest
	RestsOn   []string         // "grant 3", "seal 7": the acts that it names
	Rests     []custody.Digest // their statements
	Package   string           // of which it is, if it is of one
}

// Package is a deposited package.
type Package struct {
	State     *custody.PackageState
	Successor string // the package that was sent in its place
	Doubts    []string
	Stands    string // of its contents, one word; empty: not opened
	Why       string
	Opened    *custody.Inner // nil: no contents in the dossier
	Inner     custody.Digest // SHA-256 of the inner statement
	Lines     iter.Seq[Line] // of its manifest, in order
	Listing   int64          // bytes of the manifest

	listed, printed bool // its files are
}

// Line is one file by the sender's signed word.
type Line struct {
	bag.Line
	Size   int64 // bytes; -1: not known
	Stands string
}

// record is where something that did not come is not.
func (f *Facts) record() string {
	if len(f.Gaps) > 0 {
		return "in what is shown of this record up to the checkpoint"
	}
	return "in this record up to the checkpoint"
}

// Render makes all documents, by name.
func Render(f *Facts) map[string][]byte {
	f = bounded(f)
	tl, tr := timeline(f), transferSheet(f)
	return map[string][]byte{
		NameTimeline:     asHTML(tl),
		NameTimelinePDF:  asPDF(tl),
		NameTransfer:     transferJSON(f),
		NameTransferPDF:  asPDF(tr),
		NameCase:         caseGraph(f),
		NameInstructions: instructions(f),
	}
}
