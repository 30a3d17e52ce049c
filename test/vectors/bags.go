package vectors

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	bagID   = "pkg-7f3a"
	tagTime = 315532800  // 1980-01-01, of all that is not below data/
	ourTime = 1700000000 // of what is
)

// member is one member of an archive.
type member struct {
	name    string // below the bag's folder; a folder ends with a slash
	content string
	mtime   int64
	kind    byte         // 0: as the name says
	pax     string       // records of an extended header before it
	edit    func([]byte) // of the ustar block, before its checksum
	raw     []byte       // instead of all that
}

// bytes writes a member as POSIX.1-2017 says, pax interchange format.
func (m member) bytes() []byte {
	if m.raw != nil {
		return m.raw
	}
	var b []byte
	if m.pax != "" {
		b = append(block("PaxHeaders", 'x', int64(len(m.pax)), tagTime, nil), pad(m.pax)...)
	}
	kind := m.kind
	if kind == 0 {
		if kind = '0'; strings.HasSuffix(m.name, "/") || m.name == "" {
			kind = '5'
		}
	}
	b = append(b, block(bagID+"/"+m.name, kind, int64(len(m.content)), m.mtime, m.edit)...)
	return append(b, pad(m.content)...)
}

func block(name string, kind byte, size, mtime int64, edit func([]byte)) []byte {
	h := make([]byte, 512)
	mode := 0o644
	if kind == '5' {
		mode = 0o755
	}
	copy(h, name)
	copy(h[100:], fmt.Sprintf("%07o\x00%07o\x00%07o\x00%011o\x00%011o\x00", mode, 0, 0, size, mtime))
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	copy(h[329:], fmt.Sprintf("%07o\x00%07o\x00", 0, 0))
	if edit != nil {
		edit(h)
	}
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// pad fills content up with zeros to whole blocks.
func pad(content string) []byte {
	return append([]byte(content), make([]byte, -len(content)&511)...)
}

func line(path, content string) string {
	return fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(content)), path)
}

// archive is the members of a whole bag around exhibits; acquisition may be empty.
// Members 0 to 3 are the folder, bagit.txt, bag-info.txt and data/, or one more with
// an acquisition record; the last four are manifest, tag manifest, index and end.
func archive(acquisition string, exhibits ...member) []member {
	files, size := 0, 0
	manifest := ""
	for _, m := range exhibits {
		if !strings.HasSuffix(m.name, "/") {
			files++
			size += len(m.content)
			manifest += line(escape(m.name), m.content)
		}
	}
	bagit := "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
	info := fmt.Sprintf("Source-Organization: nl\nPayload-Oxum: %d.%d\n", size, files)
	tags := line("bag-info.txt", info) + line("bagit.txt", bagit) + line("manifest-sha256.txt", manifest)
	all := []member{tag("", ""), tag("bagit.txt", bagit), tag("bag-info.txt", info)}
	if acquisition != "" {
		all = append(all, tag("acquisition.jsonld", acquisition))
		tags = line("acquisition.jsonld", acquisition) + tags
	}
	all = append(append(all, tag("data/", "")), exhibits...)
	return append(all, tag("manifest-sha256.txt", manifest), tag("tagmanifest-sha256.txt", tags), tag("index.txt", index(all)), member{raw: make([]byte, 1024)})
}

// reindex makes the index anew, of members that were changed.
func reindex(ms []member) []member {
	for i := range ms {
		if ms[i].name == "index.txt" {
			ms[i].content = index(ms[:i])
		}
	}
	return ms
}

func tag(name, content string) member { return member{name: name, content: content, mtime: tagTime} }

func exhibit(path, content string) member {
	return member{name: "data/" + path, content: content, mtime: ourTime}
}

// index lists where the exhibits among members stand.
func index(members []member) string {
	text := "comity/index/v1 kind sha256 offset size mtime path\n"
	off := 0
	for _, m := range members {
		b := m.bytes()
		at := off + len(b) - len(pad(m.content))
		off += len(b)
		path := strings.TrimSuffix(m.name, "/")
		if !strings.HasPrefix(path, "data/") {
			continue
		}
		if m.name == path {
			text += fmt.Sprintf("f %x %d %d %s %s\n", sha256.Sum256([]byte(m.content)), at, len(m.content), m.time(), escape(path))
		} else {
			text += fmt.Sprintf("d - %d 0 %s %s\n", at, m.time(), escape(path))
		}
	}
	return text
}

// time is the modification time in the index.
func (m member) time() string {
	if _, s, ok := strings.Cut(m.pax, "mtime="); ok {
		s, _, _ = strings.Cut(s, "\n")
		return s
	}
	return fmt.Sprint(m.mtime)
}

func escape(path string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(path)
}

func join(members []member) (b []byte) {
	for _, m := range members {
		b = append(b, m.bytes()...)
	}
	return b
}

// record is one record of an extended header.
func record(key, value string) string {
	for n := len(key) + len(value) + 3; ; n++ {
		if s := fmt.Sprintf("%d %s=%s\n", n, key, value); len(s) == n {
			return s
		}
	}
}

func manifests() ([]Vector, error) {
	s := &set{folder: "manifest"}
	a, b := line("data/a", "alpha"), line("data/d/b", "beta")
	for _, tt := range []struct{ name, comment, text string }{
		{"empty", "of a bag without files", ""},
		{"two-files", "one line a file, in the order of path components", a + b},
		{"order", "a folder's files before a name that goes on after the folder's", line("data/a/c", "1") + line("data/a-b", "2") + line("data/a.zip", "3")},
		{"escapes", "the three escapes of RFC 8493", line("data/100%25", "%") + line("data/a%0Ab", "lf") + line("data/c%0Dd", "cr")},
		{"unicode", "names are bytes of UTF-8, in no normal form", line("data/Zu\u0308rich", "decomposed") + line("data/Zürich", "composed")},
	} {
		s.take(tt.name, tt.comment, []byte(tt.text)).set("lines", strings.Count(tt.text, "\n"))
	}
	for _, tt := range []struct{ name, comment, text string }{
		{"no-line-feed", "the last line without its end", (a + b)[:len(a+b)-1]},
		{"crlf", "lines that end with CR LF", strings.ReplaceAll(a, "\n", "\r\n")},
		{"capitals", "a hash in capitals", strings.ToUpper(a[:64]) + a[64:]},
		{"one-space", "one space between hash and path", strings.Replace(a, "  ", " ", 1)},
		{"asterisk", "the mark of binary mode", strings.Replace(a, "  ", " *", 1)},
		{"short-hash", "a hash of another length", a[2:]},
		{"out-of-order", "paths out of order", b + a},
		{"byte-order", "paths in the order of bytes", line("data/a-b", "2") + line("data/a/c", "1")},
		{"twice", "a path twice", a + a},
		{"dots", "a component ..", line("data/../a", "")},
		{"dot", "a component .", line("./data/a", "")},
		{"absolute", "an absolute path", line("/data/a", "")},
		{"empty-component", "two slashes", line("data//a", "")},
		{"trailing-slash", "a path of a folder", line("data/a/", "")},
		{"nul", "a NUL in a path", line("data/a\x00b", "")},
		{"not-utf8", "a path that is not UTF-8", line("data/\xff", "")},
		{"raw-percent", "a percent sign without escape", line("data/100%", "%")},
		{"small-escape", "an escape in small letters", line("data/a%0ab", "lf")},
		{"other-escape", "an escape that is not one of the three", line("data/a%20b", "space")},
		{"no-path", "a hash without a path", a[:66] + "\n"},
		{"empty-line", "an empty line", a + "\n" + b},
	} {
		s.refuse(tt.name, tt.comment, []byte(tt.text))
	}
	return s.list, nil
}

func bags() ([]Vector, error) {
	s := &set{folder: "bag"}
	good := func() []member {
		return archive("", exhibit("a", "alpha"), exhibit("d/", ""), exhibit("d/b", "beta"))
	}
	take := func(name, comment string, ms []member, padding int) {
		tags, last := ms[len(ms)-3], ms[len(ms)-2]
		upTo := join(ms[:len(ms)-1])
		files, size := 0, 0
		for _, m := range ms {
			if strings.HasPrefix(m.name, "data/") && !strings.HasSuffix(m.name, "/") {
				files++
				size += len(m.content)
			}
		}
		sum, isum := sha256.Sum256([]byte(tags.content)), sha256.Sum256([]byte(last.content))
		s.take(name, comment, append(join(ms), make([]byte, padding)...)).set("id", bagID).set("archive-size", len(join(ms))).set("files", files).set("bytes", size).
			set("tagmanifest-sha256", hex.EncodeToString(sum[:])).set("index-offset", len(upTo)-len(pad(last.content))).set("index-size", len(last.content)).set("index-sha256", hex.EncodeToString(isum[:]))
	}
	long := strings.Repeat("n", 120)
	unicode := exhibit("Zürich", "unicode")
	unicode.pax = record("path", bagID+"/data/Zürich")
	unicode.edit = func(h []byte) { copy(h, bagID+"/data/Z_rich\x00") }
	longer := exhibit(long, "long")
	longer.pax = record("path", bagID+"/data/"+long)
	longer.edit = func(h []byte) { clear(h[:100]); copy(h[:100], bagID+"/data/"+long) }
	nano := exhibit("nano", "fraction")
	nano.pax = record("mtime", "1700000000.1234567")
	take("example", "two files and a folder", good(), 0)
	take("padded", "zeros after the end, as whoever seals a bag adds", good(), 3001)
	take("empty", "no files at all", archive(""), 0)
	take("acquisition", "with an acquisition record", archive("{}\n", exhibit("disk.E01", "EVF")), 0)
	take("odd-names", "names and times that need an extended header", archive("", unicode, nano, longer), 0)
	take("escaped", "names that a manifest escapes", archive("", member{name: "data/100%", content: "%", mtime: ourTime}), 0)

	refuse := func(name, comment string, ms []member) { s.refuse(name, comment, join(ms)).set("id", bagID) }
	// Everything but the one thing that is wrong fits, so that a reader who overlooks it
	// takes the bag.
	with := func(name, comment string, ms ...member) { refuse(name, comment, archive("", ms...)) }
	link := func(kind byte, edit func([]byte)) member {
		return member{name: "data/link", mtime: ourTime, kind: kind, edit: edit}
	}
	change := func(name, comment string, i int, f func(*member)) {
		ms := good()
		f(&ms[i])
		if i < 7 {
			reindex(ms)
		}
		refuse(name, comment, ms)
	}
	insert := func(name, comment string, i int, m member) {
		refuse(name, comment, reindex(slices.Insert(good(), i, m)))
	}
	without := func(name, comment string, i int) { refuse(name, comment, reindex(slices.Delete(good(), i, i+1))) }
	edit := func(name, comment string, f func(h []byte)) {
		change(name, comment, 4, func(m *member) { m.edit = f })
	}
	without("no-bagit", "without bagit.txt", 1)
	without("no-manifest", "without its manifest", 7)
	without("no-tagmanifest", "without its tag manifest", 8)
	without("no-index", "without its index", 9)
	without("no-end", "without the two blocks of zeros", 10)
	with("folder-missing", "a file whose folder has no member", exhibit("d/b", "beta"))
	insert("fetch", "with a fetch.txt", 3, tag("fetch.txt", ""))
	insert("another-tag-file", "with a tag file that the format does not have", 3, tag("notes.txt", "x"))
	insert("acquisition-unlisted", "with an acquisition record that the tag manifest does not list", 3, tag("acquisition.jsonld", "{}\n"))
	insert("after-the-manifest", "with a file after the manifest", 8, exhibit("z", ""))
	with("twice", "with a file twice", exhibit("a", "alpha"), exhibit("a", "alpha"))
	with("out-of-order", "with files out of order", exhibit("b", ""), exhibit("a", ""))
	with("byte-order", "with files in the order of bytes", exhibit("a/", ""), exhibit("a-b", ""), exhibit("a/c", ""))
	with("symlink", "with a symbolic link", link('2', func(h []byte) { copy(h[157:], "/etc/passwd") }))
	with("hardlink", "with a hard link", exhibit("a", "alpha"), link('1', func(h []byte) { copy(h[157:], bagID+"/data/a") }))
	with("character-device", "with a character device", link('3', nil))
	with("block-device", "with a block device", link('4', nil))
	with("pipe", "with a named pipe", link('6', nil))
	with("contiguous", "with a file of the kind that is read as a regular one", link('7', nil))
	with("old-file", "with a file of the kind that tar had before ustar", link(0x01, func(h []byte) { h[156] = 0 }))
	with("sparse", "with a sparse file as old GNU tar writes it", link('S', nil))
	with("outside", "with a path that leads out", exhibit("../../etc/passwd", ""))
	with("dot", "with a component .", exhibit("./a", ""))
	with("empty-component", "with two slashes", exhibit("/a", ""))
	insert("absolute", "with an absolute path", 7, member{raw: block("/etc/passwd", '0', 0, ourTime, nil)})
	insert("global-header", "with a global extended header", 4, member{raw: append(block("PaxHeaders", 'g', 13, tagTime, nil), pad("13 comment=x\n")...)})
	insert("gnu-long-name", "with a long name as GNU tar writes it", 4, member{raw: append(block("././@LongLink", 'L', 5, 0, nil), pad("long\x00")...)})
	with("unneeded-pax", "with an extended header that is not needed", member{name: "data/z", mtime: ourTime, pax: record("path", bagID+"/data/z")})
	with("pax-other", "with a record that the format does not have", member{name: "data/z", mtime: ourTime, pax: record("uname", "root")})
	with("pax-zeros", "with a time that has a zero too many", member{name: "data/z", mtime: ourTime, pax: record("mtime", "1700000000.50")})
	with("pax-length", "with a record of a wrong length", member{name: "data/z", mtime: ourTime, pax: strings.Replace(record("mtime", "1700000000.5"), "22", "21", 1)})
	edit("mode", "a member with another mode", func(h []byte) { copy(h[100:], "0000755\x00") })
	edit("owner", "a member with an owner", func(h []byte) { copy(h[108:], "0001750\x00") })
	edit("owner-name", "a member with an owner's name", func(h []byte) { copy(h[265:], "root") })
	edit("magic", "a member of GNU tar", func(h []byte) { copy(h[257:], "ustar  \x00") })
	edit("prefix", "a member whose path is split as ustar does", func(h []byte) {
		clear(h[:100])
		copy(h, "a")
		copy(h[345:], bagID+"/data")
	})
	change("checksum", "a member with a wrong checksum", 4, func(m *member) {
		m.raw = m.bytes()
		m.raw[148]++
	})
	change("tag-time", "a tag file with another time", 1, func(m *member) { m.mtime++ })
	change("other-version", "another version of BagIt", 1, func(m *member) { m.content = strings.Replace(m.content, "1.0", "0.97", 1) })
	change("oxum", "a Payload-Oxum that is wrong", 2, func(m *member) { m.content = strings.Replace(m.content, "9.2", "9.3", 1) })
	change("info-folded", "a value in bag-info.txt over two lines", 2, func(m *member) { m.content = "A: b\n c\n" + m.content })
	change("other-content", "a file that the manifest has another hash for", 4, func(m *member) { m.content = "ALPHA" })
	change("manifest-order", "a manifest out of order", 7, func(m *member) {
		l := strings.SplitAfter(m.content, "\n")
		m.content = l[1] + l[0]
	})
	change("manifest-hash", "a manifest with another hash", 7, func(m *member) { m.content = "0" + m.content[1:] })
	change("tag-hash", "a tag manifest with another hash", 8, func(m *member) { m.content = strings.Repeat("0", 64) + m.content[64:] })
	change("index-offset", "an index that names another place", 9, func(m *member) {
		m.content = strings.Replace(m.content, " 5 1700000000 data/a", " 4 1700000000 data/a", 1)
	})
	change("index-hides", "an index that leaves a file out", 9, func(m *member) { m.content = strings.Join(strings.SplitAfter(m.content, "\n")[:3], "") })
	change("one-zero-block", "one block of zeros at the end", 10, func(m *member) { m.raw = m.raw[:512] })
	change("after-the-end", "a byte after the end that is not zero", 10, func(m *member) { m.raw = append(m.raw, 1) })
	change("second-archive", "another archive after the end", 10, func(m *member) { m.raw = append(m.raw, join(good())...) })
	change("padding-in-member", "a byte after a file's content that is not zero", 4, func(m *member) {
		m.raw = m.bytes()
		m.raw[len(m.raw)-1] = 1
	})
	return s.list, nil
}
