package pipeline

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"gopkg.in/yaml.v3"
)

// Patterns are globs (github.com/bmatcuk/doublestar). The last one that matches a name decides, and
// one that begins with ! excludes the name.
type Patterns []string

// decode accepts a list of patterns, or a single one.
func (p *Patterns) decode(d *decoder, n *yaml.Node, what string) {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	if len(list) == 0 {
		d.problem(n, "%s is empty, so nothing can match. Remove it to match everything", what)
	}
	d.patterns += len(list)
	if d.patterns > MaxPatterns {
		d.problem(n, "the file has more than %d patterns. Use fewer, more general ones", MaxPatterns)
		d.abort()
	}

	for _, item := range list {
		s := d.string(item, what)
		if len(s) > maxPatternBytes || alternatives(s) > maxAlternatives {
			d.problem(item, "%s %q is too long or has too many alternatives in braces. "+
				"Write several patterns of at most %d bytes and %d alternatives", what, s, maxPatternBytes, maxAlternatives)
			continue
		}
		glob := strings.TrimPrefix(s, "!")
		if item.Tag == "!!str" && (glob == "" || !doublestar.ValidatePattern(glob)) {
			d.problem(item, "%s %q is not a valid glob. Write for example main or release/**", what, s)
		} else if mistake := patternMistake(what, glob); mistake != "" {
			d.problem(item, "%s %q %s", what, s, mistake)
		}
		*p = append(*p, s)
	}
}

// alternatives returns the number of texts that the braces of a glob expand to. doublestar tries each.
func alternatives(glob string) int {
	product := 1
	var open []int // the alternatives so far in each open brace
	for i := 0; i < len(glob) && product <= maxAlternatives; i++ {
		switch glob[i] {
		case '\\':
			i++
		case '{':
			open = append(open, 1)
		case ',':
			if len(open) > 0 {
				open[len(open)-1]++
			}
		case '}':
			if len(open) > 0 {
				product *= open[len(open)-1]
				open = open[:len(open)-1]
			}
		}
	}
	return product
}

// patternMistake returns why a valid glob matches nothing, or something else than its author meant,
// and what to write instead; or "". A filter that never matches would look like a run that was
// skipped on purpose. what is the key: paths, branch, branches or tags.
func patternMistake(what, glob string) string {
	switch {
	case strings.Contains(glob, "${{"):
		return "contains an expression, but patterns are used literally"
	case what != "paths" && (strings.HasPrefix(glob, "/") || strings.HasPrefix(glob, "^")):
		return "is a glob, not a regular expression, and matches no name. Write for example main, release/** or v[0-9]*"
	case strings.Contains(glob, "]+"):
		return "contains a +, which is a literal character in a glob. Write * instead, for example v[0-9]*.[0-9]*"
	case hasMisplacedStars(glob):
		return "has ** next to other characters, where it does not match slashes. " +
			"Write ** between slashes, for example **/*.go or release/**"
	case what != "paths":
		return refMistake(glob)
	case strings.HasPrefix(glob, "/"), strings.HasPrefix(glob, "./"), strings.HasPrefix(glob, "../"), glob == ".":
		return "matches no file, because paths are relative to the root of the repository. Write for example src/** or go.mod"
	case strings.HasSuffix(glob, "/"):
		return "matches no file, because it names a directory. Write " + glob + "**"
	}
	return ""
}

// refMistake returns why a glob matches no branch and no tag, or "".
func refMistake(glob string) string {
	switch {
	case strings.HasPrefix(glob, "refs/heads/"), strings.HasPrefix(glob, "refs/tags/"):
		return "matches no name. Write it without refs/heads/ or refs/tags/"
	case strings.ContainsAny(glob, " \t~:"):
		return "matches no name, because names never contain a space, ~ or :. " +
			"Write several patterns as a list, for example [main, develop]"
	}
	return ""
}

// hasMisplacedStars reports whether a ** is not a whole path segment, so that it means the same as *.
// It is not a regular expression, which would allocate for each pattern of a stranger's file.
func hasMisplacedStars(glob string) bool {
	for i := 0; i+1 < len(glob); i++ {
		if glob[i:i+2] != "**" {
			continue
		}
		begins := i == 0 || strings.IndexByte(`/{,\`, glob[i-1]) >= 0
		ends := i+2 == len(glob) || strings.IndexByte("/},", glob[i+2]) >= 0
		if !begins || !ends {
			return true
		}
		i++
	}
	return false
}

// match reports whether the last pattern that matches a name includes it. A name that no pattern
// matches is included if the list begins with an exclusion.
func (p Patterns) match(name string) bool {
	included := strings.HasPrefix(p[0], "!")
	for _, pattern := range p {
		glob, excludes := strings.CutPrefix(pattern, "!")
		if ok, _ := doublestar.Match(glob, name); ok {
			included = !excludes
		}
	}
	return included
}

// decide matches one name, such as a branch. An empty list matches every name.
func (p Patterns) decide(budget *matchBudget, what, kind, name string) Decision {
	if len(p) == 0 {
		return Decision{What: what, Runs: true, Why: fmt.Sprintf("every %s matches", kind)}
	}
	if name != "" {
		if _, ok := budget.firstMatch(p, []string{name}, what); ok {
			return Decision{What: what, Runs: true, Why: fmt.Sprintf("%s %q matches %s", kind, name, what)}
		}
	}
	return Decision{What: what, Why: fmt.Sprintf("%s %q does not match %s (%s)", kind, name, what, joinShort(p, ", "))}
}

// decidePaths matches the changed paths. If they are not all known, they match: an unnecessary run is
// better than a change that nobody tested.
func (p Patterns) decidePaths(what string, in Input) Decision {
	if len(p) == 0 {
		return Decision{What: what, Runs: true, Why: "every path matches"}
	}
	if path, ok := in.budget.firstMatch(p, in.Paths, what); ok {
		return Decision{What: what, Runs: true, Why: fmt.Sprintf("%q matches %s", truncate(path, maxQuotedBytes), what)}
	}
	if !in.PathsKnown {
		return Decision{What: what, Runs: true, Why: "the changed paths are not known, so they match"}
	}
	return Decision{
		What: what,
		Why:  fmt.Sprintf("none of %d changed paths matches %s (%s)", len(in.Paths), what, joinShort(p, ", ")),
	}
}

// matchBudget counts the cost of matching patterns, and caches results, because the combinations of
// a matrix share their patterns. The cost of one comparison is a constant plus the product of both
// lengths for each alternative in braces, which is the most that backtracking can cost.
type matchBudget struct {
	remaining int
	problem   *Problem               // set when the budget is used up
	cache     map[*string]matchState // by the first pattern of a list
}

// matchState is the cached result of matching a list of patterns.
type matchState struct {
	path    string // the first one that matches
	matches bool
}

// comparisonCost is the fixed part of the cost of a comparison.
const comparisonCost = 300 // of short texts

// firstMatch returns the first of paths that the patterns match. If the budget is used up, it
// reports a match and sets the problem.
func (b *matchBudget) firstMatch(p Patterns, paths []string, what string) (path string, matches bool) {
	if known, ok := b.cache[&p[0]]; ok {
		return known.path, known.matches
	}
	path, matches = b.search(p, paths, what)
	if b.cache == nil {
		b.cache = map[*string]matchState{}
	}
	b.cache[&p[0]] = matchState{path, matches}
	return path, matches
}

// search is firstMatch without the cache. Patterns without special characters cost only the fixed
// part.
func (b *matchBudget) search(p Patterns, paths []string, what string) (path string, matches bool) {
	fixed := 0
	perByte := 0
	for _, pattern := range p {
		fixed += comparisonCost
		if strings.ContainsAny(pattern, "*?[{") {
			perByte += len(pattern) * alternatives(pattern)
		}
	}

	for _, path := range paths {
		b.remaining -= fixed + perByte*len(path)
		if b.remaining < 0 {
			text := fmt.Sprintf("matching the patterns of %s (%d of them) and those before against %d changed paths or names "+
				"takes too long. Use fewer or shorter patterns, with fewer * and {}", what, len(p), len(paths))
			b.problem = &Problem{Line: 1, Column: 1, Text: text}
			return path, true
		}
		if p.match(path) {
			return path, true
		}
	}
	return "", false
}
