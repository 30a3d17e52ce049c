package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/config"
)

// TestS3Example: the commented section of the shipped file, with the marks taken
// off, is the section that init writes for a bucket, and is read as it was meant.
func TestS3Example(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "gateway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	head, section, ok := strings.Cut(string(b), "# s3:\n")
	if !ok {
		t.Fatal("the shipped file has no section s3")
	}
	text := head + "s3:\n" + strings.ReplaceAll("\n"+section, "\n# ", "\n")
	c, err := config.LoadGateway(filepath.Join("etc", "gateway.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := config.S3{
		Endpoint: "https://s3.example", Bucket: "comity", Region: "us-east-1",
		AccessKeyFile: filepath.Join("etc", "keys", "s3-access"), SecretKeyFile: filepath.Join("etc", "keys", "s3-secret"),
	}
	if *c.S3 != want {
		t.Errorf("s3 is %+v, want %+v", *c.S3, want)
	}
}

// TestS3RoundTrip: what init writes for a bucket is read as it was given.
func TestS3RoundTrip(t *testing.T) {
	dir := t.TempDir()
	given := config.S3{
		Endpoint: "https://[::1]:9000", Bucket: "a-b", Prefix: "r1/", Region: "eu-1", AccessKeyFile: filepath.Join(dir, "a key"),
		SecretKeyFile: filepath.Join(dir, "s"), DestroyAccessKeyFile: filepath.Join(dir, "d"), DestroySecretKeyFile: filepath.Join(dir, "e"), CAFile: filepath.Join(dir, "ca"), PathStyle: true,
	}
	var recipient string
	for line := range strings.Lines(minimal(t)) {
		if r, ok := strings.CutPrefix(line, "recovery_recipient: "); ok {
			recipient = strings.TrimSpace(r)
		}
	}
	c, err := config.LoadGateway("gateway.yaml", []byte(config.GatewayExample("relay.example", "127.0.0.1:0", recipient, nil, &given)))
	if err != nil || c.S3 == nil || *c.S3 != given {
		t.Errorf("s3 is %+v, %v, want %+v", c.S3, err, given)
	}
}

func TestS3Refuses(t *testing.T) {
	const good = "s3:\n  endpoint: https://s3.example\n  bucket: b\n  access_key_file: a\n  secret_key_file: s\n"
	ok := minimal(t)
	c, err := config.LoadGateway(filepath.Join("etc", "gateway.yaml"), []byte(ok+good))
	if err != nil {
		t.Fatal(err)
	}
	if c.S3.Region != "us-east-1" || c.S3.CAFile != "" || c.S3.SecretKeyFile != filepath.Join("etc", "s") {
		t.Errorf("s3 is %+v", *c.S3)
	}
	for _, row := range []struct{ name, text, want string }{
		{"unknown key", good + "  force: true\n", "force"},
		{"secret in the file", good + "  secret_key: hunter2\n", "secret_key"},
		{"empty section", "s3: {}\n", "endpoint is missing"},
		{"no bucket", strings.Replace(good, "bucket: b", "bucket: \"\"", 1), "bucket is missing"},
		{"no access key", strings.Replace(good, "  access_key_file: a\n", "", 1), "access_key_file is missing"},
		{"no secret key", strings.Replace(good, "  secret_key_file: s\n", "", 1), "secret_key_file is missing"},
		{"half a destroyer", good + "  destroy_access_key_file: d\n", "destroy_secret_key_file"},
		{"plain HTTP", strings.Replace(good, "https://s3.example", "http://10.0.0.1", 1), "not https"},
		{"no scheme", strings.Replace(good, "https://", "", 1), "endpoint is not"},
		{"password in the endpoint", strings.Replace(good, "s3.example", "key:hunter2@s3.example", 1), "endpoint is not"},
		{"path in the endpoint", strings.Replace(good, "s3.example", "s3.example/b", 1), "endpoint is not"},
		{"prefix", good + "  prefix: p\n", "prefix"},
	} {
		_, err := config.LoadGateway("gateway.yaml", []byte(ok+row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want one with %q", row.name, err, row.want)
		}
	}
}
