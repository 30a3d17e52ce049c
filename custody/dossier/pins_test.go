package dossier_test

import (
	"strings"
	"testing"

	"comity.example/comity/custody/dossier"
)

const hex1 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func TestPins(t *testing.T) {
	text := "# from the annex of the agreement\n\nroot nl " + hex1 + "\r\nrelay relay.example " + hex1 + "\nroot de " + hex1
	p, err := dossier.ParsePins([]byte(text))
	fatalIfErr(t, err)
	want := "root de " + hex1 + "\nroot nl " + hex1 + "\nrelay relay.example " + hex1 + "\n"
	if p.String() != want {
		t.Errorf("String: %q, want %q", p.String(), want)
	}
}

func TestPinsRefused(t *testing.T) {
	for _, line := range []string{
		"root nl", "root nl " + hex1 + " x", "root  nl " + hex1, " root nl " + hex1, "root\tnl\t" + hex1,
		"Root nl " + hex1, "witness nl " + hex1, "root NL " + hex1, "root n " + hex1, "root nl/x " + hex1,
		"root nl " + strings.ToUpper(hex1), "root nl " + hex1[:62], "root nl " + hex1 + "00", "root nl " + strings.Repeat("g", 64),
		"root nl " + strings.Repeat("0", 64), "relay Relay.Example " + hex1, "relay  " + hex1, "relay a+b " + hex1,
		"root nl " + hex1 + "\nroot nl " + hex1, "relay a.b " + hex1 + "\nrelay a.b " + hex1, "\x00", "root nl " + hex1 + "\r\r",
	} {
		if p, err := dossier.ParsePins([]byte(line)); err == nil {
			t.Errorf("ParsePins(%q) = %q, want an error", line, p)
		}
	}
	if _, err := dossier.ParsePins(make([]byte, dossier.MaxPins+1)); err == nil {
		t.Error("ParsePins takes a huge file")
	}
}

func FuzzParsePins(f *testing.F) {
	f.Add([]byte("root nl " + hex1 + "\n"))
	f.Add([]byte("# x\nrelay relay.example/a " + hex1 + "\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := dossier.ParsePins(b)
		if err != nil {
			return
		}
		again, err := dossier.ParsePins([]byte(p.String()))
		if err != nil || again.String() != p.String() {
			t.Fatalf("ParsePins(String) of %q: %v", b, err)
		}
	})
}
