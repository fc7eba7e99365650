package pipeline

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/yaci-ci/yaci/internal/runner"
)

// maxUser is the largest user or group id: pods with a user namespace of their
// own have 65536 ids, and the last one stands for "no user" in system calls.
const maxUser = 65534

// User is the user, and optionally the group, that steps run as. Both are
// numbers because Kubernetes cannot look up a name in the image.
type User struct {
	UID int64
	GID *int64 // nil: the group that the image gives the user, or 0
}

func (u *User) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!int" {
		d.problem(n, "%s must be a number like 1000, or a user and a group like 1000:1000, not %s", what, kindOf(n))
		return
	}
	uid, gid, both := strings.Cut(n.Value, ":")
	number, ok := userID(uid)
	u.UID = number
	if ok && both {
		u.GID = new(int64)
		*u.GID, ok = userID(gid)
	}
	if ok {
		return
	}
	if strings.Trim(n.Value, "0123456789:+-") == "" {
		d.problem(n, "%s %q is not a number from 0 to %d, or two of them like 1000:1000", what, n.Value, maxUser)
		return
	}
	d.problem(n, "%s cannot be %q: Kubernetes needs the number of the user, like 1000; "+
		"id -u NAME shows it in the image", what, n.Value)
}

func userID(s string) (id int64, ok bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id >= 0 && id <= maxUser && strconv.FormatInt(id, 10) == s
}

// workingDir checks a working_directory after the values of the matrix are
// filled in, and returns it relative to the workspace. n is where it is written.
func (d *decoder) workingDir(n *yaml.Node, dir string) string {
	if dir == "" {
		if n.Value == "" && n.Tag == "!!str" { // otherwise the problem is known
			d.problem(n, "working_directory is empty; write . for the workspace itself")
		}
		return ""
	}
	if len(dir) > maxPathBytes {
		d.problem(n, "working_directory has %d bytes; at most %d are allowed", len(dir), maxPathBytes)
		return ""
	}
	inside := dir
	if path.IsAbs(dir) {
		rest, ok := strings.CutPrefix(path.Clean(dir)+"/", runner.WorkspaceDir+"/")
		if !ok {
			d.problem(n, "working_directory %q is not in %s; write a path relative to the workspace", dir, runner.WorkspaceDir)
			return ""
		}
		inside = rest
	}
	switch {
	case slices.Contains(strings.Split(dir, "/"), ".."):
		d.problem(n, "working_directory %q contains ..; it must stay in the workspace", dir)
	case strings.ContainsFunc(dir, unicode.IsControl):
		d.problem(n, "working_directory %q contains a control character", dir)
	}
	return path.Clean(inside)
}
