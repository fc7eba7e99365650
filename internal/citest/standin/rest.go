package standin

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/golang-jwt/jwt/v4"
)

func (g *GitHub) routes() http.Handler {
	r := chi.NewRouter()
	r.Route("/api/v3", func(r chi.Router) {
		r.Use(g.guard)
		r.Post("/app/installations/{id}/access_tokens", g.mint)
		r.Get("/repos/{owner}/{repo}/contents/*", g.contents)
		r.Post("/repos/{owner}/{repo}/statuses/{sha}", g.postStatus)
	})
	r.HandleFunc("/{owner}/{repo}/*", g.git)
	return r
}

// isApp checks the App's JWT as GitHub does: RS256, our key, at most ten minutes.
func (g *GitHub) isApp(r *http.Request) bool {
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(bearer(r), &claims, func(*jwt.Token) (any, error) { return &g.key.PublicKey, nil }, jwt.WithValidMethods([]string{"RS256"}))
	return err == nil && claims.Issuer == strconv.Itoa(AppID) && claims.ExpiresAt != nil && claims.ExpiresAt.Sub(claims.IssuedAt.Time) <= 11*time.Minute
}

func bearer(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token
}

// mint makes an installation token for the repositories and permissions asked for.
func (g *GitHub) mint(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	json.NewDecoder(r.Body).Decode(&ask)
	if !g.isApp(r) {
		problem(w, http.StatusUnauthorized, "A JSON web token could not be decoded")
		return
	}
	if chi.URLParam(r, "id") != strconv.Itoa(InstallationID) {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	if len(ask.RepositoryIDs) == 0 {
		g.violation("a token for the whole installation was asked for")
	}
	// The shape of 2026: about 520 characters, with dots.
	token := fmt.Sprintf("ghs_%d_%s.%s.%s", AppID, long(), long(), long())
	expires := time.Now().Add(time.Hour)
	g.mu.Lock()
	g.tokens[token] = grant{ask.RepositoryIDs, ask.Permissions, expires}
	g.mu.Unlock()
	answer(w, http.StatusCreated, map[string]any{"token": token, "expires_at": expires.UTC().Format(time.RFC3339), "permissions": ask.Permissions, "repository_selection": "selected"})
}

func long() string { return strings.Repeat(rand.Text(), 6) }

// may reports whether a token has a permission on a repository.
func (g *GitHub) may(token string, repo *Repo, permission, level string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.tokens[token]
	return ok && slices.Contains(t.repos, repo.ID) && (t.perms[permission] == level || t.perms[permission] == "write") && time.Now().Before(t.expires)
}

func (g *GitHub) contents(w http.ResponseWriter, r *http.Request) {
	repo, file := g.repo(chi.URLParam(r, "owner"), chi.URLParam(r, "repo")), chi.URLParam(r, "*")
	if repo == nil || !g.may(bearer(r), repo, "contents", "read") {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	data, err := repo.git("cat-file", "blob", r.URL.Query().Get("ref")+":"+file)
	if err != nil {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	blob, _ := repo.git("rev-parse", r.URL.Query().Get("ref")+":"+file)
	u := g.APIURL() + "repos/" + repo.FullName() + "/contents/" + file
	answer(w, http.StatusOK, map[string]any{
		"type": "file", "encoding": "base64", "size": len(data), "name": path.Base(file), "path": file, "sha": strings.TrimSpace(blob),
		"content": base64.StdEncoding.EncodeToString([]byte(data)), "url": u, "git_url": u, "html_url": u, "download_url": u,
		"_links": map[string]string{"self": u, "git": u, "html": u},
	})
}

// postStatus holds GitHub's rules for statuses that its description cannot say.
func (g *GitHub) postStatus(w http.ResponseWriter, r *http.Request) {
	repo, sha := g.repo(chi.URLParam(r, "owner"), chi.URLParam(r, "repo")), chi.URLParam(r, "sha")
	if repo == nil || !g.may(bearer(r), repo, "statuses", "write") {
		problem(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	var st struct{ State, Description, Context string }
	json.NewDecoder(r.Body).Decode(&st)
	if _, err := repo.git("cat-file", "-e", sha+"^{commit}"); err != nil || utf8.RuneCountInString(st.Description) > 140 {
		g.violation("status %+v on %s refused: %v", st, sha, err)
		problem(w, http.StatusUnprocessableEntity, "Validation Failed")
		return
	}
	g.mu.Lock()
	g.statuses = append(g.statuses, Status{repo.FullName(), sha, st.Context, st.State, st.Description})
	id := len(g.statuses)
	g.changed.Broadcast()
	g.mu.Unlock()
	now := time.Now().UTC().Format(time.RFC3339)
	answer(w, http.StatusCreated, map[string]any{
		"id": id, "node_id": "S_" + strconv.Itoa(id), "url": g.APIURL(), "avatar_url": nil, "state": st.State, "description": st.Description,
		"target_url": nil, "context": st.Context, "created_at": now, "updated_at": now, "creator": nil,
	})
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}

func problem(w http.ResponseWriter, code int, message string) {
	answer(w, code, map[string]string{"message": message, "documentation_url": "https://docs.github.com/rest"})
}
