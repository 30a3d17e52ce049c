package s3server

import (
	"fmt"
	"strings"

	"comity.example/comity/gateway/objects/s3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Client returns a client of the server and credential of a configuration, which
// can do what package s3 never does: so that somebody can try. The bucket and the
// prefix are for its caller to name.
func Client(cfg *s3.Config) (*minio.Client, error) {
	host, secure := strings.CutPrefix(cfg.Endpoint, "https://")
	host = strings.TrimPrefix(host, "http://")
	tr, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, err
	}
	tr.Proxy = nil
	if secure {
		tr.TLSClientConfig.RootCAs = cfg.RootCAs
	}
	c, err := minio.New(host, &minio.Options{
		Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""), Secure: secure, Region: "us-east-1", Transport: tr,
	})
	if err != nil {
		return nil, fmt.Errorf("reaching %q: %v", cfg.Endpoint, err)
	}
	return c, nil
}
