package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Actions are what readers can do with runs. Each method asks GitHub whether the person may write.
type Actions interface {
	RetryAs(ctx context.Context, id ci.RunID, failedOnly bool, by ci.Actor) (ci.Run, error)
	CancelAs(ctx context.Context, id ci.RunID, by ci.Actor) error
	Approve(ctx context.Context, id ci.RunID, sha string, by ci.Actor, via string) (ci.Run, error)
}

// refusal is a message for a person whose request is refused.
type refusal string

func (r refusal) Error() string { return string(r) }

const errExpiredForm = refusal(
	"Your session has expired. Reload the page and try again.",
)

// maxFormBytes limits the body of a form.
const maxFormBytes = 64 << 10

// runAction performs the action of a form on a run.
func (p *Pages) runAction(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	who := readerOf(r)
	if !who.hasValidToken(r) {
		return errExpiredForm
	}
	run, err := p.runOf(r)
	if err != nil {
		return err
	}
	switch chi.URLParam(r, "verb") {
	case "retry":
		_, err = p.Actions.RetryAs(r.Context(), run.ID, r.PostFormValue("failed") == "1", who.User)
	case "cancel":
		err = p.Actions.CancelAs(r.Context(), run.ID, who.User)
	case "approve":
		_, err = p.Actions.Approve(r.Context(), run.ID, r.PostFormValue("sha"), who.User, "page")
	default:
		return ci.ErrNotFound
	}
	if p.isRefusal(err) {
		return refusalOf(err)
	}
	if err != nil {
		return err
	}
	p.Log.Info("run action", "run", run.ID, "action", chi.URLParam(r, "verb"), "by", who.User.Login)
	http.Redirect(w, r, run.Page(), http.StatusSeeOther)
	return nil
}

// isRefusal reports whether the text of an error says all that the reader needs to know.
func (p *Pages) isRefusal(err error) bool {
	var gone *ci.GoneError
	isRefused := func(refused error) bool { return errors.Is(err, refused) }
	return errors.As(err, &gone) || slices.ContainsFunc(p.Refusals, isRefused)
}

// refusalOf returns the text of an error as a sentence.
func refusalOf(err error) refusal {
	text := err.Error()
	first, size := utf8.DecodeRuneInString(text)
	return refusal(string(unicode.ToUpper(first)) + text[size:] + ".")
}

// canWrite reports whether a reader can act on a run.
func canWrite(r *http.Request, run ci.Run) bool {
	return run.Event.Repo.ID != 0 && slices.Contains(readerOf(r).Access.Writable, run.Event.Repo.ID)
}

// RepoAccess lets the runs of one repository read another one. Each method asks GitHub whether the
// person administers the repository.
type RepoAccess interface {
	Allow(ctx context.Context, repo, from string, by ci.Actor) (ci.RepoAccess, error)
	Disallow(ctx context.Context, repo, from int64, by ci.Actor) error
	Administered(ctx context.Context, candidates []int64, by ci.Actor) ([]ci.RepoAccess, error)
}

// accessPath is the path of [Pages.access].
const accessPath = "/-/access"

// access shows readers who have signed in which repositories that they administer can be read by
// runs of others. Readers with write access only must not see it, because the others may be
// private.
func (p *Pages) access(w http.ResponseWriter, r *http.Request) error {
	who := readerOf(r)
	if who.ID == "" || p.RepoAccess == nil {
		return ci.ErrNotFound
	}
	list, err := p.RepoAccess.Administered(r.Context(), who.Access.Writable, who.User)
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

// changeAccess allows a repository's runs to read another one, or removes that permission if the
// form has the field remove.
func (p *Pages) changeAccess(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	who := readerOf(r)
	if !who.hasValidToken(r) || p.RepoAccess == nil {
		return errExpiredForm
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
		err = p.RepoAccess.Disallow(r.Context(), numbers[0], numbers[1], who.User)
	} else {
		name := func(field string) string { return strings.TrimSpace(r.PostFormValue(field)) }
		_, err = p.RepoAccess.Allow(r.Context(), name("repo"), name("from"), who.User)
	}
	if errors.Is(err, ci.ErrInvalid) || p.isRefusal(err) {
		return refusalOf(err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, accessPath, http.StatusSeeOther)
	return nil
}
