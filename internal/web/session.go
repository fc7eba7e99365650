package web

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Sessions keeps who has signed in.
type Sessions interface {
	AddSession(ctx context.Context, s ci.Session) error
	SaveReach(ctx context.Context, id string, reach ci.Reach) error
	Session(ctx context.Context, id string) (ci.Session, error)
	EndSession(ctx context.Context, id string) error
}

const (
	reachFresh = time.Minute      // that what GitHub said of a person is taken for true
	reachStale = 10 * time.Minute // the same, while GitHub does not answer
)

// reader is who looks at a page. The zero value has not signed in.
type reader struct {
	ci.Session
	secret string // what only the browser has
}

type readerKey struct{}

// readerOf is who sent a request, as recognize found.
func readerOf(r *http.Request) reader {
	who, _ := r.Context().Value(readerKey{}).(reader)
	return who
}

// Login is the name of who has signed in; empty for others.
func (r reader) Login() string { return r.Who.Login }

// FormToken proves that a form is of a page that this reader was given.
func (r reader) FormToken() string { return hex.EncodeToString(derive(r.secret, "form")) }

// sent reports whether a form has this reader's token.
func (r reader) sent(req *http.Request) bool {
	return r.ID != "" && subtle.ConstantTimeCompare([]byte(req.PostFormValue("token")), []byte(r.FormToken())) == 1
}

func derive(secret, use string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "yaci "+use, 32)
	if err != nil { // only of a length that no hash can give
		panic("web: " + err.Error())
	}
	return key
}

func sessionID(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// seal hides a token from who reads the database. Each secret seals one token, so that the nonce may be fixed.
func seal(secret, token string) ([]byte, error) {
	gcm, nonce, err := sealing(secret)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nonce, []byte(token), nil), nil
}

func unseal(secret string, sealed []byte) (string, error) {
	gcm, nonce, err := sealing(secret)
	if err != nil {
		return "", err
	}
	token, err := gcm.Open(nil, nonce, sealed, nil)
	return string(token), err
}

func sealing(secret string) (cipher.AEAD, []byte, error) {
	block, err := aes.NewCipher(derive(secret, "token"))
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, err
	}
	return gcm, make([]byte, gcm.NonceSize()), nil
}

// recognize finds who sent a request, and asks GitHub again what they can do
// when that is not fresh any more.
func (p *Pages) recognize(r *http.Request) (reader, error) {
	cookies := r.CookiesNamed(p.cookie())
	if p.GitHub == nil || len(cookies) == 0 {
		return reader{}, nil
	}
	who := reader{secret: cookies[0].Value}
	var err error
	who.Session, err = p.Sessions.Session(r.Context(), sessionID(who.secret))
	if errors.Is(err, ci.ErrNotFound) {
		return reader{}, nil
	}
	if err != nil || time.Since(who.Reach.At) < reachFresh {
		return who, err
	}
	return p.reach(r.Context(), who)
}

// reach asks GitHub what a reader can do.
func (p *Pages) reach(ctx context.Context, who reader) (reader, error) {
	token, err := unseal(who.secret, who.Token)
	if err != nil {
		return reader{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	reach, err := p.GitHub.Reach(ctx, token)
	switch {
	case errors.Is(err, ci.ErrNotFound): // GitHub has ended it
		return reader{}, p.Sessions.EndSession(ctx, who.ID)
	case err != nil:
		p.Log.Warn("what a person can see", "login", who.Who.Login, "err", err)
		if time.Since(who.Reach.At) > reachStale {
			who.Reach = ci.Reach{}
		}
		return who, nil
	}
	who.Reach = reach
	return who, p.Sessions.SaveReach(ctx, who.ID, reach)
}

// sight is what the sender of a request may see.
func (p *Pages) sight(r *http.Request) ci.Sight {
	if p.Sight.All {
		return p.Sight
	}
	return ci.Sight{Repos: readerOf(r).Reach.Private}
}

// cookie is the name of the one that holds a session; browsers keep one that begins
// with __Host- from other hosts of the domain, and take it over TLS only.
func (p *Pages) cookie() string {
	if p.secure() {
		return "__Host-yaci"
	}
	return "yaci"
}

func (p *Pages) secure() bool { return strings.HasPrefix(p.URL, "https://") }

// setCookie gives a browser something to keep for a while; no value takes it away.
func (p *Pages) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	seconds := int(age.Seconds())
	if value == "" {
		seconds = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     "/",
		MaxAge:   seconds,
		HttpOnly: true,
		Secure:   p.secure(),
		SameSite: http.SameSiteLaxMode,
	})
}
