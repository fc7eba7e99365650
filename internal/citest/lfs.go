package citest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-chi/chi/v5"
)

// AddLFS stores an object of Git LFS and returns the pointer file that stands for it in a commit.
func (r *Repo) AddLFS(content string) (pointer string, err error) {
	sum := sha256.Sum256([]byte(content))
	oid := hex.EncodeToString(sum[:])
	if err := os.MkdirAll(filepath.Join(r.dir, "lfs"), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "lfs", oid), []byte(content), 0o644); err != nil {
		return "", err
	}
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, len(content)), nil
}

// serveLFS answers Git LFS: which objects are where (batch), and the objects
// (github.com/git-lfs/git-lfs, docs/api/batch.md).
func (gh *GitHub) serveLFS(w http.ResponseWriter, r *http.Request) {
	by := gh.identify(r)
	record := gh.record(r, by)
	repo := gh.Repo(chi.URLParam(r, "owner") + "/" + chi.URLParam(r, "repo"))
	if by.kind == AuthBad || repo == nil || by.kind == AuthNone && repo.Private() ||
		by.kind != AuthNone && by.allow(repo, "contents:read") != nil {
		gh.finish(record, http.StatusNotFound)
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	gh.finish(record, http.StatusOK)
	path := chi.URLParam(r, "*")
	if oid, ok := strings.CutPrefix(path, "object/"); ok {
		http.ServeFile(w, r, filepath.Join(repo.dir, "lfs", filepath.Base(oid)))
		return
	}
	var ask struct {
		Objects []struct {
			OID  string `json:"oid"`
			Size int64  `json:"size"`
		} `json:"objects"`
	}
	err := json.NewDecoder(r.Body).Decode(&ask)
	if err != nil || path != "objects/batch" {
		http.Error(w, "objects/batch with a body is the only call", http.StatusUnprocessableEntity)
		return
	}
	var objects []object
	for _, o := range ask.Objects {
		href := fmt.Sprintf("%s/%s.git/info/lfs/object/%s", gh.url, repo.FullName(), o.OID)
		objects = append(objects, object{"oid": o.OID, "size": o.Size, "actions": object{"download": object{
			"href": href, "header": object{"Authorization": r.Header.Get("Authorization")}}}})
	}
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	_ = json.NewEncoder(w).Encode(object{"transfer": "basic", "objects": objects}) // the client may be gone
}
