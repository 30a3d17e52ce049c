package bag_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody/bag"
)

// acquired makes the bag of dir with an acquisition record.
func acquired(t *testing.T, dir, record string) []byte {
	t.Helper()
	archive, _ := writeWith(t, dir, []byte(record), nil)
	return archive
}

// TestAcquisition: the record travels beside the exhibits, listed in the tag manifest,
// and the bag is otherwise the same.
func TestAcquisition(t *testing.T) {
	const record = "{\"@graph\": []}\n"
	dir := tree(t, map[string]string{"disk.E01": "EVF"})
	for _, text := range []string{record, strings.Repeat("a", bag.MaxAcquisition)} {
		q, got, err := extract(t, bytes.NewReader(acquired(t, dir, text)), bag.Limits{})
		fatalIfErr(t, err)
		onDisk, err := os.ReadFile(filepath.Join(q, id, "acquisition.jsonld"))
		fatalIfErr(t, err)
		if string(got.Acquisition) != text || string(onDisk) != text {
			t.Fatalf("%d bytes came back, %d are on disk, want %d", len(got.Acquisition), len(onDisk), len(text))
		}
		lines, err := bag.ParseManifest(got.TagManifest)
		fatalIfErr(t, err)
		if len(lines) != 4 || lines[0].Path != "acquisition.jsonld" {
			t.Errorf("tag manifest lists %v", lines)
		}
	}
	archive, sum := writeWith(t, dir, []byte(record), nil)
	xs, tags, err := list(bytes.NewReader(archive), claims(archive, sum))
	fatalIfErr(t, err)
	if len(xs) != 1 || !bytes.Equal(tags, sum.TagManifest) {
		t.Errorf("the index lists %v after the tag manifest %q", xs, tags)
	}
	if start := bag.IndexStart(id, sum.Index); string(archive[start:start+int64(len(id))]) != id {
		t.Errorf("at byte %d stands %q, not the header of the tag manifest", start, archive[start:start+40])
	}
	one, err := single(t, bytes.NewReader(archive), xs)
	fatalIfErr(t, err)
	if b, err := os.ReadFile(filepath.Join(one, id, "data", "disk.E01")); err != nil || string(b) != "EVF" {
		t.Errorf("the exhibit by itself is %q, %v", b, err)
	}
	plain, _ := write(t, dir)
	if !bytes.Equal(plain, acquired(t, dir, "")) {
		t.Error("a bag without a record has other bytes")
	}
	_, got, err := extract(t, bytes.NewReader(plain), bag.Limits{})
	fatalIfErr(t, err)
	if got.Acquisition != nil {
		t.Errorf("a bag without a record has %q", got.Acquisition)
	}
}

func TestAcquisitionPlanRefuses(t *testing.T) {
	for record, want := range map[string]string{
		strings.Repeat("a", bag.MaxAcquisition+1): "at most",
		"\xff": "UTF-8",
	} {
		_, err := bag.NewPlan(id, &bag.Inventory{Acquisition: []byte(record)}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("record of %d bytes: error %v, want %q", len(record), err, want)
		}
	}
}

// TestAcquisitionExtractRefuses changes a bag that has a record.
func TestAcquisitionExtractRefuses(t *testing.T) {
	record := tag("acquisition.jsonld", "{}\n")
	with := func(p part) []part { return slices.Insert(good(), 3, p) }
	for _, tt := range []struct {
		name  string
		parts []part
		want  string
	}{
		{"unlisted", with(record), "tagmanifest"},
		{"empty", with(tag("acquisition.jsonld", "")), "must have 1 to"},
		{"too large", with(tag("acquisition.jsonld", strings.Repeat("a", bag.MaxAcquisition+1))), "must have 1 to"},
		{"not UTF-8", with(tag("acquisition.jsonld", "\xff")), "UTF-8"},
		{"twice", slices.Insert(with(record), 4, record), "must stand"},
		{"before bag-info.txt", slices.Insert(good(), 2, record), "must stand"},
		{"after data", slices.Insert(good(), 4, record), "must stand"},
		{"before the index", slices.Insert(good(), 9, record), "must stand"},
		{"at the end", slices.Insert(good(), 10, record), "after the last entry"},
		{"another tag file", with(tag("acquisition.json", "{}\n")), "must stand"},
		{"a folder", with(tag("acquisition.jsonld/", "")), "must stand"},
		{"without what follows", with(record)[:4], "truncated"},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(t, join(tt.parts), bag.Limits{}, tt.want) })
	}
	archive := acquired(t, tree(t, map[string]string{"a": "alpha"}), "{}\n")
	for i := range archive {
		if bytes.HasPrefix(archive[i:], []byte("{}\n")) {
			refused(t, flip(archive, i), bag.Limits{}, "tagmanifest")
			return
		}
	}
	t.Error("no record found in the archive")
}
