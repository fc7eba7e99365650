package citest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// refRoutes are the calls about what there is now: branches, tags, one commit.
func (gh *GitHub) refRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{method: "GET", path: repo + "/branches", permission: "contents:read", handle: listBranches},
		{method: "GET", path: repo + "/tags", permission: "contents:read", handle: listTags},
		{method: "GET", path: repo + "/commits/{ref}", permission: "contents:read", handle: getCommit},
	}
}

func listBranches(c *call) (answer, error) {
	return c.refs("refs/heads/", func(name, sha string) object {
		return object{"name": name, "commit": object{"sha": sha, "url": c.repo.api() + "/commits/" + sha}, "protected": false}
	})
}

func listTags(c *call) (answer, error) {
	return c.refs("refs/tags/", func(name, sha string) object {
		return object{
			"name": name, "node_id": nodeID("REF", c.repo.ID) + name, "commit": object{"sha": sha, "url": c.repo.api() + "/commits/" + sha},
			"zipball_url": c.repo.api() + "/zipball/refs/tags/" + name, "tarball_url": c.repo.api() + "/tarball/refs/tags/" + name,
		}
	})
}

// refs is one page of the refs of a kind; a tag object stands for its commit.
func (c *call) refs(prefix string, render func(name, sha string) object) (answer, error) {
	all, err := listRefs(c.repo.dir)
	if err != nil {
		return answer{}, err
	}
	list := []object{}
	for _, ref := range slices.Sorted(maps.Keys(all)) {
		name, ok := strings.CutPrefix(ref, prefix)
		if !ok {
			continue
		}
		sha := all[ref]
		if prefix == "refs/tags/" {
			sha = commitOf(c.repo.dir, strings.TrimPrefix(ref, "refs/"))
		}
		list = append(list, render(name, sha))
	}
	page, header := paginate(c, list)
	return answer{http.StatusOK, page, header}, nil
}

func getCommit(c *call) (answer, error) {
	sha := commitOf(c.repo.dir, c.params["ref"])
	if sha == "" {
		return answer{}, noCommit(c.params["ref"])
	}
	found, err := logCommits(c.repo.dir, "-1", sha)
	if err != nil {
		return answer{}, err
	}
	return ok(c.repo.renderCommit(found[0])), nil
}
