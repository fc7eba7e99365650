package web

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Sessions stores the sessions of people who have signed in.
type Sessions interface {
	AddSession(ctx context.Context, s ci.Session) error
	SaveUserAccess(ctx context.Context, id string, reach ci.UserAccess) error
	Session(ctx context.Context, id string) (ci.Session, error)
	EndSession(ctx context.Context, id string) error
}

const (
	accessFreshFor = time.Minute      // before GitHub is asked again what a person can access
	accessStaleFor = 10 * time.Minute // the same while GitHub does not answer
)

// reader is the person who views a page. The zero value has not signed in.
type reader struct {
	ci.Session
	secret string // from the cookie; the database has only its hash
}

// readerKey is the key of the reader in the context of a request.
type readerKey struct{}

// readerOf returns the sender of a request, as set by Pages.page.
func readerOf(r *http.Request) reader {
	who, _ := r.Context().Value(readerKey{}).(reader)
	return who
}

// Login returns the GitHub login, or "" for a reader who has not signed in.
func (r reader) Login() string { return r.User.Login }

// FormToken returns the token by which a form proves that it is from a page for this reader.
func (r reader) FormToken() string { return hex.EncodeToString(derive(r.secret, "form")) }

// hasValidToken reports whether a form has this reader's token.
func (r reader) hasValidToken(req *http.Request) bool {
	return r.ID != "" && subtle.ConstantTimeCompare([]byte(req.PostFormValue("token")), []byte(r.FormToken())) == 1
}

// derive returns a key for one use from the secret of a session. Different uses get independent
// keys (HKDF, RFC 5869).
func derive(secret, use string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "yaci "+use, 32)
	if err != nil { // only for a key that is too long
		panic("web: " + err.Error())
	}
	return key
}

// sessionID returns the id of a session, by which the database stores it. It is a hash, so that the
// database does not contain what a browser sends.
func sessionID(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// seal encrypts a token, so that the database alone does not reveal it. Each secret encrypts only
// one token, so the nonce can be constant.
func seal(secret, token string) ([]byte, error) {
	gcm, nonce, err := sealing(secret)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nonce, []byte(token), nil), nil
}

// unseal decrypts what seal has returned.
func unseal(secret string, sealed []byte) (string, error) {
	gcm, nonce, err := sealing(secret)
	if err != nil {
		return "", err
	}
	token, err := gcm.Open(nil, nonce, sealed, nil)
	return string(token), err
}

// sealing returns the cipher, AES-256-GCM, and the nonce for the token of a session.
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

// authenticate finds the sender of a request. If their access was not checked recently, it asks
// GitHub again.
func (p *Pages) authenticate(r *http.Request) (reader, error) {
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
	if err != nil || time.Since(who.Access.At) < accessFreshFor {
		return who, err
	}
	return p.reach(r.Context(), who)
}

// reach asks GitHub what a reader can access.
func (p *Pages) reach(ctx context.Context, who reader) (reader, error) {
	token, err := unseal(who.secret, who.Token)
	if err != nil {
		return reader{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	reach, err := p.GitHub.Reach(ctx, token)
	switch {
	case errors.Is(err, ci.ErrNotFound): // the token was revoked
		return reader{}, p.Sessions.EndSession(ctx, who.ID)
	case err != nil:
		p.Log.Warn("refresh user permissions", "login", who.User.Login, "err", err)
		if time.Since(who.Access.At) > accessStaleFor {
			who.Access = ci.UserAccess{}
		}
		return who, nil
	}
	who.Access = reach
	return who, p.Sessions.SaveUserAccess(ctx, who.ID, reach)
}

// sight returns what the sender of a request may see.
func (p *Pages) sight(r *http.Request) ci.Visibility {
	if p.Sight.All {
		return p.Sight
	}
	return ci.Visibility{Repos: readerOf(r).Access.Private}
}

// cookie returns the name of the session cookie. Browsers protect a cookie that begins with __Host-
// from other hosts of the domain, and accept it only over TLS.
func (p *Pages) cookie() string {
	if p.secure() {
		return "__Host-yaci"
	}
	return "yaci"
}

// secure reports whether browsers reach this server over TLS.
func (p *Pages) secure() bool { return strings.HasPrefix(p.URL, "https://") }

// setCookie sets a cookie, or deletes it if value is empty.
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

// GitHub is the OAuth API for signing in.
type GitHub interface {
	URL(state, verifier string) string
	Exchange(ctx context.Context, code, verifier string) (who ci.Actor, token string, err error)
	// Reach returns what the token's user can access. The error wraps ci.ErrNotFound for a token that is no longer valid.
	Reach(ctx context.Context, token string) (ci.UserAccess, error)
}

// signInTimeout limits how long somebody can stay on GitHub's pages.
const signInTimeout = 10 * time.Minute

// signIn redirects a browser to GitHub. A cookie contains what the browser must return with, so
// that nobody can be signed in by a link to a sign-in that somebody else began.
func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) error {
	if p.GitHub == nil {
		return ci.ErrNotFound
	}
	state, verifier := rand.Text(), rand.Text()+rand.Text() // RFC 7636 wants 43 characters at least
	expected := url.Values{"s": {state}, "v": {verifier}, "to": {returnPath(r)}}
	p.setCookie(w, p.cookie()+"-sign-in", expected.Encode(), signInTimeout)
	http.Redirect(w, r, p.GitHub.URL(state, verifier), http.StatusFound)
	return nil
}

// returnPath returns the page of this server from which a request came.
func returnPath(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host {
		return "/"
	}
	return localPath(from.RequestURI())
}

// localPath returns path if it leads to a page of this server, or /.
func localPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n") ||
		strings.HasPrefix(path, "/-/sign") {
		return "/"
	}
	return path
}

// finishSignIn handles the redirect from GitHub.
func (p *Pages) finishSignIn(w http.ResponseWriter, r *http.Request) error {
	if p.GitHub == nil {
		return ci.ErrNotFound
	}
	q := r.URL.Query()
	name := p.cookie() + "-sign-in"
	cookie, err := r.Cookie(name)
	if err != nil {
		return refusal("The sign-in took too long, or this browser does not accept cookies. Sign in again.")
	}
	p.setCookie(w, name, "", 0)
	kept, err := url.ParseQuery(cookie.Value)
	if err != nil || kept.Get("s") == "" ||
		subtle.ConstantTimeCompare([]byte(kept.Get("s")), []byte(q.Get("state"))) != 1 {
		return refusal("This sign-in was not started in this browser. Sign in again.")
	}
	if q.Get("code") == "" {
		return refusal("GitHub refused the sign-in: " + q.Get("error_description") + ".")
	}
	who, token, err := p.GitHub.Exchange(r.Context(), q.Get("code"), kept.Get("v"))
	if err != nil {
		p.Log.Warn("exchange sign-in code", "err", err)
		return refusal("GitHub did not confirm the sign-in. Try again.")
	}
	s := ci.Session{User: who}
	if s.Access, err = p.GitHub.Reach(r.Context(), token); err != nil {
		return err
	}
	secret := rand.Text() + rand.Text()
	s.ID = sessionID(secret)
	if s.Token, err = seal(secret, token); err != nil {
		return err
	}
	if err := p.Sessions.AddSession(r.Context(), s); err != nil {
		return err
	}
	p.setCookie(w, p.cookie(), secret, ci.SessionTime)
	http.Redirect(w, r, localPath(kept.Get("to")), http.StatusSeeOther)
	return nil
}

// signOut ends the session and deletes its cookie.
func (p *Pages) signOut(w http.ResponseWriter, r *http.Request) error {
	who := readerOf(r)
	if !who.hasValidToken(r) {
		return errExpiredForm
	}
	if err := p.Sessions.EndSession(r.Context(), who.ID); err != nil {
		return err
	}
	p.setCookie(w, p.cookie(), "", 0)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}
