package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/gateway/objects/s3/s3server"
	"comity.example/comity/gateway/objects/s3/s3test"
	"github.com/minio/minio-go/v7"
)

// bucketFlagsOf returns the flags of init for a bucket of a real server.
func bucketFlagsOf(t *testing.T, s *s3test.Server) []string {
	t.Helper()
	dir := t.TempDir()
	access, secret := filepath.Join(dir, "access"), filepath.Join(dir, "secret")
	for path, text := range map[string]string{access: s.Access, secret: s.Secret} {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{
		"--s3-endpoint", s.URL, "--s3-bucket", "evidence", "--s3-ca-file", s.CAFile, "--s3-access-file", access, "--s3-secret-file", secret,
	}
}

// TestBucket: a relay on a bucket. check says what the server enforces, and finds
// the log again that it published; no secret is said or kept.
func TestBucket(t *testing.T) {
	s := s3test.Versitygw(t)
	data := filepath.Join(t.TempDir(), "data")
	args := append([]string{"init", "--origin", "relay.example", "--listen", "127.0.0.1:4433", "--data", data}, bucketFlagsOf(t, s)...)
	if code, _, errs := run(t, args...); code != exitDone {
		t.Fatalf("init: %d %s", code, errs)
	}
	for _, made := range []string{"the bucket was made", "the bucket has versions"} {
		code, out, errs := run(t, "check", "--data", data)
		if code != exitDone {
			t.Fatalf("check: %d %s", code, errs)
		}
		for _, want := range []string{`bucket "evidence" at ` + s.URL, made, "COMPLIANCE holds", "cannot bypass GOVERNANCE", "stays until its lock ends", " entries, checkpoint verified"} {
			if !strings.Contains(out, want) {
				t.Errorf("check says %s, not %q", out, want)
			}
		}
		if !strings.Contains(errs, "probed the object store") || strings.Contains(out+errs, s.Secret) {
			t.Errorf("the log is %s", errs)
		}
	}
	if _, err := os.Stat(filepath.Join(data, storeFolder)); !os.IsNotExist(err) {
		t.Errorf("there is a folder beside the bucket: %v", err)
	}
	code, out, errs := run(t, "fsck", "--deep", "--recovery", filepath.Join(data, "recovery", "identity.txt"), "--data", data)
	if code != exitDone || errs != "" || !strings.HasSuffix(out, "\nclean\n") {
		t.Errorf("fsck: %d %q %q", code, out, errs)
	}
	own := filepath.Join(filepath.Dir(data), "own")
	if err := os.WriteFile(own, []byte(s.Access+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(data, configFile)
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	with := func(access string) string {
		return strings.Replace(string(text), `destroy_access_key_file: ""`, "destroy_access_key_file: "+access+"\n  destroy_secret_key_file: "+access, 1)
	}
	for _, row := range []struct {
		access, want string
		code         int
	}{{own, "is the relay's own", exitError}, {filepath.Join(data, "none"), "reading secret", exitError}} {
		changed := strings.Replace(with(row.access), "\n  destroy_secret_key_file: \"\"", "", 1)
		if err := os.WriteFile(settings, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := run(t, "check", "--data", data); code != row.code || !strings.Contains(errs, row.want) {
			t.Errorf("check with the destroyer %q: %d %s, want %q", row.access, code, errs, row.want)
		}
	}
	if err := os.WriteFile(settings, text, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := s3server.Client(s.RootConfig("evidence", ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.PutObject(t.Context(), "evidence", "elsewhere/x", strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := run(t, "fsck", "--data", data); code != exitVerify || !strings.HasPrefix(out, "orphan: object elsewhere/x: ") {
		t.Errorf("fsck of a bucket with a stray object: %d %q", code, out)
	}
	if err := os.Remove(filepath.Join(data, databaseFile)); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, "check", "--data", data); code != exitVerify {
		t.Errorf("check without the database: %d %s", code, errs)
	}
}

// TestBucketRefused: settings and files that name no bucket to be used.
func TestBucketRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, two := write("key", "hunter2\n"), write("two", "hunter2\nhunter3\n")
	section := func(endpoint, access, ca string) string {
		return "s3: {endpoint: " + endpoint + ", bucket: evidence, access_key_file: " + access + ", secret_key_file: " + good + ", ca_file: " + ca + "}\n"
	}
	for _, tt := range []struct{ name, section, want string }{
		{"no file", section("https://127.0.0.1:1", filepath.Join(dir, "none"), `""`), "reading secret"},
		{"two lines", section("https://127.0.0.1:1", two, `""`), "not one line"},
		{"no certificate", section("https://127.0.0.1:1", good, good), "no certificate"},
	} {
		data, _ := made(t)
		f, err := os.OpenFile(filepath.Join(data, configFile), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(tt.section)
		f.Close()
		code, _, errs := run(t, "check", "--data", data)
		if code != exitError || !strings.Contains(errs, tt.want) || strings.Contains(errs, "hunter") {
			t.Errorf("%s: %d %s, want %q", tt.name, code, errs, tt.want)
		}
	}
	data, _ := made(t)
	if code, _, errs := run(t, "check", "--data", data); code != exitDone {
		t.Fatalf("check: %d %s", code, errs)
	}
	b, err := os.ReadFile(filepath.Join(data, configFile))
	if err != nil {
		t.Fatal(err)
	}
	write("gateway.yaml", string(b)+section("https://127.0.0.1:1", good, `""`))
	if code, _, errs := run(t, "check", "--config", filepath.Join(dir, "gateway.yaml"), "--data", data); code != exitError || !strings.Contains(errs, "holds a log") {
		t.Errorf("a bucket beside a folder: %d %s", code, errs)
	}
	for _, args := range [][]string{{"--s3-bucket", "b"}, {"--s3-endpoint", "http://s3.example", "--s3-bucket", "b", "--s3-access-file", good, "--s3-secret-file", good}} {
		code, _, errs := run(t, append([]string{"init", "--origin", "relay.example", "--listen", "127.0.0.1:1", "--data", filepath.Join(dir, "x")}, args...)...)
		if code != exitUsage {
			t.Errorf("init %q: %d %s", args, code, errs)
		}
	}
}
