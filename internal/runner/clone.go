package runner

import (
	"strconv"
	"time"
)

// RevokeTimeout bounds how long the steps wait until the clone token is revoked.
const RevokeTimeout = 3 * time.Second

// Clone is what the clone container fetches. It is passed in environment variables of the container. The runner checks
// the strings before git sees them, although they come from the server.
type Clone struct {
	URL        string // of the repository, without credentials; empty: nothing is fetched
	SHA        string // the full id of the run's commit
	Depth      int    // number of commits; 0: all, with all branches and tags
	Merge      string // commit to merge SHA into; empty: none
	Tag        string // name of the tag that was pushed; empty: none
	Tags       bool   // fetch all tags, whatever the depth
	Base       string // branch that a pull request would merge into
	BaseSHA    string // commit of Base when the event was sent
	Submodules bool
	Fork       bool // the run is of a fork, which cannot read other private repositories
	LFS        bool
	Pack       bool   // SHA comes as a git pack on standard input instead of from URL
	Owned      bool   // the container runs as the user of all steps
	RevokeURL  string // where the token is revoked; empty: it is not revoked
}

// CloneURLVariable is the variable of Clone.URL. The server replaces its value if the repository was renamed before the
// launch.
const CloneURLVariable = "YACI_CLONE_URL"

// variables returns the fields of c by the variables in which they are passed.
func (c *Clone) variables() (texts map[string]*string, switches map[string]*bool) {
	texts = map[string]*string{
		CloneURLVariable:      &c.URL,
		"YACI_CLONE_SHA":      &c.SHA,
		"YACI_CLONE_MERGE":    &c.Merge,
		"YACI_CLONE_TAG":      &c.Tag,
		"YACI_CLONE_BASE":     &c.Base,
		"YACI_CLONE_BASE_SHA": &c.BaseSHA,
		"YACI_CLONE_REVOKE":   &c.RevokeURL,
	}
	switches = map[string]*bool{
		"YACI_CLONE_TAGS":       &c.Tags,
		"YACI_CLONE_SUBMODULES": &c.Submodules,
		"YACI_CLONE_FORK":       &c.Fork,
		"YACI_CLONE_LFS":        &c.LFS,
		"YACI_CLONE_OWNED":      &c.Owned,
		packVariable:            &c.Pack,
	}
	return texts, switches
}

const (
	depthVariable = "YACI_CLONE_DEPTH"
	packVariable  = "YACI_CLONE_PACK"
)

// Environment returns c as environment variables. Zero values have none.
func (c Clone) Environment() map[string]string {
	texts, switches := c.variables()
	env := map[string]string{}
	for name, text := range texts {
		if *text != "" {
			env[name] = *text
		}
	}
	for name, on := range switches {
		if *on {
			env[name] = "true"
		}
	}
	if c.Pack {
		env[packVariable] = "stdin"
	}
	if c.URL != "" {
		env[depthVariable] = strconv.Itoa(c.Depth)
	}
	return env
}

// ParseClone is the inverse of Environment. A switch is on if its variable has any value. A depth that is not a number
// is 1.
func ParseClone(getenv func(string) string) Clone {
	var c Clone
	texts, switches := c.variables()
	for name, text := range texts {
		*text = getenv(name)
	}
	for name, on := range switches {
		*on = getenv(name) != ""
	}
	depth, err := strconv.ParseUint(getenv(depthVariable), 10, 31)
	if err != nil {
		depth = 1
	}
	c.Depth = int(depth)
	return c
}
