package citest

import (
	"strconv"
	"strings"
)

// person is who wrote or committed something, and when (RFC 3339).
type person struct{ name, email, date string }

// commit is one commit as git tells it.
type commit struct {
	sha, tree         string
	parents           []string
	author, committer person
	message           string
}

// base is what its changes are shown against.
func (c commit) base() string {
	if len(c.parents) == 0 {
		return emptyTree
	}
	return c.parents[0]
}

// logCommits runs git log.
func logCommits(dir string, args ...string) ([]commit, error) {
	const format = "--format=%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B"
	out, err := git(dir, append([]string{"log", "-z", format}, args...)...)
	if err != nil {
		return nil, err
	}
	var commits []commit
	for entry := range strings.SplitSeq(out, "\x00") {
		f := strings.SplitN(entry, "\x1f", 10)
		if len(f) != 10 {
			continue
		}
		commits = append(commits, commit{

			sha:       f[0],
			tree:      f[1],
			parents:   strings.Fields(f[2]),
			author:    person{f[3], f[4], f[5]},
			committer: person{f[6], f[7], f[8]},
			message:   strings.TrimRight(f[9], "\n"),
		})
	}
	return commits, nil
}

// fileDiff is how one file differs between two commits.
type fileDiff struct {
	name, previous, status, sha string
	additions, deletions        int
	patch                       string
}

// diffFiles compares two trees, renames detected.
func diffFiles(dir, base, head string) ([]fileDiff, error) {
	raw, err := git(dir, "diff", "--raw", "--numstat", "--no-abbrev", "-z", "-M", base, head)
	if err != nil {
		return nil, err
	}
	patches, err := git(dir, "diff", "-M", base, head)
	if err != nil {
		return nil, err
	}
	files := parseDiff(strings.Split(raw, "\x00"))
	if parts := strings.Split("\n"+patches, "\ndiff --git "); len(parts) == len(files)+1 {
		for i := range files {
			if _, hunk, ok := strings.Cut(parts[i+1], "\n@@ "); ok {
				files[i].patch = "@@ " + strings.TrimSuffix(hunk, "\n")
			}
		}
	}
	return files, nil
}

// parseDiff reads what git diff --raw --numstat -z prints: first all raw
// entries (":modes shas letter", path, new path of a rename), then the counts
// ("added\tdeleted\tpath", or for a rename an empty path and two more fields).
func parseDiff(fields []string) []fileDiff {
	words := map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'R': "renamed", 'C': "copied", 'T': "changed"}
	var files []fileDiff
	counted := 0
	for i := 0; i < len(fields); i++ {
		f := strings.Fields(fields[i])
		if strings.HasPrefix(fields[i], ":") && len(f) == 5 && i+1 < len(fields) {
			d := fileDiff{name: fields[i+1], status: words[f[4][0]], sha: f[3]}
			i++
			if f[4][0] == 'R' || f[4][0] == 'C' {
				d.previous, d.name = d.name, fields[i+1]
				i++
			}
			if d.status == "removed" {
				d.sha = f[2]
			}
			files = append(files, d)
			continue
		}
		n := strings.SplitN(fields[i], "\t", 3)
		if len(n) != 3 || counted >= len(files) {
			continue
		}
		files[counted].additions, _ = strconv.Atoi(n[0]) // "-" of a binary file counts as 0
		files[counted].deletions, _ = strconv.Atoi(n[1])
		counted++
		if n[2] == "" {
			i += 2
		}
	}
	return files
}
