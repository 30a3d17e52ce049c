package dossier

import (
	"crypto"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/custody"
)

const (
	renewalsFolder = "renewals"
	renewalName    = "token.tsr"
	maxRenewals    = 1000
)

// Renewal is a time stamp over the whole dossier as it was before it was added, with a
// hash that the rest does not rest on (RFC 4998, in spirit): what was provable then
// stays provable when the algorithms of its signatures and of its tree have fallen.
type Renewal struct {
	File      string         `json:"file"`
	Hash      string         `json:"hash"`
	Time      custody.Time   `json:"time"`
	Latest    custody.Time   `json:"latest"`
	Authority string         `json:"authority"`
	Root      custody.Digest `json:"root_sha256,omitzero"`
	Until     custody.Time   `json:"certificates_until"`
	Checked   bool           `json:"checked"`
	Late      bool           `json:"late,omitempty"` // no checked stamp that it renews was in its certificates' time any more
}

// Digest returns the hash of all bytes of the dossier, that is what the next renewal
// stamps. Only SHA-512 and SHA3-512 are taken: the rest rests on SHA-256.
func (d *Dossier) Digest(h crypto.Hash) ([]byte, error) {
	if h != crypto.SHA512 && h != crypto.SHA3_512 {
		return nil, fmt.Errorf("hashing dossier: %v is not for renewals", h)
	}
	w := h.New()
	if err := Write(w, d); err != nil {
		return nil, err
	}
	return w.Sum(nil), nil
}

// renewals returns the members with the renewals.
func (d *Dossier) renewals() (list []file, err error) {
	if len(d.Renewals) > maxRenewals {
		return nil, fmt.Errorf("%d renewals, more than %d", len(d.Renewals), maxRenewals)
	}
	for n, t := range d.Renewals {
		list = append(list, file{renewalFile(n), t})
	}
	return list, nil
}

func renewalFile(n int) string { return fmt.Sprintf("%s/%06d/%s", renewalsFolder, n, renewalName) }

// putRenewal stores a renewal. They come in their order.
func (d *Dossier) putRenewal(folder, name string, data []byte) error {
	if n, err := strconv.Atoi(folder); err != nil || name != renewalName || n != len(d.Renewals) {
		return errors.New("renewals must be numbered from 000000 without a gap")
	}
	d.Renewals = append(d.Renewals, data)
	return nil
}

// renewed checks the chain of renewals: each over exactly what was there before it, in
// the order of their times.
func (c *verifier) renewed() error {
	var last *Renewal
	for n, t := range c.d.Renewals {
		before := *c.d
		before.Renewals = c.d.Renewals[:n]
		r, err := c.renewal(&before, t, renewalFile(n))
		if err == nil && last != nil && r.Checked && last.Latest.Time().Sub(r.Latest.Time()) > clockTolerance {
			err = fmt.Errorf("it is dated %s, before %s, which is the date of the one that it renews", r.Time, last.Time)
		}
		if err := c.check(err, "renewal %q", renewalFile(n)); err != nil {
			return err
		}
		r.Late = r.Checked && c.verdict.late(last, r)
		c.verdict.Renewals = append(c.verdict.Renewals, *r)
		if r.Checked {
			last = r
		}
	}
	return nil
}

// late reports whether a renewal came when nothing that it renews was in the time of
// its certificates any more.
func (v *Verdict) late(last, r *Renewal) bool {
	if last != nil {
		return last.Until.Time().Before(r.Time.Time())
	}
	some := false
	for _, s := range v.Stamps {
		if some = some || s.Checked; s.Checked && !s.Until.Time().Before(r.Time.Time()) {
			return false
		}
	}
	return some
}

func (c *verifier) renewal(before *Dossier, token []byte, name string) (*Renewal, error) {
	sums := map[crypto.Hash][]byte{} // a dossier is long: hashed once for each hash
	imprint := func(h crypto.Hash) []byte {
		if _, done := sums[h]; !done {
			sums[h], _ = before.Digest(h) // nil of what is not for renewals
		}
		return sums[h]
	}
	s, err := c.stamp(token, imprint)
	if err != nil {
		return nil, err
	}
	return &Renewal{
		File: name, Hash: s.Hash.String(), Time: statement.At(s.Time), Latest: statement.At(s.Latest()), Authority: s.Authority,
		Root: custody.Digest(s.Root), Until: statement.At(s.Until), Checked: s.Checked,
	}, nil
}

// stamp checks a time stamp down to a named root if it leads to one.
func (c *verifier) stamp(token []byte, imprint timestamp.Imprint) (*timestamp.Stamp, error) {
	if c.pins.Stampers != nil {
		if s, err := timestamp.Verify(token, imprint, c.pins.Stampers); err == nil {
			return s, nil
		}
	}
	return timestamp.Verify(token, imprint, nil)
}

// renewals tells of the renewals.
func (v *Verdict) renewals(b *strings.Builder) {
	if len(v.Renewals) == 0 {
		return
	}
	fmt.Fprintf(b, "\nRenewals\n")
	for _, r := range v.Renewals {
		fmt.Fprintf(b, "  %s  by %q: all of this file but what was added after it existed before %s, by its %s\n", r.Time, r.Authority, r.Latest, r.Hash)
		switch {
		case !r.Checked:
			fmt.Fprintf(b, "      time stamp present, authority not checked: it leads to no certificate that you named\n")
		case r.Late:
			fmt.Fprintf(b, "      it leads to the certificate %s that you named; the certificates of the stamps before it had ended by then\n", r.Root)
		default:
			fmt.Fprintf(b, "      it leads to the certificate %s that you named\n", r.Root)
		}
	}
}
