package witness

// SetCrash sets what happens at the points between the steps of a cosignature.
func SetCrash(f func(string)) { crash = f }

// Bytes returns the body of a request.
func (r *Request) Bytes() []byte { return r.encode() }

// ParseRequest reads the body of a request.
func ParseRequest(body []byte) (*Request, error) { return parseRequest(body) }
