package seal

import (
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

const (
	recipientPrefix = "age1pq1"
	identityPrefix  = "AGE-SECRET-KEY-PQ-1"
)

// ParseRecipient parses a post-quantum age recipient, age1pq1 and 1,952 more
// characters, exactly as GenerateIdentity and age-keygen -pq print it. Every
// other kind of recipient is refused with the reason; a text that looks like a
// secret key is not repeated in the error.
func ParseRecipient(s string) (*age.HybridRecipient, error) {
	if !strings.HasPrefix(s, recipientPrefix) {
		return nil, refuseRecipient(s)
	}
	r, err := age.ParseHybridRecipient(s)
	// The comparison keeps one spelling per key, so that recipients can be
	// compared as text; age's parser is that strict today, a later one may not
	// be. age's error would repeat all 1,959 characters.
	if err != nil || r.String() != s {
		return nil, fmt.Errorf("parsing recipient %q: damaged or incomplete post-quantum key", clip(s))
	}
	return r, nil
}

// refuseRecipient says why s, which is not a post-quantum recipient, is none
// that we seal to.
func refuseRecipient(s string) error {
	name, why := clip(s), "not an age recipient; "+recipientPrefix+"... is expected"
	switch {
	case strings.Contains(strings.ToUpper(s), "SECRET-KEY") || strings.HasPrefix(strings.ToUpper(s), "AGE-PLUGIN-"):
		return errors.New("parsing recipient: this is a secret identity, not a recipient; give the " + recipientPrefix + "... line that belongs to it")
	case strings.HasPrefix(s, "age1tag1"), strings.HasPrefix(s, "age1tagpq1"):
		why = "hardware tag recipients mark their files, so that anybody who knows the key sees for whom a package is"
	case strings.HasPrefix(s, "age1") && strings.Contains(s[len("age1"):], "1"):
		why = "plugin recipients would run a program chosen by the recipient's name"
	case strings.HasPrefix(s, "age1"):
		why = "a classic X25519 key, which a quantum computer would open later; make one with age-keygen -pq"
	case strings.HasPrefix(s, "ssh-"), strings.HasPrefix(s, "ecdsa-"), strings.HasPrefix(s, "sk-"):
		why = "SSH keys are not post-quantum and mark their files with the key"
	case strings.HasPrefix(s, "-> scrypt"), strings.HasPrefix(s, "scrypt"):
		why = "passphrases can be guessed and allow no other recipient"
	}
	return fmt.Errorf("parsing recipient %q: %s", name, why)
}

// clip shortens a text that is quoted in an error to what identifies it.
func clip(s string) string {
	const limit = 32
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}

// GenerateIdentity makes a new post-quantum age key pair: the secret identity
// (AGE-SECRET-KEY-PQ-1...) and its public recipient (age1pq1...), as the lines
// that age-keygen -pq writes. It fails where FIPSRefusal does.
func GenerateIdentity() (identity, recipient string, err error) {
	if err := FIPSRefusal(); err != nil {
		return "", "", err
	}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return "", "", fmt.Errorf("generating identity: %v", err)
	}
	return id.String(), id.Recipient().String(), nil
}

// ParseIdentity parses a post-quantum age identity, one line without spaces or
// line end. Its recipient is the Recipient method of the result. Errors never
// repeat the text, since a damaged secret is still almost a secret. It fails
// where FIPSRefusal does.
func ParseIdentity(s string) (*age.HybridIdentity, error) {
	if err := FIPSRefusal(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(s, identityPrefix) {
		return nil, errors.New("parsing identity: not a post-quantum age identity; " + identityPrefix + "... is expected")
	}
	id, err := age.ParseHybridIdentity(s)
	if err != nil || id.String() != s {
		return nil, errors.New("parsing identity: damaged or incomplete post-quantum key")
	}
	return id, nil
}

// checkRecipients refuses every list of recipients that is not 1 to
// MaxRecipients post-quantum keys. The type is checked rather than the label,
// because a label is only what a recipient says of itself.
func checkRecipients(recipients []age.Recipient) error {
	if n := len(recipients); n < 1 || n > MaxRecipients {
		return fmt.Errorf("%d recipients; 1 to %d are allowed", n, MaxRecipients)
	}
	for i, r := range recipients {
		if h, ok := r.(*age.HybridRecipient); !ok || h == nil {
			return fmt.Errorf("recipient %d is %T, not a post-quantum age recipient", i, r)
		}
	}
	return nil
}
