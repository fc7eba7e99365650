package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// pageSize is the number of runs or deliveries on a page.
const pageSize = 40

// listPage is a list of runs that match a filter.
type listPage struct {
	Repo     *ci.Repo // nil: runs of all repositories
	Query    url.Values
	Filtered bool
	Runs     []ci.Run
	Counts   map[ci.State]int
	First    string // address of the first page; "" on that page
	Older    string // address of the next page; "" on the last one
	Chart    *chart
	Badge    string // Markdown
	States   []ci.State
	Kinds    []ci.Kind
}

// list shows the runs of all repositories that match a filter.
func (p *Pages) list(w http.ResponseWriter, r *http.Request) error {
	l, err := p.listOf(r, ci.RunFilter{Visibility: p.sight(r)})
	if err != nil {
		return err
	}
	if l.Counts, err = p.Repos.CountUnfinished(r.Context(), p.sight(r)); err != nil {
		return err
	}
	return p.show(w, r, http.StatusOK, "list.html", layout{
		Title: "Runs",
		Icon:  "none",
		Nav:   "runs",
		Live:  true,
	}, l)
}

// listOf parses the filter in the query and finds its runs.
func (p *Pages) listOf(r *http.Request, f ci.RunFilter) (*listPage, error) {
	q := r.URL.Query()
	l := &listPage{Query: q, Kinds: []ci.Kind{ci.Push, ci.PullRequest, ci.Tag, ci.MergeGroup, ci.API},
		States: []ci.State{ci.Running, ci.Queued, ci.Held, ci.Success, ci.Failure, ci.Error, ci.Cancelled, ci.Skipped}}
	name := strings.TrimSpace(q.Get("repo"))
	if name != "" && f.Repo == 0 {
		owner, repo, _ := strings.Cut(name, "/")
		found, err := p.repo(r, owner, repo)
		if err != nil {
			return nil, err
		}
		f.Repo = found.ID
	}
	f.Branch, f.Actor = strings.TrimSpace(q.Get("branch")), strings.TrimSpace(q.Get("author"))
	f.State, f.Kind = ci.State(q.Get("state")), ci.Kind(q.Get("event"))
	if text := strings.TrimPrefix(strings.TrimSpace(q.Get("pr")), "#"); text != "" {
		var err error
		f.PR, err = strconv.Atoi(text)
		if err != nil || f.PR < 1 {
			return nil, fmt.Errorf("%w: %.40q is not the number of a pull request", ci.ErrInvalid, text)
		}
	}
	var err error
	if f.After, err = ci.ParseCursor(q.Get("after")); err != nil {
		return nil, err
	}
	f.Limit = pageSize + 1
	if l.Runs, err = p.Runs.Runs(r.Context(), f); err != nil {
		return nil, err
	}
	if len(l.Runs) > pageSize {
		l.Runs = l.Runs[:pageSize]
		l.Older = with(r.URL, "after", ci.CursorOf(l.Runs[pageSize-1]).String())
	}
	l.Runs = p.visibleRuns(r, l.Runs)
	for _, name := range []string{"repo", "branch", "author", "state", "event", "pr"} {
		l.Filtered = l.Filtered || q.Get(name) != ""
	}
	if f.After.ID != "" {
		l.First = with(r.URL, "after", "")
	}
	return l, nil
}

// with returns an address with one query parameter set, or removed if the value is empty.
func with(u *url.URL, name, value string) string {
	q := u.Query()
	q.Set(name, value)
	for key, values := range q {
		if len(values) == 0 || values[0] == "" {
			q.Del(key)
		}
	}
	if len(q) == 0 {
		return u.Path
	}
	return u.Path + "?" + q.Encode()
}

// repo finds a repository that the reader can view.
func (p *Pages) repo(r *http.Request, owner, name string) (ci.Repo, error) {
	repo, err := p.Repos.RepoByName(r.Context(), owner, name)
	if err != nil {
		return repo, err
	}
	if !p.canView(r, repo) {
		return repo, ci.ErrNotFound
	}
	return repo, nil
}

// repositories shows each repository with its newest run.
func (p *Pages) repositories(w http.ResponseWriter, r *http.Request) error {
	repos, err := p.Repos.Repos(r.Context(), p.sight(r))
	if err != nil {
		return err
	}
	all := map[int64]ci.Repo{}
	for _, one := range repos {
		all[one.Repo.ID] = one.Repo
	}
	hidden := p.hiddenRepos(r, all)
	repos = slices.DeleteFunc(repos, func(one ci.RepoSummary) bool { return hidden[one.Repo.ID] })
	return p.show(w, r, http.StatusOK, "repositories.html", layout{
		Title: "Repositories",
		Icon:  "none",
		Nav:   "repositories",
		Live:  true,
	}, repos)
}

// chartRuns is the number of runs in the chart.
const chartRuns = 60

// repository shows the runs of one repository with a chart of its default branch.
func (p *Pages) repository(w http.ResponseWriter, r *http.Request) error {
	repo, err := p.repo(r, chi.URLParam(r, "owner"), chi.URLParam(r, "repo"))
	if err != nil {
		return err
	}
	l, err := p.listOf(r, ci.RunFilter{Visibility: p.sight(r), Repo: repo.ID})
	if err != nil {
		return err
	}
	l.Repo = &repo
	branch := r.URL.Query().Get("branch")
	if branch == "" {
		branch = repo.DefaultBranch
	}
	history, err := p.Runs.Runs(r.Context(), ci.RunFilter{
		Visibility: p.sight(r),
		Repo:       repo.ID,
		Branch:     branch,
		Limit:      chartRuns,
	})
	if err != nil {
		return err
	}
	l.Chart = newChart(history, branch)
	if p.URL != "" {
		l.Badge = fmt.Sprintf("[![yaci](%s/badge/%s.svg)](%s/%s)", p.URL, repo.FullName(), p.URL, repo.FullName())
	}
	icon := "none"
	if len(history) > 0 {
		icon = string(history[0].State)
	}
	return p.show(w, r, http.StatusOK, "list.html", layout{
		Title: repo.FullName(),
		Icon:  icon,
		Nav:   "repositories",
		Live:  true,
	}, l)
}

// maxQueueGroup is the number of runs in a group of the queue page.
const maxQueueGroup = 50

// queueGroup has the unfinished runs in one state.
type queueGroup struct {
	State ci.State
	Title string
	Empty string // text for no runs
	Runs  []ci.Run
	More  bool // there are more runs
}

// queue shows the unfinished runs by state. It reveals only runs that the reader can view, and no
// totals.
func (p *Pages) queue(w http.ResponseWriter, r *http.Request) error {
	groups := []queueGroup{
		{State: ci.Running, Title: "Running", Empty: "Nothing is running."},
		{State: ci.Queued, Title: "Queued", Empty: "Nothing is waiting."},
		{State: ci.Held, Title: "Held for approval", Empty: "Nothing is waiting for approval."},
	}
	for i := range groups {
		g := &groups[i]
		f := ci.RunFilter{Visibility: p.sight(r), State: g.State, Limit: maxQueueGroup + 1}
		runs, err := p.Runs.Runs(r.Context(), f)
		if err != nil {
			return err
		}
		g.More = len(runs) > maxQueueGroup
		if g.More {
			runs = runs[:maxQueueGroup]
		}
		g.Runs = p.visibleRuns(r, runs)
	}
	l := layout{
		Title: "Queue",
		Icon:  "none",
		Nav:   "queue",
		Live:  true,
	}
	return p.show(w, r, http.StatusOK, "queue.html", l, groups)
}
