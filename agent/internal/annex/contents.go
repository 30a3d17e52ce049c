package annex

import "strconv"

// Contents is what treaties ask a request to say, beside its reference and facts (UNTOC
// article 18(15), ETS 185 article 29(2), Directive 2014/41/EU Annex A). Every field is
// text for people, in the language that Language names; all are optional here, and which
// of them a form asks for is data (package law).
type Contents struct {
	Authority        string   `json:"authority,omitempty" yaml:"authority"`                   // who asks, and who conducts the proceedings
	Contact          string   `json:"contact,omitempty" yaml:"contact"`                       // how that office is reached
	ValidatedBy      string   `json:"validated_by,omitempty" yaml:"validated_by"`             // the court or prosecutor that validated the order
	Nature           string   `json:"nature,omitempty" yaml:"nature"`                         // investigation, prosecution, trial, enforcement or other
	Proceedings      string   `json:"proceedings,omitempty" yaml:"proceedings"`               // their subject
	Offence          string   `json:"offence,omitempty" yaml:"offence"`                       // with its legal provisions
	MaxPenaltyMonths int64    `json:"max_penalty_months,omitempty" yaml:"max_penalty_months"` // of deprivation of liberty
	Help             string   `json:"help,omitempty" yaml:"help"`                             // what is sought, in words
	Purpose          string   `json:"purpose,omitempty" yaml:"purpose"`
	Persons          []string `json:"persons,omitempty" yaml:"persons"` // identity, location, nationality
	Custodian        string   `json:"custodian,omitempty" yaml:"custodian"`
	Procedure        string   `json:"procedure,omitempty" yaml:"procedure"`
	Necessity        string   `json:"necessity,omitempty" yaml:"necessity"` // why it is urgent, or may vanish
	Intends          string   `json:"intends,omitempty" yaml:"intends"`     // the request that is to follow a preservation
	Earlier          string   `json:"earlier,omitempty" yaml:"earlier"`     // earlier requests in the case
	Confidentiality  string   `json:"confidentiality,omitempty" yaml:"confidentiality"`
	Remedies         string   `json:"remedies,omitempty" yaml:"remedies"` // sought against the order so far
	Language         string   `json:"language,omitempty" yaml:"language"` // of these words, as a BCP 47 tag
}

// Natures are the codes of Contents.Nature.
var Natures = []string{"investigation", "prosecution", "trial", "enforcement", "other"}

// Answer is one field of the contents with its key.
type Answer struct {
	Key  string
	Text []string // several of what can be listed
}

// Answers lists the fields that say something, in the order of the struct.
func (c *Contents) Answers() []Answer {
	if c == nil {
		return nil
	}
	var list []Answer
	for _, a := range []struct{ key, text string }{
		{"authority", c.Authority}, {"contact", c.Contact}, {"validated_by", c.ValidatedBy}, {"nature", c.Nature}, {"proceedings", c.Proceedings},
		{"offence", c.Offence}, {"max_penalty_months", months(c.MaxPenaltyMonths)}, {"help", c.Help}, {"purpose", c.Purpose},
		{"custodian", c.Custodian}, {"procedure", c.Procedure}, {"necessity", c.Necessity}, {"intends", c.Intends}, {"earlier", c.Earlier},
		{"confidentiality", c.Confidentiality}, {"remedies", c.Remedies}, {"language", c.Language},
	} {
		if a.text != "" {
			list = append(list, Answer{a.key, []string{a.text}})
		}
	}
	if len(c.Persons) > 0 {
		list = append(list, Answer{"persons", c.Persons})
	}
	return list
}

func months(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
