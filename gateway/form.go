package gateway

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"comity.example/comity/internal/wire"
)

// formOverhead is what the boundaries and part headers of a form may take.
const formOverhead = 16 << 10

// maxBoundary is the longest boundary (RFC 2046, section 5.1.1).
const maxBoundary = 70

// field is one file part of a form.
type field struct {
	name string
	most int64 // bytes
	need bool
}

// formSize returns the largest body of a form.
func formSize(fields ...field) int64 {
	n := int64(formOverhead)
	for _, f := range fields {
		n += f.most
	}
	return n
}

// readForm reads a multipart/form-data body (RFC 7578) of the file parts named,
// each at most once and nothing else. The bytes are held in memory: the fields'
// limits, and the route's, bound them.
func readForm(r *http.Request, fields ...field) (map[string][]byte, error) {
	mt, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	boundary := params["boundary"]
	if err != nil || mt != "multipart/form-data" || boundary == "" || len(boundary) > maxBoundary {
		return nil, wire.NewProblem(wire.CodeMalformed, "the body must be multipart/form-data")
	}
	form := map[string][]byte{}
	parts := multipart.NewReader(r.Body, boundary)
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, formError(err)
		}
		if err := readField(form, p, fields); err != nil {
			return nil, err
		}
	}
	for _, f := range fields {
		if f.need && form[f.name] == nil {
			return nil, wire.NewProblem(wire.CodeMalformed, fmt.Sprintf("the part %q is missing", f.name))
		}
	}
	return form, nil
}

func readField(form map[string][]byte, p *multipart.Part, fields []field) error {
	for _, f := range fields {
		if p.FormName() != f.name || p.FileName() == "" {
			continue
		}
		if form[f.name] != nil {
			return wire.NewProblem(wire.CodeMalformed, fmt.Sprintf("the part %q stands twice", f.name))
		}
		b, err := io.ReadAll(io.LimitReader(p, f.most+1))
		if err != nil {
			return formError(err)
		}
		if int64(len(b)) > f.most {
			return wire.NewProblem(wire.CodeTooLarge, fmt.Sprintf("the part %q has more than %d bytes", f.name, f.most))
		}
		form[f.name] = b
		return nil
	}
	return wire.NewProblem(wire.CodeMalformed, "there is a part that does not belong to the form")
}

// formError tells a body that is too large from one that is not a form.
func formError(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return wire.NewProblem(wire.CodeMalformed, "the body is not a complete form")
}
