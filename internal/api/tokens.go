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

// Tokens stores API tokens. AddToken returns an error that wraps ci.ErrTaken for a name in use, and
// RevokeToken one that wraps ci.ErrNotFound for an unknown id.
type Tokens interface {
	AddToken(ctx context.Context, t ci.Token) error
	Tokens(ctx context.Context) ([]ci.Token, error)
	RevokeToken(ctx context.Context, id string) error
}

const (
	maxTokenName  = 100 // characters
	maxTokenBytes = 4 << 10
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

// CreateToken answers POST /api/v1/tokens with a new token, which is shown only once. It supports
// no Idempotency-Key, because the stored response would contain the token.
func (a *API) CreateToken(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Name    string
		Scope   ci.Scope
		Expires time.Time
	}
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTokenBytes))
	in.DisallowUnknownFields()
	now := a.Clock.Now().UTC().Truncate(time.Millisecond)
	switch err := in.Decode(&asked); {
	case err != nil:
		Problem(
			w,
			http.StatusBadRequest,
			`the body must be JSON, for example {"name": "laptop", "scope": "read", "expires": "2027-01-31T00:00:00Z"}`,
		)
		return
	case !isValidTokenName(asked.Name):
		Problem(w, http.StatusBadRequest, "name is required: up to 100 characters that say what the token is for")
		return
	case !slices.Contains(ci.Scopes(), asked.Scope):
		Problem(w, http.StatusBadRequest, "scope is required: read, run or admin")
		return
	case !asked.Expires.IsZero() && !asked.Expires.After(now):
		Problem(w, http.StatusBadRequest, "expires is in the past")
		return
	}
	id, secret := newToken()
	t := ci.Token{
		ID:      id,
		Name:    asked.Name,
		Scope:   asked.Scope,
		Hash:    hashToken(secret),
		Created: now,
		Expires: asked.Expires,
	}
	switch err := a.Tokens.AddToken(r.Context(), t); {
	case errors.Is(err, ci.ErrTaken):
		Problem(w, http.StatusConflict, "there is a token of this name; revoke it first, or choose another name")
	case err != nil:
		a.internal(w, r, err)
	default:
		a.Log.Info("token created", "id", id, "name", t.Name, "scope", string(t.Scope), "by", tokenIDOf(r))
		out := wire.OfToken(t)
		out.Token = secret
		w.Header().Set("Cache-Control", "no-store")
		reply(w, http.StatusCreated, out)
	}
}

// isValidTokenName reports whether a name is readable in a list.
func isValidTokenName(name string) bool {
	return name != "" && strings.TrimSpace(name) == name && utf8.ValidString(name) &&
		utf8.RuneCountInString(name) <= maxTokenName &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// RevokeToken answers DELETE /api/v1/tokens/{token}. The token is rejected from the next call on.
func (a *API) RevokeToken(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "token")
	switch err := a.Tokens.RevokeToken(r.Context(), id); {
	case errors.Is(err, ci.ErrNotFound):
		Problem(w, http.StatusNotFound, "there is no token of this id")
	case err != nil:
		a.internal(w, r, err)
	default:
		a.Log.Info("token revoked", "id", id, "by", tokenIDOf(r))
		reply(w, http.StatusOK, map[string]any{"id": id})
	}
}
