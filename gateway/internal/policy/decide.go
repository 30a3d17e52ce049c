package policy

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"comity.example/comity/custody"
	"github.com/cedar-policy/cedar-go"
)

// The entity types of the schema.
const (
	typeAuthority cedar.EntityType = "Authority"
	typeAgent     cedar.EntityType = "Agent"
	typeRequest   cedar.EntityType = "Request"
	typeAction    cedar.EntityType = "Action"
)

// Finding is what one policy says to a question.
type Finding struct {
	ID      string
	Place   string // FILE:LINE
	Reason  string // its @reason, or ""
	Forbids bool
	Err     error // why it could not be evaluated, for the operator alone
}

// Decide returns the policies that stand in the way: those that forbid, and those that
// could not be evaluated, in the order of their ids. If there are none the act may go
// on.
func (s *Set) Decide(q *Question) (against []Finding) {
	ask, entities := q.cedar()
	against, err := s.list.evaluate(ask, entities)
	if err == nil {
		return against
	}
	for _, f := range s.Explain(q) { // one by one: which was it?
		if f.Forbids || f.Err != nil {
			against = append(against, f)
		}
	}
	return against
}

// Explain returns what each policy says, in the order of their ids.
func (s *Set) Explain(q *Question) (all []Finding) {
	ask, entities := q.cedar()
	for i := range s.list {
		f := s.list[i].finding()
		against, err := s.list[i:i+1].evaluate(ask, entities)
		switch {
		case err != nil:
			f.Err = err
		case len(against) > 0:
			f = against[0]
		}
		all = append(all, f)
	}
	return all
}

// Ref names the policies of findings in this set.
func (s *Set) Ref(against []Finding) *custody.PolicyRef {
	var ids []string
	for _, f := range against {
		ids = append(ids, f.ID)
	}
	return custody.NewPolicyRef(s.sha, ids)
}

// policies are sorted by their ids.
type policies []one

// All makes them what Cedar evaluates.
func (l policies) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range l {
			if !yield(cedar.PolicyID(l[i].id), l[i].policy) {
				return
			}
		}
	}
}

// evaluate asks all of them at once, and returns those that forbid or fail. A panic in
// the evaluator is an error: the sequencer of the log asks too, and a crash there would
// come again at every retry.
func (l policies) evaluate(ask cedar.Request, entities cedar.EntityMap) (against []Finding, err error) {
	defer func() {
		if v := recover(); v != nil {
			against, err = nil, fmt.Errorf("evaluator panicked: %v", v)
		}
	}()
	decision, d := cedar.Authorize(l, entities, ask)
	for _, e := range d.Errors {
		f := l.find(e.PolicyID)
		f.Err = fmt.Errorf("evaluating: %s", e.Message)
		against = append(against, f)
	}
	if decision == cedar.Deny { // else the reasons are permits, which no set holds
		for _, r := range d.Reasons {
			f := l.find(r.PolicyID)
			f.Forbids = true
			against = append(against, f)
		}
	}
	slices.SortFunc(against, func(a, b Finding) int { return cmp.Compare(a.ID, b.ID) })
	return against, nil
}

// find begins the finding of the policy of an id.
func (l policies) find(id cedar.PolicyID) Finding {
	i, _ := slices.BinarySearchFunc(l, string(id), func(o one, id string) int { return cmp.Compare(o.id, id) })
	return l[i].finding()
}

func (o *one) finding() Finding { return Finding{ID: o.id, Place: o.place, Reason: o.reason} }

// cedar returns the question in Cedar's words.
func (q *Question) cedar() (cedar.Request, cedar.EntityMap) {
	agent := cedar.NewEntityUID(typeAgent, cedar.String(q.Agent))
	request := cedar.NewEntityUID(typeRequest, cedar.String(q.ID))
	own := authority(q.Agent.Authority())
	entities := cedar.EntityMap{
		own: {UID: own},
		agent: {UID: agent, Parents: cedar.NewEntityUIDSet(own), Attributes: cedar.NewRecord(cedar.RecordMap{
			"authority": own, "duties": set(q.Duties),
		})},
		request: {UID: request, Attributes: requested(q.Request)},
	}
	for _, name := range []string{q.Request.By, q.Request.To} {
		entities[authority(name)] = cedar.Entity{UID: authority(name)}
	}
	return cedar.Request{
		Principal: agent, Action: cedar.NewEntityUID(typeAction, cedar.String(q.Action)), Resource: request, Context: q.context(),
	}, entities
}

func requested(b *custody.Request) cedar.Record {
	m := cedar.RecordMap{
		"requesting": authority(b.By), "requested": authority(b.To), "instrument": cedar.String(b.Instrument),
		"assistance": cedar.String(b.Assistance), "categories": set(b.Categories), "sensitive": set(b.Sensitive),
		"urgency": cedar.String(b.Urgency), "expires": moment(b.Expires),
	}
	if !b.Deadline.IsZero() {
		m["deadline"] = moment(b.Deadline)
	}
	return cedar.NewRecord(m)
}

func (q *Question) context() cedar.Record {
	m := cedar.RecordMap{"now": cedar.NewDatetime(q.Now)}
	if q.Action == ActionRequest {
		return cedar.NewRecord(m)
	}
	m["bytes"] = cedar.Long(q.Bytes)
	if t := q.Terms; t != nil {
		m["grant"] = cedar.NewRecord(cedar.RecordMap{
			"senders": set(t.Senders), "recipients": set(t.Recipients), "categories": set(t.Categories), "sensitive": set(t.Sensitive),
			"conditions": set(t.Conditions), "handling": set(t.Handling),
			"maxBytes": cedar.Long(t.MaxBytes), "maxPackages": cedar.Long(t.MaxPackages),
			"usedBytes": cedar.Long(q.UsedBytes), "usedPackages": cedar.Long(q.UsedPackages),
			"notBefore": moment(t.NotBefore), "expires": moment(t.Expires),
		})
	}
	if q.Action == ActionSeal || q.Action == ActionRelease {
		m["delivery"], m["final"] = cedar.Long(q.Delivery), cedar.Boolean(q.Final)
	}
	if q.Action == ActionRelease {
		m["recipient"] = cedar.String(q.Recipient)
	}
	return cedar.NewRecord(m)
}

func authority(name string) cedar.EntityUID {
	return cedar.NewEntityUID(typeAuthority, cedar.String(name))
}

func moment(t custody.Time) cedar.Datetime { return cedar.NewDatetime(t.Time()) }

func set[T ~string](list []T) cedar.Set {
	vals := make([]cedar.Value, 0, len(list))
	for _, s := range list {
		vals = append(vals, cedar.String(s))
	}
	return cedar.NewSet(vals...)
}
