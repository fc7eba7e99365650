package citest

import (
	"net/http"
	"strings"
)

func listBranches(c *call) (answer, error) {
	names, refs, err := c.repo.sortedRefs("refs/heads/")
	if err != nil {
		return answer{}, err
	}
	branches := []object{}
	for _, name := range names {
		branches = append(branches, object{
			"name": strings.TrimPrefix(name, "refs/heads/"), "protected": false,
			"commit": object{"sha": refs[name], "url": c.repo.api() + "/commits/" + refs[name]},
		})
	}
	page, header := paginate(c, branches)
	return answer{http.StatusOK, page, header}, nil
}

func getBranch(c *call) (answer, error) {
	name := c.params["branch"]
	sha := commitOf(c.repo.dir, "heads/"+name)
	if sha == "" {
		return answer{}, apiError{http.StatusNotFound, "Branch not found"}
	}
	commit, err := c.repo.commitWithFiles(sha)
	if err != nil {
		return answer{}, err
	}
	delete(commit, "stats")
	delete(commit, "files")
	api := c.repo.api() + "/branches/" + name
	return ok(object{
		"name": name, "commit": commit, "protected": false, "protection_url": api + "/protection",
		"protection": object{"enabled": false, "required_status_checks": object{"enforcement_level": "off", "contexts": []string{}, "checks": []object{}}},
		"_links":     object{"self": api, "html": c.gh.url + "/" + c.repo.FullName() + "/tree/" + name},
	}), nil
}

// getRef answers exactly one ref; its parameter is heads/x or tags/x.
func getRef(c *call) (answer, error) {
	name := "refs/" + c.params["ref"]
	names, refs, err := c.repo.sortedRefs(name)
	if err != nil {
		return answer{}, err
	}
	if len(names) == 0 || names[0] != name {
		return answer{}, errNotFound
	}
	return ok(c.renderRef(name, refs[name])), nil
}

func matchingRefs(c *call) (answer, error) {
	names, refs, err := c.repo.sortedRefs("refs/" + c.params["ref"])
	if err != nil {
		return answer{}, err
	}
	out := []object{}
	for _, name := range names {
		out = append(out, c.renderRef(name, refs[name]))
	}
	return ok(out), nil
}

func (c *call) renderRef(name, sha string) object {
	kind, err := git(c.repo.dir, "cat-file", "-t", sha)
	if err != nil {
		kind = "commit"
	}
	kind = strings.TrimSpace(kind)
	return object{
		"ref": name, "node_id": nodeID("REF", c.repo.ID) + name, "url": c.repo.api() + "/git/" + name,
		"object": object{"sha": sha, "type": kind, "url": c.repo.api() + "/git/" + kind + "s/" + sha},
	}
}

func listTags(c *call) (answer, error) {
	names, _, err := c.repo.sortedRefs("refs/tags/")
	if err != nil {
		return answer{}, err
	}
	tags := []object{}
	for _, ref := range names {
		name := strings.TrimPrefix(ref, "refs/tags/")
		sha := commitOf(c.repo.dir, "tags/"+name)
		tags = append(tags, object{
			"name": name, "node_id": nodeID("REF", c.repo.ID) + ref, "commit": object{"sha": sha, "url": c.repo.api() + "/commits/" + sha},
			"zipball_url": c.repo.api() + "/zipball/" + ref, "tarball_url": c.repo.api() + "/tarball/" + ref,
		})
	}
	page, header := paginate(c, tags)
	return answer{http.StatusOK, page, header}, nil
}
