package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/config"
)

// TestAcquisitionExample loads the shipped example, which uses every key.
func TestAcquisitionExample(t *testing.T) {
	file := filepath.Join("testdata", "acquisition.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadAcquisition(file, b)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Acquisitions[0]
	if c.Examiner != "J. de Vries" || len(c.Acquisitions) != 2 || a.WriteBlocker.Serial != "000ECC58" || a.Tool.Version != "20140813" ||
		a.Notes != "Two bad sectors.\nRead again: the same." || a.Files[0].MediaMD5 == "" || len(c.Acquisitions[1].Device.IMEI) != 2 {
		t.Errorf("the example says %+v", c)
	}
	if got := a.EndedAt().Sub(a.StartedAt()).String(); got != "4h28m5s" || !c.Acquisitions[1].StartedAt().IsZero() {
		t.Errorf("it took %s", got)
	}
}

// TestAcquisitionText: what looks like a number keeps its digits.
func TestAcquisitionText(t *testing.T) {
	c, err := config.LoadAcquisition("a.yaml", []byte("examiner: 007\nacquisitions: [{device: {serial: 0012, imei: [353456789012345]}, tool: {name: t, version: 7.10}, files: [{path: a, md5: 00000000000000000000000000000001}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Acquisitions[0]
	if c.Examiner != "007" || a.Device.Serial != "0012" || a.Device.IMEI[0] != "353456789012345" || a.Tool.Version != "7.10" || a.Files[0].MD5 != "00000000000000000000000000000001" {
		t.Errorf("read %+v", c)
	}
}

func TestAcquisitionRefuses(t *testing.T) {
	const ok = "examiner: e\nacquisitions:\n- device: {kind: k}\n  tool: {name: t}\n  files: [{path: a}]\n"
	if _, err := config.LoadAcquisition("a.yaml", []byte(ok)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", "examiner is missing"},
		{"no act", "examiner: e\n", "acquisitions is missing"},
		{"unknown key", ok + "trust: me\n", "trust"},
		{"unknown hash", strings.Replace(ok, "path: a", "path: a, crc32: x", 1), "crc32"},
		{"repeated key", ok + "examiner: f\n", "already defined"},
		{"second document", ok + "---\nexaminer: f\n", "more than one document"},
		{"no tool", strings.Replace(ok, "name: t", "version: t", 1), "name is missing"},
		{"no file", strings.Replace(ok, "{path: a}", "", 1), "files is missing"},
		{"no path", strings.Replace(ok, "path: a", "notes: a", 1), "path is missing"},
		{"same path", strings.Replace(ok, "{path: a}", "{path: a}, {path: a}", 1), "twice"},
		{"absolute path", strings.Replace(ok, "path: a", "path: /a", 1), "below the folder"},
		{"path outside", strings.Replace(ok, "path: a", "path: ../a", 1), "below the folder"},
		{"path that is none", strings.Replace(ok, "path: a", "path: ..", 1), "below the folder"},
		{"path in another form", strings.Replace(ok, "path: a", "path: b/../a", 1), "below the folder"},
		{"day", ok + "  started: 2026-03-04\n", "not a time"},
		{"no zone", ok + "  ended: 2026-03-04T10:00:00\n", "not a time"},
		{"huge", ok + "#" + strings.Repeat(" ", config.MaxAcquisitionFile), "at most"},
	} {
		_, err := config.LoadAcquisition("a.yaml", []byte(row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one with %q", row.name, err, row.want)
		}
	}
}

func FuzzLoadAcquisition(f *testing.F) {
	f.Add([]byte("examiner: e\nacquisitions: [{device: {kind: k}, tool: {name: t}, files: [{path: a}]}]"))
	f.Add([]byte("acquisitions: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.LoadAcquisition("a.yaml", data)
		if err == nil && (c.Examiner == "" || len(c.Acquisitions) == 0 || len(c.Acquisitions[0].Files) == 0) {
			t.Errorf("accepted %+v", c)
		}
	})
}

func TestVerifiers(t *testing.T) {
	load := func(list string) error {
		_, err := config.LoadAgent("comity.yaml", []byte("authority: nl\nverifiers: "+list+"\n"))
		return err
	}
	here, err := filepath.Abs("ewfverify")
	if err != nil {
		t.Fatal(err)
	}
	for _, ok := range []string{"[]", "['" + here + "']"} {
		if err := load(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{"[ewfverify]", "[./ewfverify]", "['" + filepath.Dir(here) + "/../ewfverify']", "['" + filepath.Join(filepath.Dir(here), "sh") + "']", "['']"} {
		if err := load(bad); err == nil || !strings.Contains(err.Error(), "verifiers") {
			t.Errorf("%s: error %v", bad, err)
		}
	}
	if _, err := config.LoadAgent("comity.yaml", []byte(config.AgentExample("nl"))); err != nil {
		t.Error(err)
	}
}
