package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// RepoAccess decides which repositories the runs of another one may read. It asks GitHub, then and there, whether the
// person administers the repository.
type RepoAccess interface {
	Allow(ctx context.Context, repo, from string, by ci.Actor) (ci.RepoAccess, error)
	Disallow(ctx context.Context, repo, from int64, by ci.Actor) error
	Administered(ctx context.Context, candidates []int64, by ci.Actor) ([]ci.RepoAccess, error)
}

// accessPath is the page of [Pages.access].
const accessPath = "/-/access"

// access shows people who have signed in which of the repositories that they administer can be read by others' runs.
// The others may be private ones that who may only write to a repository cannot see.
func (p *Pages) access(w http.ResponseWriter, r *http.Request) error {
	who := readerOf(r)
	if who.ID == "" || p.RepoAccess == nil {
		return ci.ErrNotFound
	}
	list, err := p.RepoAccess.Administered(r.Context(), who.Reach.Writes, who.Who)
	if err != nil {
		return err
	}
	return p.show(
		w,
		r,
		http.StatusOK,
		"access.html",
		layout{Title: "Repository access", Icon: "none", Nav: "repositories"},
		list,
	)
}

// changeAccess allows access, or with a field remove, takes it back.
func (p *Pages) changeAccess(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	who := readerOf(r)
	if !who.sent(r) || p.RepoAccess == nil {
		return errForeignForm
	}
	var err error
	if ids := r.PostFormValue("remove"); ids != "" {
		repo, from, _ := strings.Cut(ids, "/")
		var numbers [2]int64
		for i, text := range []string{repo, from} {
			if numbers[i], err = strconv.ParseInt(text, 10, 64); err != nil {
				return ci.ErrNotFound
			}
		}
		err = p.RepoAccess.Disallow(r.Context(), numbers[0], numbers[1], who.Who)
	} else {
		name := func(field string) string { return strings.TrimSpace(r.PostFormValue(field)) }
		_, err = p.RepoAccess.Allow(r.Context(), name("repo"), name("from"), who.Who)
	}
	if errors.Is(err, ci.ErrInvalid) ||
		slices.ContainsFunc(p.Refusals, func(no error) bool { return errors.Is(err, no) }) {
		return refusal("Not done: " + err.Error() + ".")
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, accessPath, http.StatusSeeOther)
	return nil
}
