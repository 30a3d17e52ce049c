package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/config"
)

func TestTimestamps(t *testing.T) {
	load := func(text string) (*config.Gateway, error) {
		return config.LoadGateway(filepath.Join("etc", "gateway.yaml"), []byte(minimal(t)+text))
	}
	c, err := load("timestamps:\n- {url: 'http://tsa.example/', roots: tsa.pem}\n- {url: 'https://b.example/ts?x=1', roots: /etc/b.pem, policy: 1.2.3, interval_minutes: 60}\n")
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Timestamps[0], c.Timestamps[1]
	if a.Roots != filepath.Join("etc", "tsa.pem") || a.Interval() != 10*time.Minute || b.Roots != "/etc/b.pem" || b.Policy != "1.2.3" || b.Interval() != time.Hour {
		t.Errorf("read %+v and %+v", a, b)
	}
	for text, want := range map[string]string{
		"- {roots: a}": "url is not", "- {url: 'ftp://a/', roots: a}": "url is not", "- {url: 'https://u:secret@a/', roots: a}": "url is not",
		"- {url: 'http://a/'}": "are missing", "- {url: 'http://a/', roots: a, policy: x}": "not an object identifier",
		"- {url: 'http://a/', roots: a, interval_minutes: 1441}": "interval_minutes", "- {url: 'http://a/', roots: a, root: b}": "field root not found",
		"- {url: 'http://a/', roots: a}\n- {url: 'http://a/', roots: b}":                                 "twice",
		"- {url: 'http://a/', roots: a}\n- {url: 'http://b/', roots: b}\n- {url: 'http://c/', roots: b}": "more than 2",
	} {
		if _, err := load("timestamps:\n" + text + "\n"); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
