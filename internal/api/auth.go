package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Keys finds the tokens of callers. Token returns an error that wraps ci.ErrNotFound for an unknown
// id.
type Keys interface {
	Token(ctx context.Context, id string) (ci.Token, error)
	MarkTokenUsed(ctx context.Context, id string) error
}

// A token is a prefix, an id and a secret of 256 random bits: yaci_IIIIIIIIIISSSS... The prefix lets
// scanners recognize tokens in files. Base32 encodes 5 bits in a letter.
const (
	tokenPrefix  = "yaci_"
	idLetters    = 10
	tokenLetters = idLetters + 52
)

// newToken returns the id of a new token, and the token itself.
func newToken() (id, secret string) {
	raw := make([]byte, 39) // 312 bits: 50 for the id, 256 and a few for the secret
	rand.Read(raw)          // never fails (crypto/rand)
	letters := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))[:tokenLetters]
	return letters[:idLetters], tokenPrefix + letters
}

// hashToken returns the hash under which a token is stored. A token is random, so it needs no salt
// and no slow hash.
func hashToken(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// caller is the token of a request.
type caller struct {
	id    string // of the token; "": the token of the configuration
	name  string // of the token, for people to read
	scope ci.Scope
}

// callerKey is the key of the caller in the context of a request.
type callerKey struct{}

// tokenIDOf returns the id of the token of a request.
func tokenIDOf(r *http.Request) string {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c.id
}

// callerName names the caller for people, without the token itself.
func callerName(r *http.Request) string {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return "api token " + c.name
}

var (
	errNoToken = errors.New(
		"missing or unknown token: send the header Authorization: Bearer TOKEN with a token of yaci token create, or with " +
			"the value of YACI_API_TOKEN",
	)
	errExpired = errors.New("this token has expired; create a new one with yaci token create")
)

// identify finds the token of a request. The error is errNoToken or errExpired if there is no valid
// one.
func (a *API) identify(r *http.Request) (caller, error) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return caller{}, errNoToken
	}
	if subtle.ConstantTimeCompare(hashToken(secret), hashToken(a.Token)) == 1 && a.Token != "" {
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
	case subtle.ConstantTimeCompare(hashToken(secret), t.Hash) != 1:
		return caller{}, errNoToken
	case t.Expired(a.Clock.Now()):
		return caller{}, errExpired
	}
	if err := a.Keys.MarkTokenUsed(r.Context(), t.ID); err != nil {
		a.Log.Warn("record use of token", "err", err) // no reason to reject the call
	}
	return caller{t.ID, t.Name, t.Scope}, nil
}

// RequireScope returns middleware that admits callers whose token has a scope. It answers 401
// without a valid token, and 403 for a token with a lower scope.
func (a *API) RequireScope(need ci.Scope) func(http.HandlerFunc) http.HandlerFunc {
	return func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, err := a.identify(r)
			switch {
			case errors.Is(err, errNoToken), errors.Is(err, errExpired):
				a.unauthorized(w, r, err)
			case err != nil:
				a.internal(w, r, err)
			case !c.scope.Allows(need):
				Problem(w, http.StatusForbidden, fmt.Sprintf("this token has the scope %q, but the call needs %q", c.scope, need))
			default:
				next(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
			}
		}
	}
}

// unauthorized answers 401, or 429 after too many failures from the same address.
func (a *API) unauthorized(w http.ResponseWriter, r *http.Request, why error) {
	if a.failures.tooMany(r, time.Now()) {
		w.Header().Set("Retry-After", "60")
		Problem(w, http.StatusTooManyRequests, "too many requests without a valid token; try again in a minute")
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="yaci"`)
	Problem(w, http.StatusUnauthorized, why.Error())
}

// Limits of failed authentications of one client. Above them, 429 is answered.
const (
	failuresAllowed = 30
	failuresWithin  = time.Minute
	maxClients      = 10_000 // that are counted at once; above it, counting starts again
)

// failures counts failed authentications by the address of the connection. X-Forwarded-For is not
// used, because clients can set it. The zero value is ready to use.
type failures struct {
	mu     sync.Mutex
	since  time.Time
	counts map[string]int
}

// tooMany counts a failure and reports whether there were too many.
func (f *failures) tooMany(r *http.Request, now time.Time) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.since) > failuresWithin || len(f.counts) >= maxClients {
		f.since, f.counts = now, map[string]int{}
	}
	f.counts[host]++
	return f.counts[host] > failuresAllowed
}
