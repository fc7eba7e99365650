package server

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/yaci-ci/yaci/internal/api"
)

// bodyBudget bounds the bytes of deliveries that are being read at once.
const bodyBudget = 128 << 20

// headers tell browsers to trust nothing here: answers are data, and a page says
// for itself what more it needs.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// budget bounds the bodies that are in memory at once. While there is room, a
// body may be as large as it likes; when there is none, those that have more than
// their share of it are turned away, so that a flood of large bodies does not keep
// a small delivery out.
type budget struct {
	limit int64

	mu     sync.Mutex
	used   int64
	bodies int64
}

var errNoRoom = errors.New("too many large bodies are being read; deliver it again")

// guard counts the bodies of a handler.
func (b *budget) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &countedBody{ReadCloser: r.Body, budget: b}
		b.mu.Lock()
		b.bodies++
		b.mu.Unlock()
		defer counted.leave()
		r.Body = counted
		next.ServeHTTP(&turnedAway{ResponseWriter: w, body: counted}, r)
	})
}

type countedBody struct {
	io.ReadCloser
	budget *budget
	held   int64
	full   bool
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	b := c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used, c.held = b.used+int64(n), c.held+int64(n)
	if b.used > b.limit && c.held > b.limit/b.bodies {
		c.full = true
		return 0, errNoRoom
	}
	return n, err
}

func (c *countedBody) leave() {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	c.budget.used, c.budget.bodies = c.budget.used-c.held, c.budget.bodies-1
}

// turnedAway answers 503 in place of whatever the handler makes of a body that ended early.
type turnedAway struct {
	http.ResponseWriter
	body *countedBody
	done bool
}

func (t *turnedAway) WriteHeader(code int) {
	if t.body.full && !t.done {
		t.done = true
		t.Header().Set("Connection", "close")
		t.Header().Set("Retry-After", "10")
		api.Problem(t.ResponseWriter, http.StatusServiceUnavailable, errNoRoom.Error())
		return
	}
	t.ResponseWriter.WriteHeader(code)
}

func (t *turnedAway) Write(p []byte) (int, error) {
	if t.done {
		return len(p), nil
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController and MaxBytesReader reach the connection.
func (t *turnedAway) Unwrap() http.ResponseWriter { return t.ResponseWriter }
