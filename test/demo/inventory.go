package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"comity.example/comity/gateway/objects/s3/s3server"
	"github.com/minio/minio-go/v7"
)

// version is one version of a key, as the server describes it.
type version struct {
	key, id string
	size    int64
	mode    string // of its lock; empty if it has none
	until   string
	latest  bool
}

func (v version) String() string {
	lock := "no lock"
	if v.mode != "" {
		lock = v.mode + " until " + v.until
	}
	return fmt.Sprintf("%s  version %s  %d bytes  %s", v.key, v.id, v.size, lock)
}

// versions asks the server for every version of every key, and for the lock of each.
func (w *world) versions() (list []version, err error) {
	c, err := s3server.Client(w.server.RootConfig(bucketName, ""))
	if err != nil {
		return nil, err
	}
	for o := range c.ListObjectsIter(w.ctx, bucketName, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		v := version{key: o.Key, id: o.VersionID, size: o.Size, latest: o.IsLatest}
		if o.IsDeleteMarker {
			return nil, fmt.Errorf("a delete marker hides %q: the relay makes none", o.Key)
		}
		info, err := c.StatObject(w.ctx, bucketName, o.Key, minio.StatObjectOptions{VersionID: o.VersionID})
		if err != nil {
			return nil, fmt.Errorf("asking for version %q of %q: %w", o.VersionID, o.Key, err)
		}
		v.mode, v.until = info.Metadata.Get("X-Amz-Object-Lock-Mode"), info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date")
		list = append(list, v)
	}
	return list, w.ctx.Err()
}

// inventory prints what lies in the bucket: the files of the package one by one,
// the rest by area.
func (w *world) inventory() error {
	list, err := w.versions()
	if err != nil {
		return err
	}
	var all strings.Builder
	for _, v := range list {
		fmt.Fprintln(&all, v)
	}
	if err := os.WriteFile(w.path("bucket.txt"), []byte(all.String()), 0o600); err != nil {
		return err
	}
	title("12. What lies in the bucket %q, as its server says when root asks (version by version: bucket.txt):", bucketName)
	for _, v := range list {
		if strings.HasPrefix(v.key, "payloads/") || strings.HasPrefix(v.key, "heads/") {
			quote(v.key)
			quote(strings.TrimPrefix(v.String(), v.key))
		}
	}
	for _, line := range areas(list) {
		quote(line)
	}
	return nil
}

// area is what a line says about one area of the bucket.
type area struct {
	name, what string
	keys       map[string]bool
	size       int64
	versions   int
	locked     int
}

// areas sums up what is not listed one by one.
func areas(list []version) (lines []string) {
	all := []*area{
		{name: "annexes/", what: "case papers, sealed to the parties"},
		{name: "log/", what: "the public log: tiles, bundles, checkpoint"},
		{name: "records/", what: "copies of the entries, sealed to the operator's recovery recipient"},
		{name: "-probe/", what: "what the relay tried out on the server"},
		{name: "", what: "anything else"},
	}
	for _, v := range list {
		n := slices.IndexFunc(all, func(a *area) bool { return strings.HasPrefix(v.key, a.name) })
		if strings.HasPrefix(v.key, "payloads/") || strings.HasPrefix(v.key, "heads/") {
			continue
		}
		a := all[n]
		if a.keys == nil {
			a.keys = map[string]bool{}
		}
		a.keys[v.key] = true
		a.size, a.versions = a.size+v.size, a.versions+1
		if t, err := time.Parse(time.RFC3339, v.until); err == nil && time.Now().Before(t) {
			a.locked++
		}
	}
	for _, a := range all {
		if len(a.keys) > 0 {
			lines = append(lines, fmt.Sprintf("%-9s %3d keys in %3d versions, %8d bytes, %d locked: %s", a.name, len(a.keys), a.versions, a.size, a.locked, a.what))
		}
	}
	return lines
}

// find returns the version that counts of the one key with that end.
func find(list []version, end string) (version, error) {
	n := slices.IndexFunc(list, func(v version) bool { return v.latest && strings.HasSuffix(v.key, end) })
	if n < 0 {
		return version{}, fmt.Errorf("no key ends with %q", end)
	}
	return list[n], nil
}
