package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// GitHub is what signing in asks of GitHub.
type GitHub interface {
	URL(state, verifier string) string
	Exchange(ctx context.Context, code, verifier string) (who ci.Actor, token string, err error)
	// Reach is ci.ErrNotFound, wrapped, when the token is not good any more.
	Reach(ctx context.Context, token string) (ci.Reach, error)
}

// signingIn is how long somebody may take on GitHub's pages.
const signingIn = 10 * time.Minute

// signIn sends a browser to GitHub. What it must come back with lies in a cookie,
// so that nobody can be signed in by a link that somebody else has begun.
func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) error {
	if p.GitHub == nil {
		return ci.ErrNotFound
	}
	state, verifier := rand.Text(), rand.Text()+rand.Text() // RFC 7636 wants 43 characters at least
	p.setCookie(w, p.cookie()+"-sign-in", url.Values{"s": {state}, "v": {verifier}, "to": {back(r)}}.Encode(), signingIn)
	http.Redirect(w, r, p.GitHub.URL(state, verifier), http.StatusFound)
	return nil
}

// back is the page of this server that a request came from.
func back(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host {
		return "/"
	}
	return local(from.RequestURI())
}

// local lets through what leads to this server only.
func local(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n") ||
		strings.HasPrefix(path, "/-/sign") {
		return "/"
	}
	return path
}

// signedIn is where GitHub sends a browser back to.
func (p *Pages) signedIn(w http.ResponseWriter, r *http.Request) error {
	if p.GitHub == nil {
		return ci.ErrNotFound
	}
	q := r.URL.Query()
	name := p.cookie() + "-sign-in"
	cookie, err := r.Cookie(name)
	if err != nil {
		return refusal("It took too long, or this browser takes no cookies. Sign in again.")
	}
	p.setCookie(w, name, "", 0)
	kept, err := url.ParseQuery(cookie.Value)
	if err != nil || kept.Get("s") == "" ||
		subtle.ConstantTimeCompare([]byte(kept.Get("s")), []byte(q.Get("state"))) != 1 {
		return refusal("This is not the answer to a sign-in that this browser has begun. Sign in again.")
	}
	if q.Get("code") == "" {
		return refusal("GitHub did not let you in: " + q.Get("error_description") + ".")
	}
	who, token, err := p.GitHub.Exchange(r.Context(), q.Get("code"), kept.Get("v"))
	if err != nil {
		p.Log.Warn("sign in", "err", err)
		return refusal("GitHub did not confirm the sign-in. Try it again.")
	}
	s := ci.Session{Who: who}
	if s.Reach, err = p.GitHub.Reach(r.Context(), token); err != nil {
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
	http.Redirect(w, r, local(kept.Get("to")), http.StatusSeeOther)
	return nil
}

func (p *Pages) signOut(w http.ResponseWriter, r *http.Request) error {
	who := readerOf(r)
	if !who.sent(r) {
		return errForeignForm
	}
	if err := p.Sessions.EndSession(r.Context(), who.ID); err != nil {
		return err
	}
	p.setCookie(w, p.cookie(), "", 0)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}
