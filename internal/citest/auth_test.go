package citest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/citest"
)

func TestAppAndInstallation(t *testing.T) {
	w := newWorld(t, citest.Options{})
	app, _, err := w.app(t).Apps.Get(w.ctx, "")
	if err != nil || app.GetID() != citest.AppID {
		t.Fatalf("app = %v, %v", app, err)
	}
	inst, _, err := w.app(t).Apps.FindRepositoryInstallation(w.ctx, "ada", "hello")
	if err != nil || inst.GetID() != citest.InstallationID || inst.GetAccount().GetLogin() != "ada" {
		t.Fatalf("installation = %v, %v", inst, err)
	}
}

func TestTokenScope(t *testing.T) {
	w := newWorld(t, citest.Options{})
	other := must(w.CreateRepo("ada/other", true))(t)
	must(other.Commit("main", "x", map[string]string{"x": "x"}, w.ada))(t)
	c := w.installation(t, scoped(w.repo))

	if _, _, err := c.Repositories.Get(w.ctx, "ada", "hello"); status(err) != 0 {
		t.Errorf("own repository: %v", err)
	}
	if _, _, err := c.Repositories.Get(w.ctx, "ada", "other"); status(err) != http.StatusNotFound {
		t.Errorf("other private repository: %v, want 404", err)
	}
	_, _, err := c.PullRequests.List(w.ctx, "ada", "hello", nil)
	if status(err) != http.StatusForbidden || !strings.Contains(err.Error(), "Resource not accessible by integration") {
		t.Errorf("permission that was not asked for: %v, want 403", err)
	}
	w.repo.Uninstall()
	if _, _, err := c.Repositories.Get(w.ctx, "ada", "hello"); status(err) != http.StatusNotFound {
		t.Errorf("after uninstall: %v, want 404", err)
	}
}

func TestTokenRefused(t *testing.T) {
	w := newWorld(t, citest.Options{})
	for name, opts := range map[string]*github.InstallationTokenOptions{
		"repository":     {RepositoryIDs: []int64{42}},
		"repositoryName": {Repositories: []string{"nothing"}},
		"permission":     {Permissions: &github.InstallationPermissions{Contents: github.String("write")}},
	} {
		_, _, err := w.app(t).Apps.CreateInstallationToken(w.ctx, citest.InstallationID, opts)
		if status(err) != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v, want 422", name, err)
		}
	}
	if n := len(w.Violations()); n != 1 { // a repository can leave the installation at any time
		t.Errorf("%d violations %q, want that of the permission", n, w.Violations())
	}
	w.ForgetViolations()
}

func TestTokenShapeExpiryRevoke(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	w := newWorld(t, citest.Options{Now: func() time.Time { return clock() }})
	tok, _, err := w.app(t).Apps.CreateInstallationToken(w.ctx, citest.InstallationID, scoped(w.repo))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^ghs_4711_[A-Za-z0-9]+\.[A-Za-z0-9]+\.[A-Za-z0-9]+$`).MatchString(tok.GetToken()) ||
		len(tok.GetToken()) < 500 {
		t.Errorf("token of %d characters: %s", len(tok.GetToken()), tok.GetToken())
	}
	left := tok.GetExpiresAt().Sub(now)
	if left > time.Hour || left < 59*time.Minute {
		t.Errorf("expires in %v", left)
	}
	c := w.client(t, http.DefaultTransport).WithAuthToken(tok.GetToken())
	if _, _, err := c.Repositories.Get(w.ctx, "ada", "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apps.RevokeInstallationToken(w.ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Repositories.Get(w.ctx, "ada", "hello"); status(err) != http.StatusUnauthorized {
		t.Errorf("revoked: %v, want 401", err)
	}
	late, _, err := w.app(t).Apps.CreateInstallationToken(w.ctx, citest.InstallationID, nil)
	if err != nil {
		t.Fatal(err)
	}
	clock = func() time.Time { return now.Add(61 * time.Minute) }
	c = w.client(t, http.DefaultTransport).WithAuthToken(late.GetToken())
	if _, _, err := c.Repositories.Get(w.ctx, "ada", "hello"); status(err) != http.StatusUnauthorized {
		t.Errorf("expired: %v, want 401", err)
	}
}

func TestJWTRules(t *testing.T) {
	w := newWorld(t, citest.Options{})
	key := must(jwt.ParseRSAPrivateKeyFromPEM(w.AppKeyPEM()))(t)
	now := time.Now()
	for name, tc := range map[string]struct {
		iss      string
		iat, exp time.Duration
		want     int
	}{
		"good":       {"4711", -time.Minute, 9 * time.Minute, 0},
		"wrong app":  {"4712", -time.Minute, 9 * time.Minute, 404},
		"future":     {"4711", 5 * time.Minute, 9 * time.Minute, 401},
		"expired":    {"4711", -20 * time.Minute, -10 * time.Minute, 401},
		"lives long": {"4711", -time.Minute, time.Hour, 401},
	} {
		claims := jwt.RegisteredClaims{
			Issuer:    tc.iss,
			IssuedAt:  jwt.NewNumericDate(now.Add(tc.iat)),
			ExpiresAt: jwt.NewNumericDate(now.Add(tc.exp)),
		}
		text := must(jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key))(t)
		_, _, err := w.client(t, http.DefaultTransport).WithAuthToken(text).Apps.Get(w.ctx, "")
		if status(err) != tc.want {
			t.Errorf("%s: %v, want %d", name, err, tc.want)
		}
	}
	stranger := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	good := jwt.RegisteredClaims{
		Issuer:    "4711",
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
	}
	forged := must(jwt.NewWithClaims(jwt.SigningMethodRS256, good).SignedString(stranger))(t)
	if _, _, err := w.client(t, http.DefaultTransport).WithAuthToken(forged).Apps.Get(w.ctx, ""); status(err) != 401 {
		t.Errorf("another key: %v, want 401", err)
	}
	hs := must(jwt.NewWithClaims(jwt.SigningMethodHS256, good).SignedString([]byte("x")))(t)
	if _, _, err := w.client(t, http.DefaultTransport).WithAuthToken(hs).Apps.Get(w.ctx, ""); status(err) != 401 {
		t.Errorf("HS256: %v, want 401", err)
	}
}
