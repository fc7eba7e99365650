package web

import (
	"fmt"
	"net/url"

	"github.com/yaci-ci/yaci/internal/ci"
)

// away are addresses on GitHub of what a run is about; empty where there is none.
type away struct {
	Commit  string
	Where   string // the pull request, the branch or the tag
	Changes string // that a pull request makes
}

// awayFrom makes them for an event. site is where GitHub's pages are; empty: not known.
func awayFrom(site string, ev ci.Event) (a away) {
	if site == "" || ev.Repo.ID == 0 {
		return a
	}
	to := func(path string) string { // names of branches are anybody's
		return site + (&url.URL{Path: "/" + ev.Repo.FullName() + path}).EscapedPath()
	}
	a.Commit = to("/commit/" + string(ev.SHA))
	switch {
	case ev.PR > 0:
		a.Where = to(fmt.Sprintf("/pull/%d", ev.PR))
		a.Changes = a.Where + "/files"
	case ev.Tag != "":
		a.Where = to("/tree/" + ev.Tag)
	case ev.Branch != "":
		a.Where = to("/tree/" + ev.Branch)
	}
	return a
}
