package officer

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/custody"

	"go.yaml.in/yaml/v3"
)

// RequestDraft is the file that a person fills in to make a request, as YAML or JSON:
// the codes that the relay sees, and the contents that are sealed to both authorities.
// Its JSON form is what RequestSchema describes.
type RequestDraft struct {
	// To is the authority that holds the evidence. Required.
	To string `yaml:"to"`
	// Instrument is what the request rests on, see Instruments. Required.
	Instrument string `yaml:"instrument"`
	// Assistance is disclosure or preservation; disclosure if absent.
	Assistance string `yaml:"assistance"`
	// Categories are the data asked for, see Categories. Required.
	Categories []string `yaml:"categories"`
	// Sensitive are marks, see Sensitives. Optional.
	Sensitive []string `yaml:"sensitive"`
	// Urgency is routine or urgent; routine if absent.
	Urgency string `yaml:"urgency"`
	// Deadline is when it is needed: a date, or an RFC 3339 time. Optional.
	Deadline string `yaml:"deadline"`
	// Expires is the last day, or an RFC 3339 time. Required.
	Expires string `yaml:"expires"`
	// Recipients may receive; all active ones of the authority if absent.
	Recipients []custody.PartyID `yaml:"recipients"`
	// Order is the path of the signed legal order. Required.
	Order string `yaml:"order"`
	// Annexes are paths of other documents. Optional.
	Annexes []string `yaml:"annexes"`
	// Reference is the authority's own. Required.
	Reference string `yaml:"reference"`
	// Facts are those of the case. Optional here; treaties ask for them.
	Facts string `yaml:"facts"`
	// Contents are what else treaties ask for.
	annex.Contents `yaml:",inline"`
}

// Contents are the words of a request.
type Contents = annex.Contents

// RequestSchema is the JSON Schema (draft 2020-12) of a request: of what a person fills
// in, and of what `comity request export` writes.
//
//go:embed request.schema.json
var RequestSchema []byte

// ParseRequestDraft reads the file. Unknown and repeated keys, unknown codes, missing
// fields and a second document are errors that name the key.
func ParseRequestDraft(data []byte) (*RequestDraft, error) {
	const reading = "reading the request draft"
	if len(data) > maxDraft {
		return nil, fmt.Errorf("%s: %d bytes, more than %d", reading, len(data), maxDraft)
	}
	d := RequestDraft{Assistance: custody.AssistanceDisclosure, Urgency: "routine"}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		return nil, fmt.Errorf("%s: %v", reading, err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one document", reading)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", reading, err)
	}
	return &d, nil
}

func (d *RequestDraft) check() error {
	if err := custody.CheckAuthority(d.To); err != nil {
		return fmt.Errorf("to: %v", err)
	}
	for _, f := range []struct {
		key     string
		missing bool
	}{{"order", d.Order == ""}, {"reference", d.Reference == ""}, {"categories", len(d.Categories) == 0}, {"expires", d.Expires == ""}} {
		if f.missing {
			return fmt.Errorf("%s is missing", f.key)
		}
	}
	for _, c := range []struct {
		key   string
		known []Code
		codes []string
	}{{"instrument", Instruments, []string{d.Instrument}}, {"assistance", Assistances, []string{d.Assistance}},
		{"categories", Categories, d.Categories}, {"sensitive", Sensitives, d.Sensitive}, {"urgency", Urgencies, []string{d.Urgency}}} {
		for i, code := range c.codes {
			if Means(c.known, code) == "" || slices.Contains(c.codes[:i], code) {
				return fmt.Errorf("%s: %q is unknown or repeated", c.key, code)
			}
		}
	}
	if d.Nature != "" && !slices.Contains(annex.Natures, d.Nature) {
		return fmt.Errorf("nature: %q is unknown: want one of %s", d.Nature, strings.Join(annex.Natures, ", "))
	}
	if d.MaxPenaltyMonths < 0 || d.MaxPenaltyMonths > 1200 {
		return fmt.Errorf("max_penalty_months: %d is out of range: 0 to 1200, where 1200 stands for life", d.MaxPenaltyMonths)
	}
	for _, id := range d.Recipients {
		if p, err := custody.ParsePartyID(string(id)); err != nil || p.Role() != custody.RoleRecipient {
			return fmt.Errorf("recipients: %q is no recipient's id, like nl/recipient/lab", id)
		}
	}
	_, _, err := d.dates()
	return err
}

// dates reads the two days; one without a time lasts to its end.
func (d *RequestDraft) dates() (deadline, expires time.Time, err error) {
	for _, f := range []struct {
		key, text string
		to        *time.Time
	}{{"deadline", d.Deadline, &deadline}, {"expires", d.Expires, &expires}} {
		if f.text == "" {
			continue
		}
		if *f.to, err = lastMoment(f.text); err != nil {
			return deadline, expires, fmt.Errorf("%s: %v", f.key, err)
		}
	}
	return deadline, expires, nil
}

func lastMoment(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Add(24*time.Hour - time.Second), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("malformed date %q: want one like 2027-03-01, or a time like 2027-03-01T12:00:00Z", s)
	}
	return t.UTC(), nil
}

// Spec returns what the draft says, without its documents, which read opens by path.
func (d *RequestDraft) Spec(read func(path string) (Attachment, error)) (*RequestSpec, error) {
	deadline, expires, err := d.dates()
	if err != nil {
		return nil, err
	}
	s := &RequestSpec{To: d.To, Instrument: d.Instrument, Assistance: d.Assistance, Categories: d.Categories, Sensitive: d.Sensitive,
		Urgency: d.Urgency, Deadline: deadline, Expires: expires, Reference: d.Reference, Facts: d.Facts, Recipients: d.Recipients}
	if len(d.Contents.Answers()) > 0 {
		s.Contents = &d.Contents
	}
	if s.Order, err = read(d.Order); err != nil {
		return nil, err
	}
	for _, path := range d.Annexes {
		a, err := read(path)
		if err != nil {
			return nil, err
		}
		s.Attachments = append(s.Attachments, a)
	}
	return s, nil
}
