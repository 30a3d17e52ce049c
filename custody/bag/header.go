package bag

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The numbers of the tar format (POSIX.1-2017, pax interchange format).
const (
	blockSize = 512
	octalMax  = 1<<33 - 1 // largest number eleven octal digits hold

	typeFile = '0'
	typeDir  = '5'
	typePAX  = 'x'

	paxName  = "PaxHeaders" // name of every extended header; no reader uses it
	paxMTime = "mtime"
	paxPath  = "path"
	paxSize  = "size"
)

// entry is what an archive says about one file or folder; name is the full
// name in the archive and ends with a slash exactly for folders.
type entry struct {
	name  string
	size  int64
	mtime time.Time
}

func (e entry) dir() bool { return strings.HasSuffix(e.name, "/") }

// append adds the one header this format has for e: a ustar block, before it
// an extended header if the block cannot hold a value. Readers compare with
// it, so changing it makes a new format.
func (e entry) append(b []byte) []byte {
	if recs := e.records(); recs != "" {
		b = appendBlock(b, typePAX, entry{name: paxName, size: int64(len(recs)), mtime: stamp()})
		b = append(b, recs...)
		b = append(b, make([]byte, padding(int64(len(recs))))...)
	}
	if e.dir() {
		return appendBlock(b, typeDir, e)
	}
	return appendBlock(b, typeFile, e)
}

// records is the content of the extended header, "" if none is needed.
func (e entry) records() string {
	var b strings.Builder
	if s := e.mtime.Unix(); e.mtime.Nanosecond() != 0 || s < 0 || s > octalMax {
		b.WriteString(record(paxMTime, decimal(e.mtime)))
	}
	if ustarName(e.name) != e.name {
		b.WriteString(record(paxPath, e.name))
	}
	if e.size > octalMax {
		b.WriteString(record(paxSize, strconv.FormatInt(e.size, 10)))
	}
	return b.String()
}

// record is one line "length key=value\n"; the length counts itself.
func record(key, value string) string {
	rest := len(key) + len(value) + 3
	n := rest + len(strconv.Itoa(rest))
	n = rest + len(strconv.Itoa(n))
	return strconv.Itoa(n) + " " + key + "=" + value + "\n"
}

// ustarName is the name for readers that know no extended headers: ASCII,
// at most 100 bytes.
func ustarName(name string) string {
	if len(name) <= 100 && !strings.ContainsFunc(name, notASCII) {
		return name
	}
	s := strings.Map(func(r rune) rune {
		if notASCII(r) {
			return '_'
		}
		return r
	}, name)
	return s[:min(len(s), 100)]
}

func notASCII(r rune) bool { return r >= 0x80 }

// decimal writes t as seconds since 1970 with as many digits as needed.
func decimal(t time.Time) string {
	s, ns, sign := t.Unix(), int64(t.Nanosecond()), ""
	if s < 0 {
		sign, s, ns = "-", -s, -ns
		if ns < 0 {
			s, ns = s-1, ns+1e9
		}
	}
	if ns == 0 {
		return sign + strconv.FormatInt(s, 10)
	}
	return sign + strconv.FormatInt(s, 10) + "." + strings.TrimRight(fmt.Sprintf("%09d", ns), "0")
}

// timeInRange tells whether t fits signed 64-bit nanoseconds (1677 to 2262),
// the range in which every system's calls can set it.
func timeInRange(t time.Time) bool {
	return t.Equal(time.Unix(0, t.UnixNano()))
}

// appendBlock adds the ustar block of e.
func appendBlock(b []byte, typ byte, e entry) []byte {
	start := len(b)
	b = append(b, make([]byte, blockSize)...)
	h := b[start:]
	copy(h, ustarName(e.name))
	mode := int64(0o644)
	if typ == typeDir {
		mode = 0o755
	}
	octal(h[100:108], mode)
	octal(h[108:116], 0) // owner
	octal(h[116:124], 0) // group
	octal(h[124:136], e.size)
	octal(h[136:148], e.mtime.Unix())
	h[156] = typ
	copy(h[257:], "ustar\x0000")
	octal(h[329:337], 0) // device
	octal(h[337:345], 0)
	copy(h[148:156], "        ")
	sum := int64(0)
	for _, c := range h {
		sum += int64(c)
	}
	octal(h[148:155], sum)
	return b
}

// octal fills f with the digits of n and a NUL; a number that does not fit
// stands in the extended header and is 0 here.
func octal(f []byte, n int64) {
	if n < 0 || n > octalMax {
		n = 0
	}
	for i := len(f) - 2; i >= 0; i-- {
		f[i] = byte('0' + n&7)
		n >>= 3
	}
	f[len(f)-1] = 0
}

// padding is the number of zeros after n bytes up to the next block.
func padding(n int64) int64 { return -n & (blockSize - 1) }
