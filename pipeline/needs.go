package pipeline

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// stepNeeds resolves the names in needs, and checks that they make no circle.
func (d *decoder) stepNeeds(j *Job) {
	var names []string
	for _, s := range j.Steps {
		names = append(names, s.Name)
	}
	edges := d.edges(j.Steps, names)
	for i, s := range j.Steps {
		s.after = edges[i]
		if s.When.Status == "failure" && len(edges[i]) == 0 && (s.Needs == nil || len(*s.Needs) == 0) {
			d.problem(s.When.at("status"), "when.status failure never runs this step: no step comes before it that could fail")
		}
	}
	d.circle(edges, names, func(i int) *yaml.Node { return j.Steps[i].at("needs") })
}

// edges are the steps that each step needs; a name that is not there is a problem.
func (d *decoder) edges(steps []*Step, names []string) [][]int {
	edges := make([][]int, len(steps))
	for i, s := range steps {
		if s.Needs == nil {
			edges[i] = before(i)
			continue
		}
		seen := map[string]bool{}
		for _, name := range *s.Needs {
			if seen[name] {
				continue
			}
			seen[name] = true
			if at := d.named(s.at("needs"), name, names, "step"); at >= 0 {
				edges[i] = append(edges[i], at)
			}
		}
	}
	return edges
}

// before is the default of needs: the step before, so steps run one after another.
func before(i int) []int {
	if i == 0 {
		return nil
	}
	return []int{i - 1}
}

func (d *decoder) named(n *yaml.Node, name string, names []string, what string) int {
	at := slices.Index(names, name)
	switch {
	case at < 0:
		d.problem(n, "needs: there is no %s %q%s", what, name, suggestion(name, names))
	case slices.Contains(names[at+1:], name):
		d.problem(n, "needs: several %ss are called %q: give the one that is meant a name", what, name)
	}
	return at
}

func (d *decoder) jobNeeds(jobs Jobs) {
	var names []string
	for _, j := range jobs {
		names = append(names, j.Name)
	}
	edges := make([][]int, len(jobs))
	for i, j := range jobs {
		if j.Name == "" {
			continue
		}
		seen := map[string]bool{}
		for _, name := range j.Needs {
			if seen[name] {
				continue
			}
			seen[name] = true
			if at := d.named(j.at("needs"), name, names, "job"); at >= 0 {
				edges[i] = append(edges[i], at)
			}
		}
	}
	d.circle(edges, names, func(i int) *yaml.Node { return jobs[i].at("needs") })
}

// circle reports the first circle that it finds: a needs b needs a.
func (d *decoder) circle(edges [][]int, names []string, at func(int) *yaml.Node) {
	state := make([]int, len(edges)) // 0 new, 1 on the path, 2 done
	var path []int
	var visit func(i int) bool
	visit = func(i int) bool {
		state[i] = 1
		path = append(path, i)
		for _, to := range edges[i] {
			if state[to] == 1 {
				var words []string
				for _, p := range append(path[slices.Index(path, to):], to) {
					words = append(words, names[p])
				}
				d.problem(at(i), "needs go in a circle: %s", strings.Join(words, " needs "))
				return true
			}
			if state[to] == 0 && visit(to) {
				return true
			}
		}
		path = path[:len(path)-1]
		state[i] = 2
		return false
	}
	for i := range edges {
		if state[i] == 0 && visit(i) {
			return
		}
	}
}
