package seal_test

import (
	"math"
	"testing"

	"comity.example/comity/crypto/seal"
	"pgregory.net/rapid"
)

func TestPadme(t *testing.T) {
	for _, tt := range []struct{ n, want int64 }{
		{-1, 0}, {0, 0}, {1, 1}, {2, 2}, {7, 7}, {8, 8}, {9, 10}, {10, 10}, {11, 12},
		{100, 104}, {129, 144}, {1000, 1024}, {1024, 1024}, {1025, 1088},
		{64 << 10, 64 << 10}, {64<<10 + 1, 66 << 10}, {1<<20 + 1, 1<<20 + 1<<15},
		{1<<40 + 1, 1<<40 + 1<<34}, {seal.MaxPlain, seal.MaxPlain},
		{1<<62 + 1, 1<<62 + 1<<56}, {math.MaxInt64 - 1, math.MaxInt64}, {math.MaxInt64, math.MaxInt64},
	} {
		if got := seal.Padme(tt.n); got != tt.want {
			t.Errorf("Padme(%d) = %d, want %d", tt.n, got, tt.want)
		}
	}
}

func TestPadmeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, math.MaxInt64-1).Draw(t, "n") >> rapid.IntRange(0, 62).Draw(t, "shift")
		p := seal.Padme(n)
		if p < n {
			t.Fatalf("Padme(%d) = %d, shorter", n, p)
		}
		if seal.Padme(p) != p {
			t.Fatalf("Padme(%d) = %d is padded again to %d", n, p, seal.Padme(p))
		}
		if seal.Padme(n+1) < p {
			t.Fatalf("Padme(%d) = %d, Padme(%d) = %d: not monotone", n, p, n+1, seal.Padme(n+1))
		}
		bound := 0.12
		if n >= 64<<10 {
			bound = 0.04
		}
		if float64(p-n) > bound*float64(n) {
			t.Fatalf("Padme(%d) = %d adds more than %v", n, p, bound)
		}
	})
}

func TestSizes(t *testing.T) {
	const chunk, enc, part = seal.ChunkSize, seal.EncChunkSize, seal.PartSize
	if part != 8390656 {
		t.Errorf("PartSize = %d, want 8390656", part)
	}
	for _, tt := range []struct {
		plain, payload int64
		parts          int
		last           int64
	}{
		{-1, 0, 0, 0},
		{0, 16, 1, 16},
		{1, 17, 1, 17},
		{chunk - 1, enc - 1, 1, enc - 1},
		{chunk, enc, 1, enc},
		{chunk + 1, enc + 17, 1, enc + 17},
		{seal.PartPlain - 1, part - 1, 1, part - 1},
		{seal.PartPlain, part, 1, part},
		{seal.PartPlain + 1, part + 17, 2, 17},
		{3 * seal.PartPlain, 3 * part, 3, part},
		{seal.MaxPlain, seal.MaxPlain / seal.PartPlain * part, seal.MaxPlain / seal.PartPlain, part},
		{seal.MaxPlain + 1, 0, 0, 0},
		{math.MaxInt64, 0, 0, 0},
	} {
		payload := seal.PayloadSize(tt.plain)
		parts := seal.Parts(payload)
		if payload != tt.payload || parts != tt.parts || seal.PartLen(payload, parts-1) != tt.last {
			t.Errorf("plain %d: payload %d, %d parts, last %d; want %+v", tt.plain, payload, parts, seal.PartLen(payload, parts-1), tt)
		}
		if seal.PartLen(payload, parts) != 0 || seal.PartLen(payload, -1) != 0 {
			t.Errorf("plain %d: parts %d or -1 have a length", tt.plain, parts)
		}
	}
}

func TestPlainSizeRefuses(t *testing.T) {
	const enc = seal.EncChunkSize
	for _, n := range []int64{
		math.MinInt64, -1, 0, 1, 15, enc + 1, enc + 15, enc + 16, 128*enc + 16, 7*enc + 3,
		seal.PayloadSize(seal.MaxPlain) + 1, seal.PayloadSize(seal.MaxPlain) + enc, math.MaxInt64,
	} {
		if got, err := seal.PlainSize(n); err == nil {
			t.Errorf("PlainSize(%d) = %d, want an error", n, got)
		}
	}
}

func TestSizeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.Int64Range(0, seal.MaxPlain-1).Draw(t, "plain") >> rapid.IntRange(0, 47).Draw(t, "shift")
		payload := seal.PayloadSize(plain)
		if got, err := seal.PlainSize(payload); err != nil || got != plain {
			t.Fatalf("PlainSize(PayloadSize(%d)) = %d, %v", plain, got, err)
		}
		if seal.PayloadSize(plain+1) <= payload {
			t.Fatalf("PayloadSize(%d) is not larger than PayloadSize(%d)", plain+1, plain)
		}
		n := seal.Parts(payload)
		if got := int64(n-1)*seal.PartSize + seal.PartLen(payload, n-1); got != payload {
			t.Fatalf("parts of %d add up to %d", payload, got)
		}
	})
}

func TestPlainSizeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.Int64().Draw(t, "payload") >> rapid.IntRange(0, 62).Draw(t, "shift")
		if plain, err := seal.PlainSize(payload); err == nil && seal.PayloadSize(plain) != payload {
			t.Fatalf("PlainSize(%d) = %d, whose payload is %d", payload, plain, seal.PayloadSize(plain))
		}
	})
}
