package test_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
)

// home opens an authority's home.
func (h *hostile) home(name string) *agent.Home {
	h.t.Helper()
	home, err := agent.OpenHome(filepath.Join(h.w.dir, name))
	h.must(err)
	return home
}

func (h *hostile) key(id custody.PartyID) *keys.Private {
	h.t.Helper()
	k, err := h.home(id.Authority()).Key(id)
	h.must(err)
	return k
}

// identities are all keys of the recipient's authority with which an age file can be
// opened: the identities of its recipients, and, as age takes Ed25519 keys of SSH,
// the classic half of every signing key; and the relay's recovery identity.
func (h *hostile) identities() []age.Identity {
	h.t.Helper()
	if h.keys != nil {
		return h.keys
	}
	home := h.home("nl")
	list, err := home.Identities()
	h.must(err)
	if len(list) != 2 {
		h.t.Fatalf("nl has %d identities, want its lab's and its backup's", len(list))
	}
	recovery, err := seal.ParseIdentity(h.recovery)
	h.must(err)
	list = append(list, recovery)
	roots, err := home.RootKeys()
	h.must(err)
	signing := slices.Collect(maps.Values(roots))
	for _, role := range []custody.Role{custody.RoleRegistrar, custody.RoleOfficer, custody.RoleAgent} {
		ids, err := home.Own(role)
		h.must(err)
		if len(ids) == 0 {
			h.t.Fatalf("nl has no key of a %s", role)
		}
		for _, id := range ids {
			signing = append(signing, h.key(id))
		}
	}
	for _, k := range signing {
		classic := ed25519.NewKeyFromSeed(k.Seed()[:ed25519.SeedSize])
		i, err := agessh.NewEd25519Identity(classic)
		h.must(err)
		list = append(list, i)
	}
	h.keys = list
	return list
}

// yields reports whether the recipient's keys open anything, of all that the relay
// has and of all that can be put together from it, in which evidence stands. What was
// tried before is not tried again.
func (h *hostile) yields() bool {
	h.t.Helper()
	var pieces, parts [][]byte
	for name, data := range h.everything() {
		pieces = append(pieces, cut(data)...)
		if strings.Contains(name, "/parts/") {
			parts = append(parts, data)
		}
	}
	if len(parts) != 2 {
		h.t.Fatalf("the relay was sent %d parts, want 2", len(parts))
	}
	slices.SortFunc(parts, func(a, b []byte) int { return len(b) - len(a) }) // the last one is shorter
	payloads := append(parts, bytes.Join(parts, nil))
	ids, found := h.identities(), false
	try := func(file io.Reader) {
		r, err := age.Decrypt(file, ids...)
		if err != nil {
			return
		}
		plain, _ := io.ReadAll(r) // what comes before an error counts
		found = found || bytes.Contains(plain, []byte(evidence))
	}
	for _, head := range pieces {
		sum := sha256.Sum256(head)
		if h.tried[sum] {
			continue
		}
		h.tried[sum] = true
		try(bytes.NewReader(head))
		for _, payload := range payloads {
			try(io.MultiReader(bytes.NewReader(head), bytes.NewReader(payload)))
		}
	}
	return found
}

// cut returns bytes as they are, and every age file, and every age header with a
// nonce, that stands in them.
func cut(data []byte) [][]byte {
	const begin, mac, nonce = "age-encryption.org/v1\n", "\n--- ", 16
	list := [][]byte{data}
	for from := 0; ; {
		i := bytes.Index(data[from:], []byte(begin))
		if i < 0 {
			return list
		}
		file := data[from+i:]
		from += i + len(begin)
		list = append(list, file)
		end := bytes.Index(file, []byte(mac))
		if end < 0 {
			continue
		}
		line := bytes.IndexByte(file[end+len(mac):], '\n')
		if head := end + len(mac) + line + 1 + nonce; line >= 0 && head <= len(file) {
			list = append(list, file[:head])
		}
	}
}
