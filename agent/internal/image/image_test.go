package image

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody/bag"
	"comity.example/comity/test/need"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// section is one section of a segment that stands at an offset.
func section(kind string, at int, data []byte) []byte {
	b := make([]byte, ewfDescriptor, ewfDescriptor+len(data))
	copy(b, kind)
	next := at
	if kind != "next" && kind != "done" {
		next += ewfDescriptor + len(data)
	}
	binary.LittleEndian.PutUint64(b[16:], uint64(next))
	binary.LittleEndian.PutUint64(b[24:], uint64(ewfDescriptor+len(data)))
	binary.LittleEndian.PutUint32(b[72:], adler32.Checksum(b[:72]))
	return append(b, data...)
}

// segment is an EWF segment, in the exact form of the specification but for what its
// sections hold.
func segment(n int, last string) []byte {
	b := append(slices.Clone(ewfMagic), 1)
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	b = append(b, 0, 0)
	for _, kind := range []string{"sectors", "table", "table2"} {
		b = append(b, section(kind, len(b), make([]byte, 100))...)
	}
	return append(b, section(last, len(b), nil)...)
}

// segment2 is an EWF version 2 segment of one empty section.
func segment2(n int, last uint32) []byte {
	b := append(slices.Clone(ewf2Magic), 2, 1, 1, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	b = append(b, make([]byte, 16)...)
	d := make([]byte, ewf2Descriptor)
	binary.LittleEndian.PutUint32(d, last)
	binary.LittleEndian.PutUint32(d[24:], ewf2Descriptor)
	binary.LittleEndian.PutUint32(d[60:], adler32.Checksum(d[:60]))
	return append(b, d...)
}

// volume is a Zip file with these names.
func volume(names ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range names {
		f, err := w.Create(n)
		if err == nil {
			_, err = io.WriteString(f, "content of "+n)
		}
		if err != nil {
			panic(err)
		}
	}
	w.SetComment("aff4://685e15cc-d0fb-4dbc-ba47-48117fc77044")
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// find writes files and returns what is recognised, one image a line.
func find(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(p), 0o700))
		check(t, os.WriteFile(p, b, 0o600))
	}
	return findIn(t, dir)
}

func findIn(t testing.TB, dir string) string {
	t.Helper()
	inv, err := bag.Scan(dir)
	check(t, err)
	src, err := bag.OpenFolder(dir)
	check(t, err)
	defer src.Close()
	list, err := Find(src, inv)
	check(t, err)
	var lines []string
	for _, m := range list {
		lines = append(lines, fmt.Sprintf("%s %s %d: %s", m.Format, m.Segments[0].Path, len(m.Segments), strings.Join(m.Findings, "; ")))
	}
	return strings.Join(lines, "\n")
}

func TestFind(t *testing.T) {
	mib := make([]byte, 1<<20)
	for _, tt := range []struct {
		name  string
		files map[string][]byte
		want  string
	}{
		{"nothing", map[string][]byte{"a.txt": nil, "E01": segment(1, "done"), ".E01": segment(1, "done"), "report.123": mib, "setup.exe": nil}, ""},
		{"one segment", map[string][]byte{"a/disk.E01": segment(1, "done")}, "EWF a/disk.E01 1: "},
		{"small letters", map[string][]byte{"disk.e01": segment(1, "next"), "disk.e02": segment(2, "done")}, "EWF disk.e01 2: "},
		{"two images", map[string][]byte{"a.E01": segment(1, "done"), "b.E01": segment(1, "done"), "c/a.E01": segment(1, "done")}, "EWF a.E01 1: \nEWF b.E01 1: \nEWF c/a.E01 1: "},
		{"last missing", map[string][]byte{"a.E01": segment(1, "next"), "a.E02": segment(2, "next")}, "EWF a.E01 2: segment 3 is missing: segment 2 says that another one follows"},
		{"gap", map[string][]byte{"a.E01": segment(1, "next"), "a.E03": segment(3, "next"), "a.E09": segment(9, "done")}, "EWF a.E01 3: segment 2 is missing; segments 4 to 8 are missing"},
		{"first missing", map[string][]byte{"a.E02": segment(2, "done")}, "EWF a.E02 1: segment 1 is missing"},
		{"another number", map[string][]byte{"a.E01": segment(1, "next"), "a.E02": segment(7, "done")}, "EWF a.E01 2: \"a.E02\" is segment 2 by its name, 7 by its content"},
		{"copied", map[string][]byte{"a.E01": segment(1, "next"), "a.E02": segment(1, "next"), "a.E03": segment(3, "done")}, "EWF a.E01 3: \"a.E02\" is segment 2 by its name, 1 by its content"},
		{"no segment", map[string][]byte{"a.E01": segment(1, "next"), "a.E02": []byte("hello"), "a.E03": segment(3, "done")}, "EWF a.E01 3: \"a.E02\" does not begin like a segment"},
		{"cut off", map[string][]byte{"a.E01": segment(1, "done")[:300]}, "EWF a.E01 1: \"a.E01\" does not end like a segment: it is cut off or damaged"},
		{"after the last", map[string][]byte{"a.E01": segment(1, "done"), "a.E02": segment(2, "done")}, "EWF a.E01 2: \"a.E01\" says that it is the last segment, but others follow"},
		{"not an image", map[string][]byte{"a.E01": mib, "a.L01": nil}, ""},
		{"version 2", map[string][]byte{"a.Ex01": segment2(1, ewf2Next), "a.Ex02": segment2(2, ewf2Done)}, "EWF2 a.Ex01 2: "},
		{"version 2, last missing", map[string][]byte{"a.Ex01": segment2(1, ewf2Next)}, "EWF2 a.Ex01 1: segment 2 is missing: segment 1 says that another one follows"},
		{"version 2, cut off", map[string][]byte{"a.Ex01": segment2(1, ewf2Done)[:90]}, "EWF2 a.Ex01 1: \"a.Ex01\" does not end like a segment: it is cut off or damaged"},
		{"AFF4", map[string][]byte{"a.aff4": volume("version.txt", "information.turtle"), "b.AFF4": volume("container.description")}, "AFF4 a.aff4 1: \nAFF4 b.AFF4 1: "},
		{"AFF4, cut off", map[string][]byte{"a.aff4": volume("information.turtle")[:60]}, "AFF4 a.aff4 1: \"a.aff4\" has no directory at its end: it is cut off or damaged"},
		{"another Zip file", map[string][]byte{"a.aff4": volume("x"), "b.aff4": []byte("hello")}, ""},
		{"raw", map[string][]byte{"a.dd": mib, "b.raw": mib, "c.IMG": mib, "d.raw": mib[:1<<20-1], "e.img": mib[:512]}, "raw a.dd 1: \nraw b.raw 1: \nraw c.IMG 1: "},
		{"pieces", map[string][]byte{"a.001": mib, "a.002": mib, "a.003": mib[:512]}, "raw a.001 3: "},
		{"pieces from 0", map[string][]byte{"a.dd.000": mib, "a.dd.001": mib[:10]}, "raw a.dd.000 2: "},
		{"piece missing", map[string][]byte{"a.001": mib, "a.003": mib}, "raw a.001 2: segment 2 is missing"},
		{"first piece missing", map[string][]byte{"a.002": mib, "a.003": mib}, "raw a.002 2: segment 1 is missing"},
		{"piece too short", map[string][]byte{"a.001": mib, "a.002": mib[:512], "a.003": mib}, "raw a.001 3: segment 2 has 512 bytes, the first one has 1048576"},
		{"pieces of an archive", map[string][]byte{"a.7z.001": []byte("7z\xbc\xaf\x27\x1c"), "b.001": volume("x"), "c.001": segment(1, "done")}, ""},
	} {
		if got := find(t, tt.files); got != tt.want {
			t.Errorf("%s: found\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestTwice needs a file system that tells capitals apart.
func TestTwice(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "a.E01"), segment(1, "done"), 0o600))
	if _, err := os.Stat(filepath.Join(dir, "a.e01")); err == nil {
		t.Skip("capitals do not count here")
	}
	check(t, os.WriteFile(filepath.Join(dir, "a.e01"), segment(1, "done"), 0o600))
	want := "segment 1 is there twice, as \"a.E01\" and as \"a.e01\""
	if got := findIn(t, dir); !strings.Contains(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestNames counts on from 99.
func TestNames(t *testing.T) {
	for ext, want := range map[string]string{
		"E01": "EWF 1", "e99": "EWF 99", "E00": "", "EAA": "EWF 100", "EAZ": "EWF 125", "EBA": "EWF 126", "EZZ": "EWF 775", "FAA": "EWF 776", "ZZZ": "EWF 14971",
		"S01": "EWF 1", "L42": "EWF 42", "DAA": "", "E1": "", "E001": "", "EA1": "", "txt": "EWF 10857",
		"Ex01": "EWF2 1", "EX99": "EWF2 99", "ExAA": "EWF2 100", "EzZZ": "EWF2 2127", "EwAA": "", "Lx07": "EWF2 7", "Sx01": "",
	} {
		f, series, n := ewfNumber(ext)
		if n == 0 {
			f, n = ewfLetters(ext, 'E')
		} else if series != upper(ext[0]) {
			t.Errorf("%s is of the series %c", ext, series)
		}
		got := ""
		if n > 0 {
			got = fmt.Sprint(f, " ", n)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", ext, got, want)
		}
	}
	files := map[string][]byte{"x.txt": nil, "readme.txt": nil}
	for n := 1; n <= 101; n++ {
		name, last := fmt.Sprintf("x.E%02d", n), "next"
		if n > 99 {
			name = "x.EA" + string(rune('A'+n-100))
		}
		if n == 101 {
			last = "done"
		}
		files[name] = segment(n, last)
	}
	if got, want := find(t, files), "EWF x.E01 101: "; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	delete(files, "x.EAA")
	if got, want := find(t, files), "EWF x.E01 100: segment 100 is missing"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestManyFindings bounds what is said.
func TestManyFindings(t *testing.T) {
	files := map[string][]byte{}
	for n := 1; n < 99; n += 2 {
		files[fmt.Sprintf("x.E%02d", n)] = segment(n, "next")
	}
	got := find(t, files)
	if strings.Count(got, ";") != maxFindings-1 || !strings.HasSuffix(got, "there is more") {
		t.Errorf("found %q", got)
	}
}

// TestRealEWF reads what another program writes, in all formats that it knows.
func TestRealEWF(t *testing.T) {
	program := need.Program(t, "ewfacquirestream")
	media := bytes.Repeat([]byte("0123456789abcdef"), 5<<16) // 5 MiB
	for format, ext := range map[string]string{"encase6": "E", "encase5": "E", "ftk": "E", "ewfx": "e"} {
		dir := t.TempDir()
		cmd := exec.Command(program, "-q", "-f", format, "-c", "none", "-S", "1048576", "-t", filepath.Join(dir, "disk"))
		cmd.Stdin = bytes.NewReader(media)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", format, err, out)
		}
		files, err := filepath.Glob(filepath.Join(dir, "disk.*01"))
		check(t, err)
		all, err := os.ReadDir(dir)
		check(t, err)
		want := fmt.Sprintf("EWF %s %d: ", filepath.Base(files[0]), len(all))
		if got := findIn(t, dir); got != want || len(all) < 5 {
			t.Errorf("%s: found %q, want %q", format, got, want)
		}
		last := filepath.Join(dir, fmt.Sprintf("disk.%s%02d", ext, len(all)))
		check(t, os.Rename(last, last+".away"))
		if got := findIn(t, dir); !strings.Contains(got, fmt.Sprintf("segment %d is missing", len(all))) {
			t.Errorf("%s without its last segment: found %q", format, got)
		}
	}
}

// FuzzEWF: no input makes the reader fail, loop or read outside.
func FuzzEWF(f *testing.F) {
	f.Add(segment(1, "next"))
	f.Add(segment(65535, "done"))
	f.Add(segment2(1, ewf2Done))
	f.Add(segment2(1<<20, ewf2Next))
	f.Add(segment(0, "done"))
	f.Add(segment2(0, ewf2Done))
	f.Add(append(slices.Clone(ewfMagic), section("x", 13, nil)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for _, size := range []int64{int64(len(b)), int64(len(b)) + 1000, 0} {
			if n, end, err := readEWF(r, size); err != nil || n < 0 || n == 0 && end != endDamaged {
				t.Errorf("segment %d, ending %d, %v", n, end, err)
			}
			if n, end, err := readEWF2(r, size); err != nil || n < 0 || n > 1<<20 || end > endDone {
				t.Errorf("segment %d, ending %d, %v", n, end, err)
			}
		}
	})
}

func FuzzAFF4(f *testing.F) {
	f.Add(volume("information.turtle"))
	f.Add(volume("a", "container.description"))
	f.Add(volume("information.turtle")[:80])
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, size := range []int64{int64(len(b)), int64(len(b)) + 1000, 4} {
			if ok, whole, err := readAFF4(bytes.NewReader(b), size); err != nil || whole && !ok {
				t.Errorf("%v, %v, %v", ok, whole, err)
			}
		}
	})
}
