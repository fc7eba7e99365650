package citest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/routers"
)

// route is one call of the REST API.
type route struct {
	method     string
	path       string // as in GitHub's description
	permission string // "app" for a JWT, "token" for an installation token, else like statuses:write on {owner}/{repo}
	handle     func(*call) (answer, error)
	pattern    *regexp.Regexp
	names      []string
	op         *routers.Route // nil for the few calls beyond the description
}

// multi are the parameters that may contain slashes.
func multi() []string { return []string{"path", "ref", "basehead"} }

// compile prepares a route.
func (gh *GitHub) compile(r route) (route, error) {
	var pattern strings.Builder
	for segment := range strings.SplitSeq(strings.TrimPrefix(r.path, "/"), "/") {
		name, isParam := strings.CutPrefix(segment, "{")
		name = strings.TrimSuffix(name, "}")
		switch {
		case !isParam:
			pattern.WriteString("/" + regexp.QuoteMeta(segment))
			continue
		case name == "path":
			pattern.WriteString("/?(.*)") // the root directory has no path
		case slices.Contains(multi(), name):
			pattern.WriteString("/(.+)")
		default:
			pattern.WriteString("/([^/]+)")
		}
		r.names = append(r.names, name)
	}
	var err error
	if r.pattern, err = regexp.Compile("^" + pattern.String() + "$"); err != nil {
		return r, fmt.Errorf("route %s: %w", r.path, err)
	}
	r.op = gh.schema.operation(r.method, r.path)
	return r, nil
}

// literals counts the fixed parts of a path; the more it has, the sooner it is tried.
func (r route) literals() int {
	return strings.Count(r.path, "/") - strings.Count(r.path, "{")
}

// find returns the route of a request and its parameters.
func (gh *GitHub) find(method, escapedPath string) (route, map[string]string, bool) {
	for _, r := range gh.routes {
		m := r.pattern.FindStringSubmatch(escapedPath)
		if r.method != method || m == nil {
			continue
		}
		params := map[string]string{}
		for i, name := range r.names {
			value, err := url.PathUnescape(m[i+1])
			if err != nil {
				return route{}, nil, false
			}
			params[name] = value
		}
		return r, params, true
	}
	return route{}, nil, false
}

// table is every call, the most special first.
func (gh *GitHub) table() ([]route, error) {
	all := slices.Concat(
		gh.appRoutes(),
		gh.repoRoutes(),
		gh.refRoutes(),
		gh.pullRoutes(),
		gh.commentRoutes(),
		gh.userRoutes(),
		gh.checkRoutes(),
	)
	for i := range all {
		var err error
		if all[i], err = gh.compile(all[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b route) int { return b.literals() - a.literals() })
	return all, nil
}
