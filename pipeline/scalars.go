package pipeline

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Duration is a time limit, written as 90s, 20m or 1h30m.
type Duration time.Duration

const (
	minDuration = time.Second
	maxDuration = 7 * 24 * time.Hour
)

// decode accepts durations of Go. A number without a unit is rejected, because some CI services
// read seconds and others minutes.
func (t *Duration) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!int" || n.Tag == "!!float") {
		d.problem(n, "%s needs a unit. Write %ss for seconds, or %sm for minutes", what, n.Value, n.Value)
		return
	}
	s := d.string(n, what)
	if s == "" {
		return
	}
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.problem(n, "%s %q is not a duration. Write %s (from 1s to 168h)", what, s, durationHint(s))
	case v < minDuration || v > maxDuration:
		d.problem(n, "%s %q is out of range. Write a duration from 1s to 168h", what, s)
	default:
		*t = Duration(v)
	}
}

// wordyDuration matches a number and a unit that is written out, such as "5 minutes" or "2 hours".
var wordyDuration = regexp.MustCompile(`^([0-9]{1,6}) *(s|m|h)[a-z]*$`)

// durationHint returns what a text such as "5 minutes" probably means: "5m".
func durationHint(s string) string {
	if m := wordyDuration.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s))); m != nil {
		return m[1] + m[2]
	}
	return "for example 90s, 20m or 1h30m"
}

// Quantity is an amount in the notation of Kubernetes: 500m, 2, 512Mi.
type Quantity string

// decode accepts numbers and strings. A quantity with an expression is checked after it is
// expanded.
func (q *Quantity) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!int" && n.Tag != "!!float" {
		d.problem(n, "%s must be a quantity such as 500m, 2 or 512Mi, not %s", what, kindOf(n))
		return
	}
	if !strings.Contains(n.Value, "${{") {
		d.checkQuantity(n, n.Value, what)
	}
	*q = Quantity(n.Value)
}

// quantityPattern matches quantities that are cheap to parse. Kubernetes also accepts 1e99999999,
// which takes it minutes.
var quantityPattern = regexp.MustCompile(`^[0-9.]{1,20}([a-zA-Z]{0,2}|[eE][0-9]{1,2})$`)

// checkQuantity reports what is not a quantity, and quantities that no container can use: very large
// ones would overflow the sums of bytes and of thousandths of a core.
func (d *decoder) checkQuantity(n *yaml.Node, s, what string) {
	const notQuantity = "%s %q is not a quantity. Write for example 500m, 2 or 512Mi"
	if !quantityPattern.MatchString(s) {
		d.problem(n, notQuantity, what, s)
		return
	}
	v, err := resource.ParseQuantity(s)
	if err != nil || v.Sign() <= 0 {
		d.problem(n, notQuantity, what, s)
		return
	}

	smallest := resource.MustParse(minBytes)
	largest := resource.MustParse(maxBytes)
	if what == "cpu" {
		smallest = resource.MustParse("1m")
		largest = resource.MustParse(maxCPU)
	}
	switch {
	case v.Cmp(largest) > 0:
		d.problem(n, "%s %q is more than any node has; at most %s is allowed", what, s, &largest)
	case v.Cmp(smallest) < 0 && what == "cpu":
		d.problem(n, "cpu %q is less than 1m, a thousandth of a core", s)
	case v.Cmp(smallest) < 0:
		d.problem(n, "%s %q is less than %s, which is too little for any container. Add a unit, for example 512Mi or 10Gi",
			what, s, &smallest)
	}
}

// Shell is the command that runs a script. The path of the script follows as its last argument.
type Shell []string

// decode accepts sh, bash, or a command as a list. Both names stand for the shell with options that
// end a script at the first error.
func (s *Shell) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind != yaml.ScalarNode {
		*s = d.stringList(n, what)
		d.checkProgram(n, *s, what)
		return
	}
	switch name := d.string(n, what); {
	case name == "sh":
		*s = Shell{"sh", "-e"}
	case name == "bash":
		*s = Shell{"bash", "-eo", "pipefail"}
	case n.Tag == "!!str":
		hint := suggestion(name, []string{"sh", "bash"})
		if hint == "" {
			hint = ". Use sh, bash, or a list such as [python3, -u]"
		}
		d.problem(n, "%s cannot be %q%s", what, name, hint)
	}
}

// Command is what a step runs: a script, or a program with arguments, which needs no shell. Both are
// empty for a step that runs its image's ENTRYPOINT.
type Command struct {
	Script string
	Args   []string // the program is the first
}

// decode accepts a script as a string, or a program and its arguments as a list.
func (c *Command) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind == yaml.SequenceNode {
		c.Args = d.stringList(n, what)
		d.checkProgram(n, c.Args, what)
		return
	}
	c.Script = d.string(n, what)
	if n.Tag == "!!str" && strings.TrimSpace(c.Script) == "" {
		d.problem(n, "run is empty. Write the command that the step runs")
	}
	d.checkScript(n)
}

// Size returns the size of the command in bytes.
func (c Command) Size() int { return len(c.Script) + totalBytes(c.Args) }

// Env has environment variables by name.
type Env map[string]string

// decode accepts a mapping from names to strings. Names that begin with YACI are reserved, so that
// a file cannot imitate variables of the server.
func (e *Env) decode(d *decoder, n *yaml.Node, what string) {
	*e = Env{}
	size := 0
	d.pairs(n, what, func(key, value *yaml.Node) {
		name := key.Value
		size += len(name) + len(value.Value) + 2
		switch {
		case !isEnvName(name):
			d.problem(key, "%q is not a valid variable name. Use letters, digits and _, and do not begin with a digit", name)
		case strings.HasPrefix(name, "YACI"):
			d.problem(key, "%q cannot be set, because names that begin with YACI are reserved", name)
		default:
			(*e)[name] = d.string(value, name)
		}
	})
	if size > MaxEnvBytes {
		d.problem(n, "%s has %d bytes; at most %d are allowed", what, size, MaxEnvBytes)
	}
}

// isEnvName reports whether s is a valid variable name in every shell.
func isEnvName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// maxUserID is the largest user or group id. A pod with its own user namespace has 65536 ids, and the
// last one means "no user" in system calls.
const maxUserID = 65534

// User is the user, and optionally the group, that steps run as. Both are numbers, because Kubernetes
// cannot look up a name in the image.
type User struct {
	UID int64
	GID *int64 // nil: the group that the image gives the user, or 0
}

// decode accepts UID or UID:GID.
func (u *User) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!int" {
		d.problem(n, "%s must be a user id such as 1000, or a user and a group such as 1000:1000, not %s", what, kindOf(n))
		return
	}
	uid, gid, hasGroup := strings.Cut(n.Value, ":")
	number, ok := parseUserID(uid)
	u.UID = number
	if ok && hasGroup {
		number, ok = parseUserID(gid)
		u.GID = &number
	}
	if ok {
		return
	}
	if strings.Trim(n.Value, "0123456789:+-") == "" {
		d.problem(n, "%s %q is not a user id from 0 to %d, or a user and a group such as 1000:1000", what, n.Value, maxUserID)
		return
	}
	d.problem(n, "%s cannot be %q, because Kubernetes needs the numeric user id, for example 1000. "+
		"Run id -u NAME in the image to find it", what, n.Value)
}

// parseUserID parses a decimal id without sign and leading zeros.
func parseUserID(s string) (id int64, ok bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id >= 0 && id <= maxUserID && strconv.FormatInt(id, 10) == s
}
