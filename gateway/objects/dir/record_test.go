package dir

import "testing"

func FuzzRecord(f *testing.F) {
	f.Add(newRecord(newID(), 8390656, [32]byte{1}).header())
	f.Add(newRecord(newID(), 0, [32]byte{}).json())
	f.Add([]byte(`{"version":"x","size":-1,"digest":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		h := r.header()
		again, err := parseRecord(h)
		if err != nil || again != r || len(h) != headerSize || h[headerSize-1] != '\n' {
			t.Errorf("%+v becomes %q, then %+v, %v", r, h, again, err)
		}
		if !isID(r.Version) || r.info().Version != r.Version || r.info().Size != r.Size {
			t.Errorf("parseRecord(%q) = %+v", b, r)
		}
	})
}
