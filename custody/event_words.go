package custody

import (
	"fmt"
	"strings"
)

// Says tells in one plain sentence what the relay says by an event. It begins with
// whose word that is, since nobody else's stands behind it.
func (ev *Event) Says() string {
	switch {
	case ev.Denied != nil:
		d := ev.Denied
		return fmt.Sprintf("the relay says that it refused to let %s %s: %s%s", d.By, doing[d.Act], d.Code.Explain(), d.Policy.says())
	case ev.Counted != nil:
		c := ev.Counted
		var list []string
		for _, n := range c.Counts {
			list = append(list, fmt.Sprintf("%d %s", n.Count, n.Code))
		}
		if len(list) == 0 {
			return fmt.Sprintf("the relay says that it runs; from %s to %s it refused nothing", c.From, c.To)
		}
		return fmt.Sprintf("the relay says what it refused from %s to %s: %s", c.From, c.To, strings.Join(list, ", "))
	case ev.Destroyed != nil:
		return fmt.Sprintf("the relay says that it destroyed head and inner file of package %s, which was recalled", ev.Destroyed.Package)
	case ev.Erased != nil:
		return "the relay says that it erased what it kept of this record: " + ev.Erased.says() + "; copies that others have are not reached"
	case ev.Lapsed != nil:
		return "the relay says that grant " + ev.Lapsed.Grant.String()[:8] + ", made in an emergency, was not validated in time: nothing moves under it any more"
	case ev.Probed != nil:
		return "the relay says that " + ev.Probed.says()
	}
	return "the relay says nothing"
}

// says names what is gone.
func (e *Erased) says() string {
	var list []string
	if len(e.Entries) > 0 {
		list = append(list, "entries "+numbers(e.Entries)+" whole")
	}
	if len(e.Annexes) > 0 {
		list = append(list, "the annexes of entries "+numbers(e.Annexes))
	}
	return strings.Join(list, ", ")
}

func numbers(list []int64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ", "), "[]")
}

// doing is an act after "let somebody".
var doing = map[Act]string{
	ActStatement: "file a statement",
	ActReserve:   "reserve room for a package",
	ActPart:      "bring a part of a package",
	ActRecord:    "read the record",
	ActAnnex:     "read an annex",
	ActHead:      "take the head of a package",
	ActPayload:   "take the payload of a package",
}

func (p *Probed) says() string {
	if p.Store == StoreDir {
		return "its store is a folder: nobody but the relay itself keeps the locks"
	}
	var yes, no []string
	for _, f := range []struct {
		ok   bool
		what string
	}{
		{p.Versions, "versions"}, {p.LocksCompliance, "COMPLIANCE locks"}, {p.RefusesShorter, "the length of these locks"},
		{p.LocksGovernance, "GOVERNANCE locks"}, {p.RefusesBypass, "these against bypass"}, {p.RefusesDigest, "declared digests"},
		{p.KeepsChecksums, "checksums"}, {p.RefusesSecond, "first versions where only one is wanted"},
	} {
		if f.ok {
			yes = append(yes, f.what)
		} else {
			no = append(no, f.what)
		}
	}
	return fmt.Sprintf("its %s store was seen to keep: %s; not to keep: %s", p.Store, listed(yes), listed(no))
}

func listed(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}
