package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
)

// MaxBody is the largest delivery that GitHub sends, in bytes; it does not
// deliver larger ones at all (docs.github.com, "Webhook events and payloads").
const MaxBody = 25 << 20

// Delivery is a verified request.
type Delivery struct {
	HookID int64  // X-GitHub-Hook-ID; 0 when absent
	GUID   string // X-GitHub-Delivery; a redelivery has the same
	Body   []byte // the signed bytes
	Event  Event  // what they mean
}

// Sink stores deliveries. Store returns nil only when the delivery would
// survive a crash; storing one twice is not an error. It must be safe for
// concurrent use.
type Sink interface {
	Store(ctx context.Context, d Delivery) error
}

// Handler receives GitHub's webhooks.
type Handler struct {
	secret []byte
	sink   Sink
	log    *slog.Logger
}

// New returns a Handler, or an error if the secret is empty, because everybody could sign deliveries then.
func New(secret string, sink Sink, log *slog.Logger) (*Handler, error) {
	if secret == "" {
		return nil, errors.New("webhook: secret must not be empty")
	}
	return &Handler{secret: []byte(secret), sink: sink, log: log}, nil
}

// ServeHTTP answers 202 when the delivery is stored, 401 without a valid
// signature, 413 over MaxBody, 400 for a signed body that is not its event's,
// and 503 when it could not be stored, so that GitHub lists it as failed and it
// can be delivered again.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > MaxBody {
		http.Error(w, "the body is larger than 25 MiB", http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, "the body is larger than 25 MiB", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the body ended early", http.StatusBadRequest)
		return
	case !verified(h.secret, body, r.Header):
		http.Error(w, "X-Hub-Signature-256 is missing or is not this body's", http.StatusUnauthorized)
		return
	}
	h.accept(w, r, body)
}

func (h *Handler) accept(w http.ResponseWriter, r *http.Request, body []byte) {
	guid := r.Header.Get("X-GitHub-Delivery")
	if guid == "" || len(guid) > 100 {
		http.Error(w, "X-GitHub-Delivery is missing", http.StatusBadRequest)
		return
	}
	ev, err := Decode(r.Header.Get("X-GitHub-Event"), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	hook, _ := strconv.ParseInt(r.Header.Get("X-GitHub-Hook-ID"), 10, 64)
	if err := h.sink.Store(r.Context(), Delivery{
		HookID: hook,
		GUID:   guid,
		Body:   body,
		Event:  ev,
	}); err != nil {
		h.log.Error("store delivery", "guid", guid, "event", ev.Name, "err", err)
		http.Error(w, "not stored; deliver it again", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, acknowledgement(ev)+"\n")
}

func acknowledgement(ev Event) string {
	if ev.Ignored != "" {
		return ev.Ignored
	}
	return "Accepted."
}
