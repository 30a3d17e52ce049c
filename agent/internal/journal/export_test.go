package journal

import "bytes"

// Reprint parses the records of a frame and prints them again.
func Reprint(b []byte, parts int) ([]byte, error) {
	list, err := parseRecords(b, parts)
	var out []byte
	for _, r := range list {
		out = appendRecord(out, r)
	}
	return out, err
}

// Frames reads a whole file and seals its frames again; whole is the length of what
// is whole in it.
func Frames(file []byte, parts int) (again []byte, whole int64, err error) {
	r, err := newReader(bytes.NewReader(file), int64(len(file)), parts)
	if err != nil {
		return nil, 0, err
	}
	again = []byte(magic)
	for {
		sum := r.sum
		records, err := r.next()
		if err != nil {
			return again, r.off, err
		}
		var b []byte
		for _, rec := range records {
			b = appendRecord(b, rec)
		}
		again, _ = seal(again, sum, b)
	}
}

// Sample is the records of a frame.
func Sample(p Part) []byte {
	return appendPart(append(appendBound(nil, bound{pkg: "abc"}), kindTakeover), &p)
}
