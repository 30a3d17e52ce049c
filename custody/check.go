package custody

import (
	"fmt"
	"slices"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/translog"
)

// Limits on what a statement may list.
const (
	maxListings   = 2000
	maxRecipients = 32
	maxSenders    = 64
	// MaxRetentionDays is how long terms may have the relay keep packages. What its store
	// locks nobody can unlock.
	MaxRetentionDays = 3650
	// MaxAnnex is the largest annex in bytes.
	MaxAnnex = 16 << 20
	// MaxRootLife is how long a root may stay in force.
	MaxRootLife = 400 * 24 * time.Hour
	// MaxDirectoryLife is how long a directory may stay in force.
	MaxDirectoryLife = 400 * 24 * time.Hour
)

func bad(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), errField)
}

// checkBody checks what holds for a kind whatever the state of its record.
func checkBody(k Kind, b Body) error {
	h := b.header()
	switch {
	case h.Type != k.typeName():
		return bad("_type %q, want %q", h.Type, k.typeName())
	case h.Nonce.IsZero():
		return bad("nonce is zero")
	case h.Issued.IsZero():
		return bad("issued is missing")
	case h.After != nil && (h.After.Seq < 0 || h.After.Leaf.IsZero()):
		return bad("after names no entry")
	}
	if k == KindRoot || k == KindDirectory {
		if h.Relay != "" {
			return bad("relay %q: a %s is for all relays", h.Relay, k)
		}
	} else if err := CheckOrigin(h.Relay); err != nil {
		return bad("relay: %v", err)
	}
	if err := checkBy(k, h.By); err != nil {
		return err
	}
	return b.check()
}

func checkBy(k Kind, by string) error {
	switch k {
	case KindRelay:
		if err := CheckOrigin(by); err != nil {
			return bad("by: %v", err)
		}
	case KindSeal, KindUnlock, KindRelease, KindReceipt, KindRejection, KindAttestation:
		if p, err := ParsePartyID(by); err != nil || p.Role() != RoleAgent {
			return bad("by %q: want an agent's id", by)
		}
	case KindRecall:
		if p, err := ParsePartyID(by); CheckAuthority(by) != nil && (err != nil || p.Role() != RoleAgent) {
			return bad("by %q: want an agent's id or an authority", by)
		}
	default:
		if err := CheckAuthority(by); err != nil {
			return bad("by: %v", err)
		}
	}
	return nil
}

func (b *Root) check() error {
	ids, err := parseKeys(b.Keys)
	if err != nil {
		return bad("keys: %v", err)
	}
	if err := checkRootKeys(b.Threshold, ids); err != nil {
		return bad("keys: %v", err)
	}
	if b.RegistrarThreshold < 1 || b.RegistrarThreshold > int64(len(b.Registrars)) {
		return bad("registrar_threshold %d of %d registrars", b.RegistrarThreshold, len(b.Registrars))
	}
	if err := checkLife(b.Issued, b.Expires, MaxRootLife); err != nil {
		return err
	}
	if err := checkVersion(b.Version, b.Prev); err != nil {
		return err
	}
	b.members, err = checkListings(b.By, b.Registrars, true)
	return err
}

func (b *Directory) check() error {
	if err := checkVersion(b.Version, b.Prev); err != nil {
		return err
	}
	if err := checkLife(b.Issued, b.Expires, MaxDirectoryLife); err != nil {
		return err
	}
	if b.Root.IsZero() {
		return bad("root is missing")
	}
	r := b.Rules
	for _, n := range []int64{r.Request, r.Review, r.Grant, r.Sensitive, r.Refusal, r.Acceptance, r.Revocation} {
		if n < 1 || n > 16 {
			return bad("rules: a threshold of %d officers, want 1 to 16", n)
		}
	}
	if r.Sensitive < r.Grant {
		return bad("rules: sensitive %d is fewer officers than grant %d", r.Sensitive, r.Grant)
	}
	for i, p := range b.Relays {
		if err := CheckOrigin(p.Origin); err != nil || p.Fingerprint.IsZero() {
			return bad("relays[%d]: malformed", i)
		}
	}
	if err := b.Emergency.check(b.By); err != nil {
		return err
	}
	if err := b.Calendar.check(); err != nil {
		return err
	}
	var err error
	b.members, err = checkListings(b.By, b.Entries, false)
	return err
}

func (b *Suspension) check() error {
	if err := CheckAuthority(b.With); err != nil || b.With == b.By {
		return bad("with %q: want another authority than %q", b.With, b.By)
	}
	reasons, ok := suspensionReasons[b.State]
	switch {
	case !ok:
		return bad("state %q is unknown", b.State)
	case !reasons[b.Reason]:
		return bad("reason %q is unknown of what is %s", b.Reason, b.State)
	case b.After != nil:
		return bad("after: a suspension names the one before it in prev")
	}
	return nil
}

func (b *Relay) check() error {
	ids, err := parseKeys(b.RootKeys)
	if err != nil {
		return bad("root_keys: %v", err)
	}
	if err := checkRootKeys(b.RootThreshold, ids); err != nil {
		return bad("root_keys: %v", err)
	}
	if _, err := keys.ParsePublic(b.Key); err != nil {
		return bad("key: %v", err)
	}
	switch {
	case b.By != b.Header.Relay:
		return bad("by %q speaks for relay %q", b.By, b.Header.Relay)
	case len(b.TLS) == 0 || len(b.TLS) > 8 || slices.ContainsFunc(b.TLS, Digest.IsZero):
		return bad("tls_spki_sha256: want 1 to 8 digests")
	case len(b.Addresses) == 0 || len(b.Addresses) > 16:
		return bad("addresses: want 1 to 16")
	}
	if _, err := translog.ParseLogKey(b.LogKey, b.LogMLDSAKey, b.By); err != nil {
		return bad("log_key, log_mldsa_key: %v", err)
	}
	return checkVersion(b.Version, b.Prev)
}

func (b *Request) check() error {
	if err := CheckAuthority(b.To); err != nil || b.To == b.By {
		return bad("to %q: want another authority than %q", b.To, b.By)
	}
	for _, c := range []struct {
		name, code string
		known      codeSet
	}{{"instrument", b.Instrument, instruments}, {"assistance", b.Assistance, assistances}, {"urgency", b.Urgency, urgencies}} {
		if !c.known[c.code] {
			return bad("%s %q is unknown", c.name, c.code)
		}
	}
	if err := checkCodes("categories", b.Categories, categories, 1); err != nil {
		return err
	}
	if err := checkCodes("sensitive", b.Sensitive, sensitives, 0); err != nil {
		return err
	}
	switch {
	case b.OrderSHA256.IsZero():
		return bad("order_sha256 is missing: a request carries the hash of its signed order")
	case !b.Expires.Time().After(b.Issued.Time()):
		return bad("expires %s is not after issued %s", b.Expires, b.Issued)
	case b.Deadline.Time().After(b.Expires.Time()):
		return bad("deadline %s is after expires %s", b.Deadline, b.Expires)
	}
	if err := checkParties("recipients", b.Recipients, RoleRecipient, b.By, maxRecipients); err != nil {
		return err
	}
	return checkAnnex(&b.Annex)
}

func (b *Review) check() error {
	if err := refs(b.Request); err != nil {
		return err
	}
	if !reviewBodies[b.Body] {
		return bad("body %q is unknown", b.Body)
	}
	if !reviewFindings[b.Finding] {
		return bad("finding %q is unknown", b.Finding)
	}
	return checkAnnex(&b.Annex)
}

func (b *Grant) check() error {
	if err := refs(b.Request); err != nil {
		return err
	}
	if err := b.checkBasis(); err != nil {
		return err
	}
	if err := CheckAuthority(b.To); err != nil || b.To == b.By {
		return bad("to %q: want another authority than %q", b.To, b.By)
	}
	if err := b.Terms.check(b.By, b.To); err != nil {
		return err
	}
	return checkAnnex(b.Annex)
}

// check checks terms of one State for another.
func (t *Terms) check(by, to string) error {
	if t.keeps() {
		if len(t.Senders)+len(t.Recipients) > 0 || t.MaxBytes != 0 || t.RetentionDays != 0 {
			return bad("max_packages 0: who lets nothing move names no senders, no recipients, no bytes and no retention_days")
		}
	} else if err := t.checkMoves(by, to); err != nil {
		return err
	}
	if err := checkCodes("categories", t.Categories, categories, 1); err != nil {
		return err
	}
	if err := checkCodes("sensitive", t.Sensitive, sensitives, 0); err != nil {
		return err
	}
	if t.NotBefore.IsZero() || !t.Expires.Time().After(t.NotBefore.Time()) {
		return bad("expires %s is not after not_before %s", t.Expires, t.NotBefore)
	}
	if !t.DeleteBy.IsZero() && !t.DeleteBy.Time().After(t.NotBefore.Time()) {
		return bad("delete_by %s is not after not_before %s", t.DeleteBy, t.NotBefore)
	}
	if t.Release != "" && (t.Release != ReleaseOrigin || t.keeps()) {
		return bad("release %q: want %q of what moves, or none", t.Release, ReleaseOrigin)
	}
	if err := checkCodes("conditions", t.Conditions, conditionCodes, 0); err != nil {
		return err
	}
	return checkCodes("handling", t.Handling, handlingCodes, 0)
}

// checkMoves checks who may move how much.
func (t *Terms) checkMoves(by, to string) error {
	if err := checkParties("senders", t.Senders, RoleAgent, by, maxSenders); err != nil {
		return err
	}
	if err := checkParties("recipients", t.Recipients, RoleRecipient, to, maxRecipients); err != nil {
		return err
	}
	if t.RetentionDays < 0 || t.RetentionDays > MaxRetentionDays {
		return bad("retention_days %d: want 1 to %d, or none for the relay's own window", t.RetentionDays, MaxRetentionDays)
	}
	if t.MaxBytes < 1 || t.MaxPackages < 1 || t.MaxPackages > 10000 {
		return bad("max_bytes %d, max_packages %d: out of range", t.MaxBytes, t.MaxPackages)
	}
	return nil
}

func (b *Refusal) check() error {
	if err := refs(b.Request); err != nil {
		return err
	}
	if err := checkCodes("grounds", b.Grounds, refusalGrounds, 1); err != nil {
		return err
	}
	return checkAnnex(b.Annex)
}

func (b *Acceptance) check() error { return refs(b.Request, b.Grant) }

func (b *Revocation) check() error {
	if !revocationReasons[b.Reason] {
		return bad("reason %q is unknown", b.Reason)
	}
	return refs(b.Request, b.Grant)
}

func (b *Withdrawal) check() error {
	if !withdrawalReasons[b.Reason] {
		return bad("reason %q is unknown", b.Reason)
	}
	if err := checkAnnex(b.Annex); err != nil {
		return err
	}
	return refs(b.Request)
}

func (b *Closure) check() error {
	if !closureOutcomes[b.Outcome] {
		return bad("outcome %q is unknown", b.Outcome)
	}
	if err := checkAnnex(b.Annex); err != nil {
		return err
	}
	return refs(b.Request)
}

func (b *Seal) check() error {
	if err := refs(b.Request, b.Grant, b.HeadSHA256, b.PayloadRoot, b.InnerSHA256); err != nil {
		return err
	}
	if err := CheckID(b.Package); err != nil {
		return bad("package: %v", err)
	}
	if _, err := seal.PlainSize(b.PayloadSize); err != nil {
		return bad("payload_size: %v", err)
	}
	if b.Parts != int64(seal.Parts(b.PayloadSize)) || b.Delivery < 1 {
		return bad("payload_size %d, parts %d, delivery %d: out of range", b.PayloadSize, b.Parts, b.Delivery)
	}
	if b.Supersedes != "" && (CheckID(b.Supersedes) != nil || b.Supersedes == b.Package) {
		return bad("supersedes %q: want the id of another package", b.Supersedes)
	}
	var ids []PartyID
	for _, r := range b.Recipients {
		if r.Directory.IsZero() || r.Key.IsZero() {
			return bad("recipients: %q lacks its directory or key", r.ID)
		}
		ids = append(ids, r.ID)
	}
	if len(ids) == 0 {
		return bad("recipients: none")
	}
	return checkParties("recipients", ids, RoleRecipient, ids[0].Authority(), maxRecipients)
}

func (b *Unlock) check() error {
	if b.Checkpoint.Size < 1 {
		return bad("checkpoint: size %d", b.Checkpoint.Size)
	}
	return packageRefs(b.Package, b.Request, b.Seal, b.HeadSHA256, b.Acceptance, b.Checkpoint.Root)
}

func (b *Release) check() error {
	if p, err := ParsePartyID(string(b.Recipient)); err != nil || p.Role() != RoleRecipient {
		return bad("recipient %q: want a recipient's id", b.Recipient)
	}
	return packageRefs(b.Package, b.Request, b.Seal, b.Acceptance)
}

func (b *Receipt) check() error {
	if err := b.checkScope(); err != nil {
		return err
	}
	return packageRefs(b.Package, b.Request, b.Seal, b.InnerStatement)
}

func (b *Rejection) check() error {
	if !rejectionReasons[b.Reason] {
		return bad("reason %q is unknown", b.Reason)
	}
	return packageRefs(b.Package, b.Request, b.Seal)
}

func (b *Recall) check() error {
	if !recallReasons[b.Reason] {
		return bad("reason %q is unknown", b.Reason)
	}
	if err := checkAnnex(b.Annex); err != nil {
		return err
	}
	return packageRefs(b.Package, b.Request, b.Seal)
}

func packageRefs(id string, ds ...Digest) error {
	if err := CheckID(id); err != nil {
		return bad("package: %v", err)
	}
	return refs(ds...)
}

func refs(ds ...Digest) error {
	for _, d := range ds {
		if d.IsZero() {
			return bad("a reference is zero")
		}
	}
	return nil
}

// checkRootKeys compares before it converts: where int has 32 bits, a threshold
// of 2^32+1 would count as one.
func checkRootKeys(threshold int64, ids []keys.ID) error {
	if threshold > int64(len(ids)) {
		return fmt.Errorf("root threshold %d of %d keys is impossible", threshold, len(ids))
	}
	_, err := keys.RootFingerprint(int(threshold), ids)
	return err
}

func checkVersion(v int64, prev Digest) error {
	if v < 1 || (v == 1) != prev.IsZero() {
		return bad("version %d with prev %s: the first version has no prev, each later one has", v, prev)
	}
	return nil
}

func checkLife(issued, expires Time, most time.Duration) error {
	d := expires.Time().Sub(issued.Time())
	if d <= 0 || d > most {
		return bad("expires %s is not within %d days after issued %s", expires, most/(24*time.Hour), issued)
	}
	return nil
}

func checkAnnex(a *AnnexRef) error {
	if a != nil && (a.SHA256.IsZero() || a.Size < 1 || a.Size > MaxAnnex) {
		return bad("annex: size %d, want 1 to %d", a.Size, MaxAnnex)
	}
	return nil
}

func checkCodes(name string, list []string, known codeSet, least int) error {
	if len(list) < least {
		return bad("%s: none named", name)
	}
	seen := codeSet{}
	for _, c := range list {
		if !known[c] || seen[c] {
			return bad("%s: %q is unknown or repeated", name, c)
		}
		seen[c] = true
	}
	return nil
}

func checkParties(name string, list []PartyID, role Role, authority string, most int) error {
	if len(list) == 0 || len(list) > most {
		return bad("%s: %d named, want 1 to %d", name, len(list), most)
	}
	seen := map[PartyID]bool{}
	for _, id := range list {
		p, err := ParsePartyID(string(id))
		if err != nil || p.Role() != role || p.Authority() != authority || seen[id] {
			return bad("%s: %q is not a distinct %s of %s", name, id, role, authority)
		}
		seen[id] = true
	}
	return nil
}

func parseKeys(list []string) ([]keys.ID, error) {
	var ids []keys.ID
	for _, s := range list {
		k, err := keys.ParsePublic(s)
		if err != nil {
			return nil, err
		}
		ids = append(ids, k.ID())
	}
	return ids, nil
}
