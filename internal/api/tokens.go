package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/wire"
)

// Tokens is the list of API tokens. AddToken's error is ci.ErrTaken, wrapped, for
// a name that is there, and RevokeToken's ci.ErrNotFound for an id that is not.
type Tokens interface {
	AddToken(ctx context.Context, t ci.Token) error
	Tokens(ctx context.Context) ([]ci.Token, error)
	RevokeToken(ctx context.Context, id string) error
}

const (
	maxTokenName = 100 // characters
	maxTokenCall = 4 << 10
)

// ListTokens answers GET /api/v1/tokens.
func (a *API) ListTokens(w http.ResponseWriter, r *http.Request) {
	all, err := a.Tokens.Tokens(r.Context())
	if err != nil {
		a.internal(w, r, err)
		return
	}
	out := []wire.Token{}
	for _, t := range all {
		out = append(out, wire.OfToken(t))
	}
	reply(w, http.StatusOK, map[string]any{"tokens": out})
}

// CreateToken answers POST /api/v1/tokens with the token, this once. It keeps
// no answer for an Idempotency-Key: the secret would be in it.
func (a *API) CreateToken(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Name    string
		Scope   ci.Scope
		Expires time.Time
	}
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTokenCall))
	in.DisallowUnknownFields()
	now := a.Clock.Now().UTC().Truncate(time.Millisecond)
	switch err := in.Decode(&asked); {
	case err != nil:
		Problem(
			w,
			http.StatusBadRequest,
			`the body is JSON like {"name": "laptop", "scope": "read", "expires": "2027-01-31T00:00:00Z"}`,
		)
		return
	case !goodName(asked.Name):
		Problem(w, http.StatusBadRequest, "name is required: up to 100 characters that say what the token is for")
		return
	case !slices.Contains(ci.Scopes(), asked.Scope):
		Problem(w, http.StatusBadRequest, "scope is required: read, run or admin")
		return
	case !asked.Expires.IsZero() && !asked.Expires.After(now):
		Problem(w, http.StatusBadRequest, "expires is in the past")
		return
	}
	id, secret := newSecret()
	t := ci.Token{
		ID:      id,
		Name:    asked.Name,
		Scope:   asked.Scope,
		Hash:    hashOf(secret),
		Created: now,
		Expires: asked.Expires,
	}
	switch err := a.Tokens.AddToken(r.Context(), t); {
	case errors.Is(err, ci.ErrTaken):
		Problem(w, http.StatusConflict, "there is a token of this name; revoke it first, or take another name")
	case err != nil:
		a.internal(w, r, err)
	default:
		a.Log.Info("token created", "id", id, "name", t.Name, "scope", string(t.Scope), "by", callerOf(r))
		out := wire.OfToken(t)
		out.Token = secret
		w.Header().Set("Cache-Control", "no-store")
		reply(w, http.StatusCreated, out)
	}
}

// goodName reports whether people can read a name in a list.
func goodName(name string) bool {
	return name != "" && strings.TrimSpace(name) == name && utf8.ValidString(name) &&
		utf8.RuneCountInString(name) <= maxTokenName &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// RevokeToken answers DELETE /api/v1/tokens/{token}. The next call with it is refused.
func (a *API) RevokeToken(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "token")
	switch err := a.Tokens.RevokeToken(r.Context(), id); {
	case errors.Is(err, ci.ErrNotFound):
		Problem(w, http.StatusNotFound, "there is no token of this id")
	case err != nil:
		a.internal(w, r, err)
	default:
		a.Log.Info("token revoked", "id", id, "by", callerOf(r))
		reply(w, http.StatusOK, map[string]any{"id": id})
	}
}
