package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Keys finds the tokens that callers have. The error of Token is ci.ErrNotFound, wrapped, for none.
type Keys interface {
	Token(ctx context.Context, id string) (ci.Token, error)
	TokenUsed(ctx context.Context, id string) error
}

// A token is its prefix, its id and 256 bits of chance: yaci_IIIIIIIIIISSSS...,
// recognisable to who searches files for secrets. Base32, 5 bits a letter.
const (
	tokenPrefix  = "yaci_"
	idLetters    = 10
	tokenLetters = idLetters + 52
)

// newSecret makes the id of a token and what its holder sends.
func newSecret() (id, secret string) {
	raw := make([]byte, 39) // 312 bits: 50 for the id, 256 and a few for the secret
	rand.Read(raw)          // never fails (crypto/rand)
	letters := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))[:tokenLetters]
	return letters[:idLetters], tokenPrefix + letters
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// caller is who called, as far as the holder of a token is somebody.
type caller struct {
	id    string // of the token; empty: that of the configuration
	name  string // of the token, for people to read
	scope ci.Scope
}

type callerKey struct{}

// callerOf is the id of the token that a request came with.
func callerOf(r *http.Request) string {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c.id
}

// nameOf says who called, for people to read: never what the token's holder sends.
func nameOf(r *http.Request) string {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return "api token " + c.name
}

var (
	errNoToken = errors.New(
		"send the header Authorization: Bearer TOKEN, with a token of yaci token create or that of YACI_API_TOKEN",
	)
	errExpired = errors.New("this token has expired; make a new one with yaci token create")
)

// identify finds out whose token a request has: errNoToken or errExpired when it
// is nobody's, any other error when that could not be found out.
func (a *API) identify(r *http.Request) (caller, error) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return caller{}, errNoToken
	}
	if subtle.ConstantTimeCompare(hashOf(secret), hashOf(a.Token)) == 1 && a.Token != "" {
		return caller{name: "YACI_API_TOKEN", scope: ci.ScopeAdmin}, nil
	}
	letters, ok := strings.CutPrefix(secret, tokenPrefix)
	if !ok || len(letters) != tokenLetters {
		return caller{}, errNoToken
	}
	t, err := a.Keys.Token(r.Context(), letters[:idLetters])
	switch {
	case errors.Is(err, ci.ErrNotFound):
		return caller{}, errNoToken
	case err != nil:
		return caller{}, err
	case subtle.ConstantTimeCompare(hashOf(secret), t.Hash) != 1:
		return caller{}, errNoToken
	case t.Expired(a.Clock.Now()):
		return caller{}, errExpired
	}
	if err := a.Keys.TokenUsed(r.Context(), t.ID); err != nil {
		a.Log.Warn("token", "err", err) // which is no reason to refuse
	}
	return caller{t.ID, t.Name, t.Scope}, nil
}

// For returns a guard that lets the holders of tokens with a scope through. It
// answers 401 to those who have none, and 403 to those whose token is for less.
func (a *API) For(need ci.Scope) func(http.HandlerFunc) http.HandlerFunc {
	return func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, err := a.identify(r)
			switch {
			case errors.Is(err, errNoToken), errors.Is(err, errExpired):
				a.unknown(w, r, err)
			case err != nil:
				a.internal(w, r, err)
			case !c.scope.Allows(need):
				Problem(w, http.StatusForbidden, fmt.Sprintf("this token is for %q, and the call needs one for %q", c.scope, need))
			default:
				next(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
			}
		}
	}
}

// unknown answers who could not say who he is, and shortly when that happens often.
func (a *API) unknown(w http.ResponseWriter, r *http.Request, why error) {
	if a.Failures.tooMany(r, time.Now()) {
		w.Header().Set("Retry-After", "60")
		Problem(w, http.StatusTooManyRequests, "too many requests without a good token; try again in a minute")
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="yaci"`)
	Problem(w, http.StatusUnauthorized, why.Error())
}
