package translog

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxPolicyBytes bounds a policy file; 64 witnesses with ML-DSA keys fit.
	MaxPolicyBytes = 256 << 10
	// maxPolicyLines bounds each of logs, witnesses, groups.
	maxPolicyLines = 128
)

// Policy says which witnesses must have cosigned a checkpoint: the meaning of
// a C2SP tlog-policy file. It is immutable and safe for concurrent use.
type Policy struct {
	logs      []PolicyLog
	witnesses []PolicyWitness
	nodes     map[string]*node
	order     []string // the names of nodes, in the order of their lines
	quorum    string   // a name in nodes, or none
}

// none is the quorum that every checkpoint satisfies.
const none = "none"

// PolicyLog is a log that a policy names.
type PolicyLog struct {
	Origin string
	Key    string // vkey: an Ed25519 key as ParseVerifier reads it, or an ML-DSA-44 key
	URL    string // may be empty
}

// PolicyWitness is a witness that a policy names.
type PolicyWitness struct {
	Name string // within the policy file; the key has a name of its own
	Key  *CosignerKey
	URL  string // may be empty; the submission prefix of C2SP tlog-witness
}

// node is a witness (of is nil) or a group.
type node struct {
	witness int // index into witnesses
	of      []string
	least   int    // so many of them
	word    string // least as it was written
}

// ParsePolicy reads a tlog-policy file. Beyond the specification it demands
// keys in their one spelling, of witnesses only such as ParseCosignerKey reads,
// http or https URLs without user, query or fragment, and at most 128 lines of
// a kind. An error names the line.
func ParsePolicy(b []byte) (*Policy, error) {
	if len(b) > MaxPolicyBytes {
		return nil, fmt.Errorf("reading policy: more than %d bytes", MaxPolicyBytes)
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		return nil, fmt.Errorf("reading policy: last line does not end in a newline")
	}
	p := &Policy{nodes: map[string]*node{}}
	r := policyReader{p: p, keys: map[string]bool{}, member: map[string]bool{}}
	for i, line := range bytes.Split(b, []byte("\n")) {
		if err := r.line(string(line)); err != nil {
			return nil, fmt.Errorf("reading policy: line %d: %v", i+1, err)
		}
	}
	if p.quorum == "" {
		return nil, fmt.Errorf("reading policy: no quorum line")
	}
	return p, nil
}

// policyReader holds what only reading needs.
type policyReader struct {
	p      *Policy
	keys   map[string]bool // raw public keys of logs and witnesses, by kind
	member map[string]bool // names that are in a group
}

func (r *policyReader) line(line string) error {
	for i := range len(line) {
		if c := line[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("control character %q", c)
		}
	}
	f := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(f) == 0 || strings.HasPrefix(f[0], "#") {
		return nil
	}
	switch f[0] {
	case "log":
		return r.log(f[1:])
	case "witness":
		return r.witness(f[1:])
	case "group":
		return r.group(f[1:])
	case "quorum":
		return r.quorum(f[1:])
	}
	return fmt.Errorf("unknown keyword %q", f[0])
}

func (r *policyReader) log(f []string) error {
	if len(f) < 1 || len(f) > 2 {
		return fmt.Errorf("want: log KEY [URL]")
	}
	if len(r.p.logs) == maxPolicyLines {
		return fmt.Errorf("more than %d logs", maxPolicyLines)
	}
	l := PolicyLog{Key: f[0], Origin: KeyName(f[0])}
	if _, err := ParseVerifier(f[0], l.Origin); err != nil {
		k, merr := ParseCosignerKey(f[0])
		if merr != nil || k.alg != MLDSA44 {
			return err
		}
	}
	if err := r.fresh("log", f[0]); err != nil {
		return err
	}
	var err error
	l.URL, err = optionalURL(f[1:])
	r.p.logs = append(r.p.logs, l)
	return err
}

func (r *policyReader) witness(f []string) error {
	if len(f) < 2 || len(f) > 3 {
		return fmt.Errorf("want: witness NAME KEY [URL]")
	}
	if len(r.p.witnesses) == maxPolicyLines {
		return fmt.Errorf("more than %d witnesses", maxPolicyLines)
	}
	w := PolicyWitness{Name: f[0]}
	var err error
	if w.Key, err = ParseCosignerKey(f[1]); err != nil {
		return err
	}
	if err := r.fresh("witness", f[1]); err != nil {
		return err
	}
	for _, o := range r.p.witnesses {
		if o.Key.name == w.Key.name && o.Key.id == w.Key.id {
			return fmt.Errorf("witnesses %q and %q cannot be told apart by name and key id", o.Name, w.Name)
		}
	}
	if w.URL, err = optionalURL(f[2:]); err != nil {
		return err
	}
	r.p.witnesses = append(r.p.witnesses, w)
	return r.define(w.Name, &node{witness: len(r.p.witnesses) - 1})
}

func (r *policyReader) group(f []string) error {
	if len(f) < 3 {
		return fmt.Errorf("want: group NAME K|any|all MEMBER …")
	}
	if len(r.p.nodes)-len(r.p.witnesses) == maxPolicyLines {
		return fmt.Errorf("more than %d groups", maxPolicyLines)
	}
	g := &node{word: f[1], of: f[2:]}
	switch f[1] {
	case "any":
		g.least = 1
	case "all":
		g.least = len(g.of)
	default:
		k, err := strconv.Atoi(f[1])
		if err != nil || strconv.Itoa(k) != f[1] || k < 1 || k > len(g.of) {
			return fmt.Errorf("group %q: threshold %q, want any, all or 1 to %d", f[0], f[1], len(g.of))
		}
		g.least = k
	}
	for _, m := range g.of {
		if r.p.nodes[m] == nil {
			return fmt.Errorf("group %q: no witness or group %q above it", f[0], m)
		}
		// So each witness counts towards the quorum in one way only.
		if r.member[m] {
			return fmt.Errorf("group %q: %q is in a group already", f[0], m)
		}
		r.member[m] = true
	}
	return r.define(f[0], g)
}

func (r *policyReader) quorum(f []string) error {
	if len(f) != 1 {
		return fmt.Errorf("want: quorum NAME|none")
	}
	if r.p.quorum != "" {
		return fmt.Errorf("second quorum line")
	}
	if f[0] != none && r.p.nodes[f[0]] == nil {
		return fmt.Errorf("quorum: no witness or group %q above it", f[0])
	}
	r.p.quorum = f[0]
	return nil
}

func (r *policyReader) define(name string, n *node) error {
	if name == none {
		return fmt.Errorf("the name %q is taken", none)
	}
	if r.p.nodes[name] != nil {
		return fmt.Errorf("second witness or group %q", name)
	}
	r.p.nodes[name] = n
	r.p.order = append(r.p.order, name)
	return nil
}

// fresh refuses a second line with the same public key, whatever its name.
func (r *policyReader) fresh(kind, vkey string) error {
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(vkey, "+", 3)[2])
	if err != nil {
		return err
	}
	k := kind + string(raw[1:]) // without the algorithm: it may be one key under two
	if r.keys[k] {
		return fmt.Errorf("second %s with the same public key", kind)
	}
	r.keys[k] = true
	return nil
}

func optionalURL(f []string) (string, error) {
	if len(f) == 0 {
		return "", nil
	}
	u, err := url.Parse(f[0])
	if err != nil {
		return "", fmt.Errorf("malformed URL %q", f[0])
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || strings.ContainsAny(f[0], "?#") {
		return "", fmt.Errorf("URL %q, want http or https with a host, without user, query or fragment", f[0])
	}
	return f[0], nil
}

// String returns the file in one spelling: logs, then witnesses and groups in
// their order, then the quorum. ParsePolicy reads it to an equal policy.
func (p *Policy) String() string {
	var b strings.Builder
	write := func(words ...string) {
		b.WriteString(strings.TrimSuffix(strings.Join(words, " "), " ") + "\n")
	}
	for _, l := range p.logs {
		write("log", l.Key, l.URL)
	}
	for _, name := range p.order {
		if n := p.nodes[name]; n.of == nil {
			w := p.witnesses[n.witness]
			write("witness", name, w.Key.String(), w.URL)
		} else {
			write("group", name, n.word, strings.Join(n.of, " "))
		}
	}
	write("quorum", p.quorum)
	return b.String()
}

// Logs returns the logs that the policy names. None means that the log is
// known from elsewhere; else a checkpoint must be of one of them.
func (p *Policy) Logs() []PolicyLog { return slices.Clone(p.logs) }

// Accepts reports whether the policy names the log with this key, or no log.
func (p *Policy) Accepts(log *LogKey) bool {
	return len(p.logs) == 0 || slices.ContainsFunc(p.logs, func(l PolicyLog) bool {
		return l.Key == log.vkey || l.Key == log.ml.String()
	})
}

// Witnesses returns the witnesses that the policy names, in their order.
func (p *Policy) Witnesses() []PolicyWitness { return slices.Clone(p.witnesses) }

// Keys returns the keys of all witnesses: what OpenCosigned asks for.
func (p *Policy) Keys() []*CosignerKey {
	keys := make([]*CosignerKey, len(p.witnesses))
	for i, w := range p.witnesses {
		keys[i] = w.Key
	}
	return keys
}

// None reports whether the policy demands no witness at all.
func (p *Policy) None() bool { return p.quorum == none }

// Times are the bounds that a quorum of witnesses puts to a checkpoint.
type Times struct {
	// By is the earliest time such that the cosignatures dated until then
	// satisfy the quorum: the checkpoint existed then at the latest.
	By time.Time
	// Since is the latest time such that the cosignatures dated from then on
	// satisfy the quorum: a quorum knew of no larger tree then. What is not in
	// this tree came into the log later, for all that a quorum saw.
	Since time.Time
}

// Evaluate reports whether the cosignatures of one checkpoint satisfy the
// quorum, and its times. They must come from OpenCosigned. With a quorum of
// none every checkpoint satisfies it and the times are zero: nobody vouches.
func (p *Policy) Evaluate(cosignatures []Cosignature) (Times, bool) {
	if p.quorum == none {
		return Times{}, true
	}
	times := make([]int64, len(p.witnesses)) // 0: none
	for _, c := range cosignatures {
		for i, w := range p.witnesses {
			if w.Key.Equal(c.Key) {
				times[i] = c.Time.Unix()
			}
		}
	}
	by, since, ok := p.evaluate(p.quorum, times)
	if !ok {
		return Times{}, false
	}
	return Times{time.Unix(by, 0).UTC(), time.Unix(since, 0).UTC()}, true
}

// evaluate is: the least-th smallest of the members' earliest times and the
// least-th greatest of their latest.
func (p *Policy) evaluate(name string, times []int64) (by, since int64, ok bool) {
	n := p.nodes[name]
	if n.of == nil {
		t := times[n.witness]
		return t, t, t != 0
	}
	var bys, sinces []int64
	for _, m := range n.of {
		if b, s, ok := p.evaluate(m, times); ok {
			bys, sinces = append(bys, b), append(sinces, s)
		}
	}
	if len(bys) < n.least {
		return 0, 0, false
	}
	slices.Sort(bys)
	slices.Sort(sinces)
	return bys[n.least-1], sinces[len(sinces)-n.least], true
}
