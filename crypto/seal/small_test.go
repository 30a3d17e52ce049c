package seal_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"comity.example/comity/crypto/seal"
	"filippo.io/age"
)

func TestSmall(t *testing.T) {
	id, r := newKey(t)
	for _, size := range []int{0, 1, seal.ChunkSize - 1, seal.ChunkSize, seal.ChunkSize + 1, 3 * seal.ChunkSize} {
		plain := noise(size)
		file, err := seal.SealSmall(plain, 1<<20, r)
		fatalIfErr(t, err)
		got, err := seal.OpenSmall(file, len(file), id)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("size %d: opened %d bytes, %v", size, len(got), err)
		}
		rd, err := age.Decrypt(bytes.NewReader(file), id)
		fatalIfErr(t, err)
		if got, err := io.ReadAll(rd); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("size %d: age opened %d bytes, %v", size, len(got), err)
		}
		if _, err := seal.SealSmall(plain, len(file), r); err != nil {
			t.Errorf("size %d: sealing with an exact limit: %v", size, err)
		}
		if _, err := seal.SealSmall(plain, len(file)-1, r); err == nil {
			t.Errorf("size %d: sealed beyond the limit", size)
		}
		if got, err := seal.OpenSmall(file, len(file)-1, id); err == nil || got != nil {
			t.Errorf("size %d: opened beyond the limit", size)
		}
		if got, err := seal.OpenSmall(append(file, 0), 1<<20, id); err == nil || got != nil {
			t.Errorf("size %d: opened with a byte after the end", size)
		}
	}
}

func TestOpenSmallRefuses(t *testing.T) {
	id, r := newKey(t)
	other, _ := newKey(t)
	file, err := seal.SealSmall([]byte("report"), 1<<20, r)
	fatalIfErr(t, err)
	x, err := age.GenerateX25519Identity()
	fatalIfErr(t, err)
	var classic bytes.Buffer
	w, err := age.Encrypt(&classic, x.Recipient())
	fatalIfErr(t, err)
	fatalIfErr(t, w.Close())
	badMAC := bytes.Clone(file)
	i := bytes.Index(file, []byte("\n--- ")) + len("\n--- ")
	badMAC[i] = flip(file[i])[0]
	for name, tt := range map[string]struct {
		file []byte
		ids  []age.Identity
	}{
		"classic":     {classic.Bytes(), []age.Identity{x}},
		"bad MAC":     {badMAC, []age.Identity{id}},
		"no identity": {file, nil},
		"empty":       {nil, []age.Identity{id}},
		"head only":   {file[:len(file)-22], []age.Identity{id}},
		"header only": {file[:len(file)-22-16], []age.Identity{id}},
	} {
		if got, err := seal.OpenSmall(tt.file, 1<<20, tt.ids...); err == nil || got != nil {
			t.Errorf("%s: OpenSmall gave %q, %v", name, got, err)
		}
	}
	var none *age.NoIdentityMatchError
	if _, err := seal.OpenSmall(file, 1<<20, other); !errors.As(err, &none) {
		t.Errorf("another identity: %v, want a NoIdentityMatchError", err)
	}
	if got, err := seal.OpenSmall(file, 1<<20, other, id); err != nil || string(got) != "report" {
		t.Errorf("second identity: %q, %v", got, err)
	}
}
