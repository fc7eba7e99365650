package httpserver

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// LimitBodies bounds the bytes of request bodies that next holds in memory at once. While less than limit is in use, a
// body may be of any size. When limit is exceeded, requests that hold more than an equal share of it get 503, so that
// many large bodies do not keep small ones out.
func LimitBodies(limit int64, refuse Refuse, next http.Handler) http.Handler {
	l := &bodyLimiter{limit: limit, refuse: refuse}
	return l.handler(next)
}

// bodyLimiter counts the bytes of all bodies that are being read.
type bodyLimiter struct {
	limit  int64
	refuse Refuse

	mu     sync.Mutex
	used   int64
	bodies int64
}

// errBodiesTooLarge ends the reading of a body; the client gets bodiesTooLarge.
var errBodiesTooLarge = errors.New("too many large request bodies")

const bodiesTooLarge = "Too many large request bodies are being read. Deliver it again."

func (b *bodyLimiter) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &limitedBody{ReadCloser: r.Body, limiter: b}
		b.mu.Lock()
		b.bodies++
		b.mu.Unlock()
		defer body.release()

		r.Body = body
		next.ServeHTTP(&limitedResponse{ResponseWriter: w, body: body}, r)
	})
}

// limitedBody is a request body whose bytes are counted.
type limitedBody struct {
	io.ReadCloser
	limiter  *bodyLimiter
	read     int64
	exceeded bool
}

func (c *limitedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)

	b := c.limiter
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += int64(n)
	c.read += int64(n)
	if b.used > b.limit && c.read > b.limit/b.bodies {
		c.exceeded = true
		return 0, errBodiesTooLarge
	}
	return n, err
}

// release stops counting the body, whose request has ended.
func (c *limitedBody) release() {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	c.limiter.used -= c.read
	c.limiter.bodies--
}

// limitedResponse answers 503 instead of whatever the handler answers to a body that exceeded the limit.
type limitedResponse struct {
	http.ResponseWriter
	body    *limitedBody
	refused bool
}

func (t *limitedResponse) WriteHeader(code int) {
	if !t.body.exceeded || t.refused {
		t.ResponseWriter.WriteHeader(code)
		return
	}
	t.refused = true
	t.Header().Set("Connection", "close")
	t.Header().Set("Retry-After", "10")
	t.body.limiter.refuse(t.ResponseWriter, http.StatusServiceUnavailable, bodiesTooLarge)
}

func (t *limitedResponse) Write(p []byte) (int, error) {
	if t.refused {
		return len(p), nil
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController and http.MaxBytesReader reach the connection.
func (t *limitedResponse) Unwrap() http.ResponseWriter { return t.ResponseWriter }
