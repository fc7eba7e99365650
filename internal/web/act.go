package web

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Changes are what people may do to runs. Each asks GitHub, then and there,
// whether the person may write.
type Changes interface {
	RetryAs(ctx context.Context, id ci.RunID, failedOnly bool, by ci.Actor) (ci.Run, error)
	CancelAs(ctx context.Context, id ci.RunID, by ci.Actor) error
	Approve(ctx context.Context, id ci.RunID, sha string, by ci.Actor, via string) (ci.Run, error)
}

// refusal is a sentence for who asked for something that is not done.
type refusal string

func (r refusal) Error() string { return string(r) }

const errForeignForm = refusal(
	"This form is not of a page of yours, or you have signed out since. Go back, load the page again, and repeat it.",
)

// maxForm bounds a form, in bytes.
const maxForm = 64 << 10

// act does to a run what a form asks for.
func (p *Pages) act(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	who := readerOf(r)
	if !who.sent(r) {
		return errForeignForm
	}
	run, err := p.runOf(r)
	if err != nil {
		return err
	}
	switch chi.URLParam(r, "verb") {
	case "retry":
		_, err = p.Changes.RetryAs(r.Context(), run.ID, r.PostFormValue("failed") == "1", who.Who)
	case "cancel":
		err = p.Changes.CancelAs(r.Context(), run.ID, who.Who)
	case "approve":
		_, err = p.Changes.Approve(r.Context(), run.ID, r.PostFormValue("sha"), who.Who, "page")
	default:
		return ci.ErrNotFound
	}
	for _, no := range p.Refusals {
		if errors.Is(err, no) {
			return refusal("Not done: " + no.Error() + ".")
		}
	}
	var gone *ci.GoneError
	if errors.As(err, &gone) {
		return refusal("Not done: " + gone.Error() + ".")
	}
	if err != nil {
		return err
	}
	p.Log.Info("asked for on a page", "run", run.ID, "what", chi.URLParam(r, "verb"), "by", who.Who.Login)
	http.Redirect(w, r, run.Page(), http.StatusSeeOther)
	return nil
}

// may reports whether to offer a reader what changes a run.
func may(r *http.Request, run ci.Run) bool {
	return run.Event.Repo.ID != 0 && slices.Contains(readerOf(r).Reach.Writes, run.Event.Repo.ID)
}
