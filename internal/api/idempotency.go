package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Idempotency stores the responses to requests that must not be executed twice. ClaimIdempotencyKey claims
// a key for a request, or returns what is known about it. SaveIdempotentResponse stores the response; an answer
// without a status releases the key.
type Idempotency interface {
	ClaimIdempotencyKey(ctx context.Context, key, request string) (a ci.IdempotentResponse, claimed bool, err error)
	SaveIdempotentResponse(ctx context.Context, key string, a ci.IdempotentResponse) error
}

// maxKeyBytes limits an idempotency key.
const maxKeyBytes = 255

// Idempotent executes a request with the header Idempotency-Key at most once within 24 hours.
// Repeats with the same token get the stored response (draft-ietf-httpapi-idempotency-key-header).
// Responses with status 500 and above are not stored.
func (a *API) Idempotent(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" {
			next(w, r)
			return
		}
		if len(key) > maxKeyBytes {
			Problem(w, http.StatusBadRequest, "the Idempotency-Key is longer than 255 bytes")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommandBytes))
		if err != nil {
			Problem(w, http.StatusRequestEntityTooLarge, "the body is larger than 256 KiB")
			return
		}
		sum := sha256.Sum256(body)
		request := tokenIDOf(r) + r.Method + " " + r.URL.RequestURI() + " " + hex.EncodeToString(sum[:])
		known, claimed, err := a.Idempotency.ClaimIdempotencyKey(r.Context(), key, request)
		switch {
		case err != nil:
			a.internal(w, r, err)
		case claimed:
			r.Body = io.NopCloser(bytes.NewReader(body))
			a.executeOnce(w, r, key, next)
		case known.Request != request:
			Problem(w, http.StatusUnprocessableEntity, "this Idempotency-Key was used for another request; use a new key for "+
				"each request")
		case known.Status == 0:
			Problem(w, http.StatusConflict, "the request with this Idempotency-Key is still being executed; try again in a "+
				"moment")
		default:
			w.Header().Set("Idempotency-Replayed", "true")
			write(w, known.Status, known.Body)
		}
	}
}

// executeOnce stores the response before the caller gets it, so that a response that somebody has
// seen is never lost.
func (a *API) executeOnce(w http.ResponseWriter, r *http.Request, key string, next http.HandlerFunc) {
	answer := ci.IdempotentResponse{}
	ctx := context.WithoutCancel(r.Context()) // a caller who disconnects must not stop the request halfway
	defer func() {
		if answer.Status == 0 { // it panicked
			a.Idempotency.SaveIdempotentResponse(ctx, key, answer)
		}
	}()
	held := &bufferedResponse{header: http.Header{}}
	next(held, r)
	answer = ci.IdempotentResponse{Status: held.status, Body: held.body.Bytes()}
	if kept := answer; kept.Status < 500 {
		if err := a.Idempotency.SaveIdempotentResponse(ctx, key, kept); err != nil {
			a.Log.Warn("store response for idempotency key", "path", r.URL.Path, "err", err)
		}
	} else if err := a.Idempotency.SaveIdempotentResponse(ctx, key, ci.IdempotentResponse{}); err != nil {
		a.Log.Warn("release idempotency key", "path", r.URL.Path, "err", err)
	}
	write(w, answer.Status, answer.Body)
}

// bufferedResponse is an http.ResponseWriter that keeps the response in memory.
type bufferedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *bufferedResponse) Header() http.Header { return h.header }

func (h *bufferedResponse) WriteHeader(status int) { h.status = status }

func (h *bufferedResponse) Write(b []byte) (int, error) { return h.body.Write(b) }
