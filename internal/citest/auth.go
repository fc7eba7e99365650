package citest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// Kinds of callers, as in Request.Auth.
const (
	AuthNone         = "none"
	AuthApp          = "app"          // a JWT signed with the App's key
	AuthInstallation = "installation" // a token of the App's installation
	AuthUser         = "user"         // a personal token, or one of somebody who signed in through the App
	AuthBad          = "bad"          // credentials that are not good, or not any more
)

// caller is who makes a request.
type caller struct {
	kind  string
	user  *User // of a personal token; the App's own account for an installation token
	token *installationToken
	key   string // what its calls are counted under
	err   error  // why it is AuthBad
}

// identify reads the Authorization header: Bearer or token for REST, Basic with
// the token as password for git.
func (gh *GitHub) identify(r *http.Request) caller {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case scheme == "":
		return caller{kind: AuthNone, key: "anonymous"}
	case strings.EqualFold(scheme, "Basic"):
		_, secret, _ = r.BasicAuth()
	case !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "token"):
		secret = ""
	}
	if strings.HasPrefix(secret, "ey") {
		if err := gh.checkJWT(secret); err != nil {
			return caller{kind: AuthBad, err: err}
		}
		return caller{kind: AuthApp, key: "app"}
	}
	if u := gh.userByToken(secret); u != nil {
		return caller{kind: AuthUser, user: u, key: u.Login}
	}
	gh.mu.Lock()
	defer gh.mu.Unlock()
	if login := gh.browser.tokens[secret]; login != "" {
		return caller{kind: AuthUser, user: gh.user(login), key: login}
	}
	t, ok := gh.tokens[secret]
	if !ok || !gh.opts.Now().Before(t.expires) {
		return caller{kind: AuthBad, err: apiError{http.StatusUnauthorized, "Bad credentials"}}
	}
	return caller{
		kind:  AuthInstallation,
		user:  gh.bot(),
		token: t,
		key:   "installation",
	}
}

// Bounds of an App's JWT.
const (
	jwtMaxLife = 10 * time.Minute
	jwtSkew    = time.Minute
)

// checkJWT says what GitHub would have against an App's JWT.
func (gh *GitHub) checkJWT(text string) error {
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	if _, err := parser.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return &gh.key.PublicKey, nil }); err != nil {
		return apiError{http.StatusUnauthorized, "A JSON web token could not be decoded"}
	}
	now := gh.opts.Now()
	refuse := func(text string) error { return apiError{http.StatusUnauthorized, text} }
	switch {
	case claims.Issuer != fmt.Sprint(AppID):
		return apiError{http.StatusNotFound, "Integration not found"}
	case claims.IssuedAt == nil || claims.IssuedAt.After(now.Add(jwtSkew)):
		return refuse("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	case claims.ExpiresAt == nil || claims.ExpiresAt.Before(now):
		return refuse(
			"'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
		)
	case claims.ExpiresAt.After(now.Add(jwtMaxLife + jwtSkew)):
		return refuse("'Expiration time' claim ('exp') is too far in the future")
	}
	return nil
}

// Refusals that do not depend on the call.
var (
	errNotFound    = apiError{http.StatusNotFound, "Not Found"}
	errNoAuth      = apiError{http.StatusUnauthorized, "Requires authentication"}
	errIntegration = apiError{http.StatusForbidden, "Resource not accessible by integration"}
	errNoRights    = apiError{http.StatusForbidden, "Must have admin rights to Repository."}
)

// allow says whether the caller may use a permission (such as statuses:write)
// on a repository. What one may not see is not found. It takes gh.mu.
func (c caller) allow(repo *Repo, permission string) error {
	repo.gh.mu.Lock()
	defer repo.gh.mu.Unlock()
	name, level, _ := strings.Cut(permission, ":")
	switch c.kind {
	case AuthInstallation:
		switch {
		case !c.token.reaches(repo) && repo.Private():
			return errNotFound
		case !c.token.reaches(repo) && level == "read":
			return nil // public
		case !c.token.reaches(repo) || !covers(c.token.permission[name], level):
			return errIntegration
		}
		return nil
	case AuthApp:
		return errIntegration
	case AuthUser:
		have := repo.permission(c.user.Login)
		switch {
		case !covers(have, "read"):
			return errNotFound
		case !covers(have, level):
			return errNoRights
		}
		return nil
	}
	switch {
	case repo.Private():
		return errNotFound
	case level != "read":
		return errNoAuth
	}
	return nil
}

// statusOf is the status code of an error that is an apiError, else 500.
func statusOf(err error) int {
	var e apiError
	if errors.As(err, &e) {
		return e.status
	}
	return http.StatusInternalServerError
}
