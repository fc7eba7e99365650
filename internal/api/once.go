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

// Memory keeps the answers of calls that must not be carried out twice.
type Memory interface {
	BeginAnswer(ctx context.Context, key, request string) (a ci.Answer, claimed bool, err error)
	EndAnswer(ctx context.Context, key string, a ci.Answer) error
}

// maxKey bounds an idempotency key, in bytes.
const maxKey = 255

// Once carries a call with the header Idempotency-Key out once a day: whose
// token repeats it, since the answer was lost, gets the same answer again
// (draft-ietf-httpapi-idempotency-key-header). Answers of 500 and above are not kept.
func (a *API) Once(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" {
			next(w, r)
			return
		}
		if len(key) > maxKey {
			Problem(w, http.StatusBadRequest, "the Idempotency-Key is longer than 255 bytes")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommand))
		if err != nil {
			Problem(w, http.StatusRequestEntityTooLarge, "the body is larger than 256 KiB")
			return
		}
		sum := sha256.Sum256(body)
		request := callerOf(r) + r.Method + " " + r.URL.RequestURI() + " " + hex.EncodeToString(sum[:])
		known, claimed, err := a.Memory.BeginAnswer(r.Context(), key, request)
		switch {
		case err != nil:
			a.internal(w, r, err)
		case claimed:
			r.Body = io.NopCloser(bytes.NewReader(body))
			a.carryOut(w, r, key, next)
		case known.Request != request:
			Problem(w, http.StatusUnprocessableEntity, "this Idempotency-Key was used for another call; take a new one for each")
		case known.Status == 0:
			Problem(w, http.StatusConflict, "the call with this Idempotency-Key is still under way; ask again in a moment")
		default:
			w.Header().Set("Idempotency-Replayed", "true")
			write(w, known.Status, known.Body)
		}
	}
}

// carryOut keeps the answer before the caller has it, so that no answer that
// somebody has seen can be forgotten.
func (a *API) carryOut(w http.ResponseWriter, r *http.Request, key string, next http.HandlerFunc) {
	answer := ci.Answer{}
	ctx := context.WithoutCancel(r.Context()) // a caller who hangs up does not undo what was done
	defer func() {
		if answer.Status == 0 { // it panicked
			a.Memory.EndAnswer(ctx, key, answer)
		}
	}()
	held := &heldAnswer{header: http.Header{}}
	next(held, r)
	answer = ci.Answer{Status: held.status, Body: held.body.Bytes()}
	if kept := answer; kept.Status < 500 {
		if err := a.Memory.EndAnswer(ctx, key, kept); err != nil {
			a.Log.Warn("answer is not kept", "path", r.URL.Path, "err", err)
		}
	} else if err := a.Memory.EndAnswer(ctx, key, ci.Answer{}); err != nil {
		a.Log.Warn("idempotency key is not given back", "path", r.URL.Path, "err", err)
	}
	write(w, answer.Status, answer.Body)
}

// heldAnswer gathers an answer.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header { return h.header }

func (h *heldAnswer) WriteHeader(status int) { h.status = status }

func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }
