package citest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

const (
	apiPrefix = "/api/v3/"
	maxBody   = 10 << 20
)

// call is one request that has passed all checks.
type call struct {
	gh     *GitHub
	r      *http.Request
	params map[string]string
	body   []byte
	by     caller
	repo   *Repo // of {owner}/{repo}
}

// decode reads the body into v. A body that is no JSON is a 400, as at GitHub.
func (c *call) decode(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return apiError{http.StatusBadRequest, "Problems parsing JSON"}
	}
	return nil
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// handler is the whole server: REST, sign-in, git, and nothing else.
func (gh *GitHub) handler() http.Handler {
	r := chi.NewRouter()
	r.HandleFunc(apiPrefix+"*", gh.serveAPI)
	r.Post("/settings/apps/new", gh.newAppPage)
	r.Post("/organizations/{org}/settings/apps/new", gh.newAppPage)
	r.Get("/login/oauth/authorize", gh.authorizePage)
	r.Post("/login/oauth/access_token", gh.accessToken)
	r.HandleFunc("/{owner}/{repo}.git/info/lfs/*", gh.serveLFS)
	r.HandleFunc("/{owner}/{repo}.git/*", gh.serveGit)
	return r
}

// serveAPI answers one REST request: find it, know the caller, check the
// request, do it, check the answer.
func (gh *GitHub) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "body too large", http.StatusRequestEntityTooLarge)
		return
	}
	gh.beforeCall(r)
	by := gh.identify(r)
	record := gh.record(r, by)
	f := gh.fault(r)
	if f != nil && !f.Late && !f.act(w, r, gh.opts.Now()) {
		gh.finish(record, f.status())
		return
	}
	path := gh.byID("/" + strings.TrimPrefix(r.URL.EscapedPath(), apiPrefix))
	rt, params, found := gh.find(r.Method, path)
	ex := newExchange(r, body, params, rt.op)
	var a answer
	if !found {
		gh.violate("%s %s is no call that YACI is known to make", r.Method, r.URL.Path)
		a = refusal(errNotFound)
	} else {
		a = gh.perform(&call{
			gh:     gh,
			r:      r,
			params: params,
			body:   body,
			by:     by,
		}, rt, ex)
	}
	if f != nil && f.Late && !f.act(w, r, gh.opts.Now()) {
		gh.finish(record, f.status())
		return
	}
	gh.finish(record, gh.write(w, r, by, a, ex))
}

// perform runs a call up to its answer.
func (gh *GitHub) perform(c *call, rt route, ex exchange) answer {
	if err := gh.spend(c.by); err != nil {
		return refusal(err)
	}
	if err := c.authorize(rt.permission); err != nil {
		return refusal(err)
	}
	if err := ex.checkRequest(); err != nil {
		gh.violate("%s %s: GitHub would refuse this: %s", rt.method, c.r.URL.Path, brief(err))
		return refusal(validationError{"Request", "body", brief(err)})
	}
	a, err := rt.handle(c)
	if err != nil {
		a = refusal(err)
		switch {
		case a.status == http.StatusUnprocessableEntity && rt.method != http.MethodGet && !errors.Is(err, errNotInstalled):
			gh.violate("%s %s: GitHub would refuse this: %v", rt.method, c.r.URL.Path, err)
		case a.status >= http.StatusInternalServerError:
			gh.violate("%s %s: %v", rt.method, c.r.URL.Path, err)
		}
	}
	return a
}

// authorize checks the caller against what the route needs, and finds the repository.
func (c *call) authorize(permission string) error {
	if c.by.kind == AuthBad {
		return c.by.err
	}
	if c.params["owner"] != "" {
		name := c.params["owner"] + "/" + c.params["repo"]
		if c.repo = c.gh.Repo(name); c.repo == nil {
			return c.elsewhere(c.gh.movedTo(name))
		}
	}
	switch {
	case permission == "app" && c.by.kind != AuthApp:
		return apiError{http.StatusUnauthorized, "A JSON web token could not be decoded"}
	case permission == "token" && c.by.kind != AuthInstallation:
		return apiError{http.StatusForbidden, "You must authenticate with an installation access token"}
	case permission == "user" && c.by.kind != AuthUser:
		return errNoAuth
	case c.repo == nil || permission == "app":
		return nil
	}
	return c.by.allow(c.repo, permission)
}

// write sends an answer if GitHub could have sent it, and returns its status.
func (gh *GitHub) write(w http.ResponseWriter, r *http.Request, by caller, a answer, ex exchange) int {
	body, err := a.encode()
	if err == nil {
		err = ex.checkAnswer(a.status, a.header, body)
	}
	if err != nil {
		gh.violate("%s %s: answer %d is not GitHub's: %s", r.Method, r.URL.Path, a.status, brief(err))
		a = refusal(fmt.Errorf("the answer is not GitHub's: %s", brief(err)))
		body, _ = a.encode() // text only; it cannot fail
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	tag := a.header.Get("ETag")
	if r.Method == http.MethodGet && tag != "" && r.Header.Get("If-None-Match") == tag {
		gh.refund(by)
		a.status, body = http.StatusNotModified, nil
		w.Header().Del("Content-Type")
	}
	gh.rateHeaders(w.Header(), by)
	w.Header().Set("X-GitHub-Request-Id", strings.ToUpper(newGUID()[:18]))
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // the client may be gone
	return a.status
}
