package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// fault says what went wrong in a call: the end of the context, what the server
// answered, or why it could not be reached. Text from the server is quoted and cut.
func fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var r minio.ErrorResponse
	if errors.As(err, &r) {
		return fmt.Errorf("the server answers %d %.40q: %.200q", r.StatusCode, r.Code, r.Message)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return fmt.Errorf("reaching the server: %v", u.Err)
	}
	return err
}

// answer returns what the server answered to a failed call; its zero value if
// there was no answer.
func answer(err error) (r minio.ErrorResponse) {
	errors.As(err, &r)
	return r
}

// refused reports whether the server understood and said no.
func refused(err error) bool {
	s := answer(err).StatusCode
	return 400 <= s && s <= 499 && s != http.StatusRequestTimeout && s != http.StatusTooManyRequests
}

// absent reports whether the server says that there is no such object or version.
// To a version that it could not have made, a server answers 400. 405 is a delete
// marker that somebody else put there.
func absent(err error, version string) bool {
	r := answer(err)
	switch r.StatusCode {
	case http.StatusNotFound:
		return r.Code != minio.NoSuchBucket
	case http.StatusMethodNotAllowed:
		return true
	case http.StatusBadRequest:
		return version != "" && slices.Contains([]string{"", "400 Bad Request", "InvalidArgument", "NoSuchVersion", "BadRequest"}, r.Code)
	}
	return false
}

// noUpload reports whether the server says that there is no such upload.
func noUpload(err error) bool {
	r := answer(err)
	return r.Code == minio.NoSuchUpload || r.StatusCode == http.StatusNotFound && r.Code != minio.NoSuchBucket
}

// taken reports whether a conditional call found the key taken.
func taken(err error) bool {
	r := answer(err)
	return r.StatusCode == http.StatusPreconditionFailed || r.Code == minio.PreconditionFailed
}

// conflict reports whether two conditional calls met, and the server wants ours
// again.
func conflict(err error) bool {
	return answer(err).Code == "ConditionalRequestConflict"
}

// nested reports whether the server, which keeps keys as files, holds a key that
// is a folder of ours, or the reverse.
func nested(err error) bool {
	return slices.Contains([]string{
		"ObjectParentIsFile", "ExistingObjectIsDirectory", "XMinioObjectExistsAsDirectory", "XMinioParentIsObject",
	}, answer(err).Code)
}

// badParts are the answers to a table of parts that does not fit.
var badParts = []string{
	"InvalidPart", "InvalidPartOrder", "BadDigest", "EntityTooSmall", "InvalidRequest", "MalformedXML", "XAmzContentChecksumMismatch",
}

// putFault is fault for a call that makes something under a key.
func putFault(ctx context.Context, err error) error {
	if nested(err) {
		return fmt.Errorf("%w: a folder of another key, or another is a folder of it", objects.ErrKey)
	}
	return fault(ctx, err)
}
