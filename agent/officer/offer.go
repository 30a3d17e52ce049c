package officer

import (
	"fmt"
	"slices"
	"time"

	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// OfferSpec is what a person says of an offer.
type OfferSpec struct {
	To             string
	Instrument     string
	Purposes       []string
	Categories     []string
	Sensitive      []string
	Senders        []custody.PartyID // if empty, all active lab agents of the authority
	Recipients     []custody.PartyID // if empty, all active ones of the other authority
	MaxBytes       Bytes             // if 0, 1 TiB
	MaxPackages    int64             // if 0, ten
	Expires        time.Time
	Conditions     []string
	Handling       []string
	DeleteBy       time.Time // zero if there is none
	Reference      string
	Facts          string
	ConditionsText string
	Attachments    []Attachment
}

// Offer drafts an offer of what another authority has not asked for. All that tells of
// the case is in its annex, sealed to the active recipients of both authorities.
func (o Office) Offer(h custody.Header, spec OfferSpec) (*Paper, error) {
	theirs, err := o.members(spec.To)
	if err != nil {
		return nil, err
	}
	if len(spec.Recipients) == 0 {
		for _, m := range theirs {
			spec.Recipients = append(spec.Recipients, m.ID)
		}
		slices.Sort(spec.Recipients)
	}
	for _, id := range spec.Recipients {
		if !slices.ContainsFunc(theirs, func(m *custody.Member) bool { return m.ID == id }) {
			return nil, fmt.Errorf("recipient %q is not active in the directory of %q", id, spec.To)
		}
	}
	if len(spec.Senders) == 0 {
		if spec.Senders, err = o.labs(); err != nil {
			return nil, err
		}
	}
	file, ref, err := o.seal(annex.Annex{
		Text:        annex.Text{Reference: spec.Reference, Facts: spec.Facts, Conditions: spec.ConditionsText},
		Attachments: spec.Attachments,
	}, o.Authority, spec.To)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Offer{Header: h, To: spec.To, Instrument: spec.Instrument, Purposes: spec.Purposes, Terms: o.offered(spec), Annex: ref}, file)
}

func (o Office) offered(spec OfferSpec) custody.Terms {
	t := custody.Terms{Senders: spec.Senders, Recipients: spec.Recipients, Categories: spec.Categories, Sensitive: spec.Sensitive,
		MaxBytes: int64(spec.MaxBytes), MaxPackages: spec.MaxPackages, NotBefore: statement.At(o.Now), Expires: statement.At(spec.Expires),
		Conditions: spec.Conditions, DeleteBy: atOrNever(spec.DeleteBy), Handling: spec.Handling}
	if t.MaxBytes == 0 {
		t.MaxBytes = int64(defaultBytes)
	}
	if t.MaxPackages == 0 {
		t.MaxPackages = defaultPackets
	}
	return t
}

// labs lists the active lab agents of the authority, of which there is at least one.
func (o Office) labs() (list []custody.PartyID, err error) {
	for _, m := range o.View.Authorities[o.Authority].ActiveRole(custody.RoleAgent, o.at()) {
		if slices.Contains(m.Duties, custody.DutyLab) {
			list = append(list, m.ID)
		}
	}
	if len(list) == 0 {
		err = fmt.Errorf("no agent of %q has the duty lab: nobody could send", o.Authority)
	}
	return list, err
}
