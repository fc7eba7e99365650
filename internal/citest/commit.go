package citest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// File is one change of a commit.
type File struct {
	Path    string
	Content string // of a file; the target of a symlink; the SHA of a submodule
	Mode    string // "100644" when empty; "100755", "120000" symlink, "160000" submodule
	Delete  bool   // remove the path
}

// Commit puts files (path to content) on top of a branch, as a push by author
// would, events included. The branch is made when it is not there, from the
// default branch if that has commits. It returns the new commit.
func (r *Repo) Commit(branch, message string, files map[string]string, author User) (string, error) {
	return r.CommitFiles(branch, message, plainFiles(files), author)
}

// CommitFiles is Commit for other changes than plain files.
func (r *Repo) CommitFiles(branch, message string, files []File, author User) (sha string, err error) {
	err = r.push(author, func() error {
		parent := commitOf(r.dir, "heads/"+branch)
		if parent == "" {
			parent = commitOf(r.dir, "heads/"+DefaultBranch)
		}
		stream := r.importStream(branch, message, parent, files, author)
		if _, err := gitInput(r.dir, stream, "fast-import", "--quiet"); err != nil {
			return err
		}
		sha = commitOf(r.dir, "heads/"+branch)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("commit to %s of %s: %w", branch, r.FullName(), err)
	}
	return sha, nil
}

func plainFiles(files map[string]string) []File {
	var out []File
	for path, content := range files {
		out = append(out, File{Path: path, Content: content})
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// importStream is one commit in the language of git fast-import.
func (r *Repo) importStream(branch, message, parent string, files []File, author User) []byte {
	var b bytes.Buffer
	who := fmt.Sprintf("%s <%s> %d +0000", author.Name, author.Email, r.gh.opts.Now().Unix())
	fmt.Fprintf(
		&b,
		"commit refs/heads/%s\nauthor %s\ncommitter %s\ndata %d\n%s\n",
		branch,
		who,
		who,
		len(message),
		message,
	)
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	for _, f := range files {
		setDefault(&f.Mode, "100644")
		switch {
		case f.Delete:
			fmt.Fprintf(&b, "D %s\n", f.Path)
		case f.Mode == "160000":
			fmt.Fprintf(&b, "M %s %s %s\n", f.Mode, f.Content, f.Path)
		default:
			fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", f.Mode, f.Path, len(f.Content), f.Content)
		}
	}
	return b.Bytes()
}
