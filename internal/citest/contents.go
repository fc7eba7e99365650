package citest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// GitHub leaves the content of larger files and the entries beyond this out.
const (
	maxJSONContent = 1 << 20
	maxDirEntries  = 1000
)

// entry is one line of a git tree.
type entry struct {
	mode, kind, sha, path string
	size                  int
}

// tree lists what is at a path: the path itself, or with a slash at its end what is in it.
func tree(dir, sha, at string) ([]entry, error) {
	args := []string{"ls-tree", "-z", "-l", "--full-tree", sha}
	if at != "" {
		args = append(args, "--", at)
	}
	out, err := git(dir, args...)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for line := range strings.SplitSeq(out, "\x00") {
		meta, name, ok := strings.Cut(line, "\t")
		f := strings.Fields(meta)
		if ok && len(f) == 4 {
			size, _ := strconv.Atoi(f[3]) // "-" for what has no size
			entries = append(entries, entry{f[0], f[1], f[2], name, size})
		}
	}
	return entries, nil
}

// getContents answers a file, a directory, a symlink or a submodule at a commit.
func getContents(c *call) (answer, error) {
	ref := c.query("ref")
	setDefault(&ref, DefaultBranch)
	sha := commitOf(c.repo.dir, ref)
	if sha == "" {
		return answer{}, apiError{http.StatusNotFound, "No commit found for the ref " + ref}
	}
	at := strings.Trim(path.Clean("/"+c.params["path"]), "/")
	if at == "" {
		return c.directory(sha, ref, "")
	}
	entries, err := tree(c.repo.dir, sha, at)
	if err != nil {
		return answer{}, err
	}
	if len(entries) != 1 || entries[0].path != at {
		return answer{}, errNotFound
	}
	e := entries[0]
	switch {
	case e.kind == "tree":
		return c.directory(sha, ref, at+"/")
	case e.kind == "commit":
		o := c.renderEntry(e, ref, "submodule")
		o["submodule_git_url"] = c.gh.url + "/" + c.repo.FullName() + ".git"
		return ok(o), nil
	case e.mode == "120000":
		return c.symlink(e, sha, ref)
	}
	return c.file(e, ref)
}

// symlink answers the file that it leads to; the link itself when that is no file of this repository.
func (c *call) symlink(e entry, sha, ref string) (answer, error) {
	target, err := git(c.repo.dir, "cat-file", "blob", e.sha)
	if err != nil {
		return answer{}, err
	}
	to := path.Join(path.Dir(e.path), target)
	if !path.IsAbs(target) && !strings.HasPrefix(to, "../") {
		found, err := tree(c.repo.dir, sha, to)
		if err == nil && len(found) == 1 && found[0].path == to && found[0].kind == "blob" && found[0].mode != "120000" {
			found[0].path = e.path
			return c.file(found[0], ref)
		}
	}
	o := c.renderEntry(e, ref, "symlink")
	o["target"] = target
	return ok(o), nil
}

func (c *call) file(e entry, ref string) (answer, error) {
	text, err := git(c.repo.dir, "cat-file", "blob", e.sha)
	if err != nil {
		return answer{}, err
	}
	o := c.renderEntry(e, ref, "file")
	o["content"], o["encoding"] = "", "none"
	if e.size <= maxJSONContent {
		o["content"], o["encoding"] = base64Lines(text), "base64"
	}
	return ok(o), nil
}

func (c *call) directory(sha, ref, at string) (answer, error) {
	entries, err := tree(c.repo.dir, sha, at)
	if err != nil {
		return answer{}, err
	}
	list := []object{}
	for _, e := range entries[:min(len(entries), maxDirEntries)] {
		kind := "file" // of submodules too, for the sake of old clients
		switch {
		case e.kind == "tree":
			kind = "dir"
		case e.mode == "120000":
			kind = "symlink"
		}
		list = append(list, c.renderEntry(e, ref, kind))
	}
	return ok(list), nil
}

func (c *call) renderEntry(e entry, ref, kind string) object {
	url := fmt.Sprintf("%s/contents/%s?ref=%s", c.repo.api(), e.path, ref)
	web := c.gh.url + "/" + c.repo.FullName()
	gitURL, html := c.repo.api()+"/git/blobs/"+e.sha, web+"/blob/"+ref+"/"+e.path
	o := object{
		"name": path.Base(e.path), "path": e.path, "sha": e.sha, "size": e.size, "type": kind, "url": url,
		"git_url": gitURL, "html_url": html, "download_url": web + "/raw/" + ref + "/" + e.path,
		"_links": object{"self": url, "git": gitURL, "html": html},
	}
	if kind == "dir" || kind == "submodule" {
		o["download_url"] = nil
	}
	return o
}

// base64Lines is base64 in lines of 60, as GitHub breaks it.
func base64Lines(text string) string {
	code := base64.StdEncoding.EncodeToString([]byte(text))
	var b strings.Builder
	for len(code) > 0 {
		n := min(60, len(code))
		b.WriteString(code[:n] + "\n")
		code = code[n:]
	}
	return b.String()
}
