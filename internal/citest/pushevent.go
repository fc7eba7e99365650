package citest

import (
	"slices"
	"strings"
)

// pushPayload is the own part of a push event.
func (r *Repo) pushPayload(by User, c refChange, before map[string]string) (object, error) {
	o := object{
		"ref": c.ref, "before": c.before, "after": c.after, "created": c.created(), "deleted": c.deleted(),
		"forced": false, "base_ref": nil, "commits": []object{}, "head_commit": nil,
		"pusher": object{"name": by.Login, "email": by.Email},
	}
	compare := short(c.before) + "..." + short(c.after)
	if c.created() {
		compare = strings.TrimPrefix(strings.TrimPrefix(c.ref, "refs/heads/"), "refs/tags/")
		o["base_ref"] = baseRef(c, before)
	}
	o["compare"] = r.gh.url + "/" + r.FullName() + "/compare/" + compare
	if c.deleted() {
		return o, nil
	}
	head := commitOf(r.dir, c.after) // a tag object leads to its commit
	if head == "" {
		return o, nil // a tag of something else than a commit
	}
	if !c.created() {
		_, err := git(r.dir, "merge-base", "--is-ancestor", c.before, c.after)
		o["forced"] = err != nil
	}
	headCommit, err := logCommits(r.dir, "-1", head)
	if err != nil {
		return nil, err
	}
	if o["head_commit"], err = r.pushCommit(headCommit[0]); err != nil {
		return nil, err
	}
	if strings.HasPrefix(c.ref, "refs/tags/") {
		return o, nil
	}
	o["commits"], err = r.pushCommits(c, head, before)
	return o, err
}

// pushCommits lists what the branch gained, oldest first: for a new branch what no branch had before.
func (r *Repo) pushCommits(c refChange, head string, before map[string]string) ([]object, error) {
	args := []string{"--reverse", "-2048", head, "--not"}
	if !c.created() {
		args = append(args, c.before)
	} else {
		for ref, sha := range before {
			if strings.HasPrefix(ref, "refs/heads/") {
				args = append(args, sha)
			}
		}
	}
	commits, err := logCommits(r.dir, args...)
	if err != nil {
		return nil, err
	}
	out := []object{}
	for _, ci := range commits[:min(len(commits), maxPushCommits)] {
		o, err := r.pushCommit(ci)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (r *Repo) pushCommit(c commit) (object, error) {
	files, err := diffFiles(r.dir, c.base(), c.sha)
	if err != nil {
		return nil, err
	}
	added := []string{}
	removed := []string{}
	modified := []string{}
	for _, f := range files {
		switch f.status {
		case "added":
			added = append(added, f.name)
		case "removed":
			removed = append(removed, f.name)
		case "renamed":
			added, removed = append(added, f.name), append(removed, f.previous)
		default:
			modified = append(modified, f.name)
		}
	}
	person := func(p person) object {
		o := object{"name": p.name, "email": p.email}
		if u := r.gh.userByEmail(p.email); u != nil {
			o["username"] = u.Login
		}
		return o
	}
	return object{
		"id": c.sha, "tree_id": c.tree, "distinct": true, "message": c.message, "timestamp": c.author.date,
		"url":    r.gh.url + "/" + r.FullName() + "/commit/" + c.sha,
		"author": person(c.author), "committer": person(c.committer),
		"added": added, "removed": removed, "modified": modified,
	}, nil
}

// baseRef is another branch that a new ref starts at, nil when there is none.
func baseRef(c refChange, before map[string]string) any {
	var same []string
	for ref, sha := range before {
		if sha == c.after && ref != c.ref && strings.HasPrefix(ref, "refs/heads/") {
			same = append(same, ref)
		}
	}
	if len(same) == 0 {
		return nil
	}
	slices.Sort(same)
	return same[0]
}

func short(sha string) string { return sha[:min(12, len(sha))] }
