package s3

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	retries   = 4         // of a call without a body to stream
	blockSize = 128 << 10 // bytes: the buffer of a running PutPart
)

// client is a bucket on a server, for one credential.
type client struct {
	bucket, prefix, region string
	transport              *http.Transport

	parts *minio.Core // tries once: the body of a part is a stream
	meta  *minio.Core // tries a few times
}

func newClient(cfg *Config) (*client, error) {
	host, secure, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.Bucket == "" || cfg.AccessKey == "" || cfg.SecretKey == "" {
		return nil, errors.New("opening an S3 store: bucket, access key or secret key is missing")
	}
	if err := objects.CheckPrefix(cfg.Prefix); err != nil {
		return nil, err
	}
	c := &client{bucket: cfg.Bucket, prefix: cfg.Prefix, region: cfg.Region, transport: newTransport(cfg)}
	if c.region == "" {
		c.region = "us-east-1"
	}
	opts := minio.Options{
		Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""), Secure: secure, Region: c.region,
		Transport: c.transport, MaxRetries: 1,
		// Not TrailingHeaders: not all servers know them, and the sum of a part
		// is known before it comes.
	}
	if cfg.PathStyle {
		opts.BucketLookup = minio.BucketLookupPath
	}
	if c.parts, err = minio.NewCore(host, &opts); err != nil {
		return nil, fmt.Errorf("opening S3 endpoint %q: %v", cfg.Endpoint, err)
	}
	opts.MaxRetries = retries
	if c.meta, err = minio.NewCore(host, &opts); err != nil {
		return nil, fmt.Errorf("opening S3 endpoint %q: %v", cfg.Endpoint, err)
	}
	return c, nil
}

// parseEndpoint refuses plain HTTP beyond the loopback: somebody in between could
// change what a request for a lock or a deletion says about success.
func parseEndpoint(s string) (host string, secure bool, err error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		// Not the text itself: it may hold a password by mistake.
		return "", false, errors.New("S3 endpoint is not https://HOST or https://HOST:PORT")
	}
	switch ip := net.ParseIP(u.Hostname()); {
	case u.Scheme == "https":
		return u.Host, true, nil
	case u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()):
		return u.Host, false, nil
	}
	return "", false, fmt.Errorf("S3 endpoint %q is not https", u.Scheme+"://"+u.Host)
}

// newTransport speaks HTTP/1.1, one connection for each part in flight. It takes
// no proxy from the environment, where a service inherits what nobody meant.
func newTransport(cfg *Config) *http.Transport {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext:           d.DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 2 * time.Minute,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       time.Minute,
		WriteBufferSize:       blockSize / 2,
		ReadBufferSize:        blockSize / 2,
		DisableCompression:    true, // of answers: a digest is over the bytes as they are
	}
}

// name returns the key in the bucket.
func (c *client) name(key string) string { return c.prefix + key }
