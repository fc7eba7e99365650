package citest

import (
	"net/http"
	"strings"
)

// repoRoutes are the calls about a repository's history.
func (gh *GitHub) repoRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{method: "GET", path: repo, permission: "metadata:read", handle: getRepo},
		{method: "GET", path: repo + "/contents/{path}", permission: "contents:read", handle: getContents},
		{method: "GET", path: repo + "/compare/{basehead}", permission: "contents:read", handle: compare},
		{method: "POST", path: repo + "/statuses/{sha}", permission: "statuses:write", handle: createStatus},
		{method: "GET", path: repo + "/commits/{ref}/status", permission: "statuses:read", handle: combinedStatus},
		{method: "GET", path: repo + "/commits/{ref}/statuses", permission: "statuses:read", handle: listStatuses},
		{
			method:     "GET",
			path:       repo + "/collaborators/{username}/permission",
			permission: "metadata:read",
			handle:     getPermission,
		},
	}
}

func getRepo(c *call) (answer, error) {
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	return ok(c.gh.renderFullRepo(c.repo)), nil
}

func noCommit(ref string) error {
	return apiError{http.StatusUnprocessableEntity, "No commit found for SHA: " + ref}
}

// maxCompareFiles is how many files GitHub shows of a comparison.
const maxCompareFiles = 300

// compare answers base...head; head may be login:branch of a fork.
func compare(c *call) (answer, error) {
	baseName, headName, three := strings.Cut(c.params["basehead"], "...")
	base, head := c.side(baseName), c.side(headName)
	if !three || base == "" || head == "" {
		return answer{}, errNotFound
	}
	dir := c.repo.dir
	parted := mergeBase(dir, base, head)
	if parted == emptyTree {
		return answer{}, apiError{http.StatusNotFound, "No common ancestor between " + baseName + " and " + headName + "."}
	}
	ahead, err := logCommits(dir, "--reverse", base+".."+head)
	if err != nil {
		return answer{}, err
	}
	behind, err := logCommits(dir, head+".."+base)
	if err != nil {
		return answer{}, err
	}
	files, err := diffFiles(dir, parted, head)
	if err != nil {
		return answer{}, err
	}
	ends, err := logCommits(dir, "--no-walk=unsorted", base, parted)
	if err != nil {
		return answer{}, err
	}
	commits := []object{}
	for _, ci := range ahead {
		commits = append(commits, c.repo.renderCommit(ci))
	}
	if c.query("page") == "" && c.query("per_page") == "" {
		commits = commits[:min(len(commits), 250)]
	} else {
		commits, _ = paginate(c, commits)
	}
	html := c.gh.url + "/" + c.repo.FullName() + "/compare/" + baseName + "..." + headName
	return ok(object{
		"url": c.repo.api() + "/compare/" + c.params["basehead"], "html_url": html, "permalink_url": html,
		"diff_url": html + ".diff", "patch_url": html + ".patch",
		"base_commit": c.repo.renderCommit(ends[0]), "merge_base_commit": c.repo.renderCommit(ends[len(ends)-1]),
		"status": compareWord(len(ahead), len(behind)), "ahead_by": len(ahead), "behind_by": len(behind),
		"total_commits": len(ahead), "commits": commits,
		"files": c.repo.renderFiles(files[:min(len(files), maxCompareFiles)], head),
	}), nil
}

func compareWord(ahead, behind int) string {
	switch {
	case ahead > 0 && behind > 0:
		return "diverged"
	case ahead > 0:
		return "ahead"
	case behind > 0:
		return "behind"
	}
	return "identical"
}

// side resolves one end of a comparison, bringing a fork's commits over when needed.
func (c *call) side(name string) string {
	login, branch, ok := strings.Cut(name, ":")
	if !ok {
		return commitOf(c.repo.dir, name)
	}
	fork := c.gh.forkOf(c.repo, login)
	if fork == nil || c.by.allow(fork, "contents:read") != nil {
		return ""
	}
	sha := commitOf(fork.dir, branch)
	if sha == "" {
		return ""
	}
	if fork != c.repo {
		if _, err := git(c.repo.dir, "fetch", "--quiet", "--no-tags", fork.dir, sha); err != nil {
			return ""
		}
	}
	return sha
}
