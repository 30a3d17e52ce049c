package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// makeSample writes a small folder of evidence as a lab might have it: logs, a
// chat export, a few pictures, an empty folder, names in several scripts.
func makeSample(dir string) error {
	files := map[string][]byte{
		"README.txt":                       []byte("Sample evidence made by the Comity demonstration. It is of no case.\n"),
		"server/access-2026-03-01.log":     accessLog(),
		"server/empty.log":                 {},
		"chat/тема 1 — обмен.json":         []byte("{\"messages\": []}\n"),
		"chat/100% sure?\nsecond line.txt": []byte("a name with a percent sign and a line break\n"),
		"images/-photo (1).raw":            noise("photo", 3<<20),
		"images/disk.img":                  noise("disk", 24<<20),
		"images/日本語/ファイル.bin":              noise("jp", 70001),
	}
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return fmt.Errorf("making the sample: %w", err)
		}
	}
	return os.MkdirAll(filepath.Join(dir, "seized", "empty folder"), 0o755)
}

func accessLog() []byte {
	var b []byte
	t := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for i := range 2000 {
		b = fmt.Appendf(b, "%s 192.0.2.%d GET /account/%d 200\n", t.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i%250, i)
	}
	return b
}

// noise returns bytes that do not compress and are the same in every run.
func noise(seed string, n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	for i := uint64(0); len(b) < n; i++ {
		h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(seed), i))
		b = append(b, h[:]...)
	}
	return b[:n]
}
