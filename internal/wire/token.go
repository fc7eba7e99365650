package wire

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Token is an API token.
type Token struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Scope   ci.Scope   `json:"scope"`
	Created time.Time  `json:"created"`
	Used    *time.Time `json:"last_used,omitempty"` // to the minute
	Expires *time.Time `json:"expires,omitempty"`
	Token   string     `json:"token,omitempty"` // what its holder sends; told once
}

// OfToken is a token as JSON tells of it, without what its holder sends.
func OfToken(t ci.Token) Token {
	return Token{
		ID:      t.ID,
		Name:    t.Name,
		Scope:   t.Scope,
		Created: t.Created,
		Used:    At(t.Used),
		Expires: At(t.Expires),
	}
}
