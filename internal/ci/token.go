package ci

import (
	"errors"
	"slices"
	"time"
)

// Scope is what the holder of an API token may do; each includes those before it.
type Scope string

// Scopes, from the least.
const (
	ScopeRead  Scope = "read"  // see runs, logs, queue and deliveries, of private repositories too
	ScopeRun   Scope = "run"   // start, retry and cancel
	ScopeAdmin Scope = "admin" // approve forks, retry deliveries, make and revoke tokens
)

// Scopes lists them, from the least.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeRun, ScopeAdmin} }

// Allows reports whether who holds s may do what needs the other.
func (s Scope) Allows(need Scope) bool {
	have, want := slices.Index(Scopes(), s), slices.Index(Scopes(), need)
	return want >= 0 && have >= want
}

// Token is an API token. What its holder sends is not in it, only that one's hash.
type Token struct {
	ID      string
	Name    string // unique
	Scope   Scope
	Hash    []byte // SHA-256
	Created time.Time
	Used    time.Time // to the minute; zero: never
	Expires time.Time // zero: never
}

// Expired reports whether a token is good no more.
func (t Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// ErrTaken: there is one of that name already.
var ErrTaken = errors.New("the name is taken")
