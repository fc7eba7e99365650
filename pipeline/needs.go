package pipeline

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// resolveStepNeeds sets Step.after from the names in needs. It reports unknown names, cycles, and
// steps for failures that nothing comes before.
func (d *decoder) resolveStepNeeds(j *Job) {
	var names []string
	for _, s := range j.Steps {
		names = append(names, s.Name)
	}
	edges := d.stepEdges(j.Steps, names)
	for i, s := range j.Steps {
		s.after = edges[i]
		needsNothing := s.Needs == nil || len(*s.Needs) == 0
		if s.When.Status == "failure" && len(edges[i]) == 0 && needsNothing {
			d.problem(s.When.at("status"), "this step never runs: when.status is failure, but no step comes before it that "+
				"could fail")
		}
	}
	d.checkCycle(edges, names, func(i int) *yaml.Node { return j.Steps[i].at("needs") })
}

// stepEdges returns the indexes of the steps that each step needs.
func (d *decoder) stepEdges(steps []*Step, names []string) [][]int {
	edges := make([][]int, len(steps))
	for i, s := range steps {
		switch {
		case s.Needs != nil:
			edges[i] = d.needIndexes(s.at("needs"), *s.Needs, names, "step")
		case i > 0: // by default, steps run one after another
			edges[i] = []int{i - 1}
		}
	}
	return edges
}

// needIndexes returns the indexes of the needed names, each once. what is step or job.
func (d *decoder) needIndexes(n *yaml.Node, needs, names []string, what string) (indexes []int) {
	seen := map[string]bool{}
	for _, name := range needs {
		if seen[name] {
			continue
		}
		seen[name] = true

		index := slices.Index(names, name)
		switch {
		case index < 0:
			d.problem(n, "needs: there is no %s %q%s", what, name, suggestion(name, names))
			continue
		case slices.Contains(names[index+1:], name):
			d.problem(n, "needs: several %ss are named %q. Give the one you mean a unique name", what, name)
		}
		indexes = append(indexes, index)
	}
	return indexes
}

// checkJobNeeds reports unknown names in the needs of jobs, and cycles.
func (d *decoder) checkJobNeeds(jobs Jobs) {
	var names []string
	for _, j := range jobs {
		names = append(names, j.Name)
	}
	edges := make([][]int, len(jobs))
	for i, j := range jobs {
		if j.Name != "" {
			edges[i] = d.needIndexes(j.at("needs"), j.Needs, names, "job")
		}
	}
	d.checkCycle(edges, names, func(i int) *yaml.Node { return jobs[i].at("needs") })
}

// checkCycle reports the first cycle that a depth-first search finds. at returns where the needs of a
// node are written.
func (d *decoder) checkCycle(edges [][]int, names []string, at func(int) *yaml.Node) {
	const (
		unvisited = iota
		onPath
		finished
	)
	state := make([]int, len(edges))
	var path []int
	var visit func(i int) bool
	visit = func(i int) bool {
		state[i] = onPath
		path = append(path, i)
		for _, to := range edges[i] {
			if state[to] == onPath {
				var cycle []string
				for _, p := range append(path[slices.Index(path, to):], to) {
					cycle = append(cycle, names[p])
				}
				d.problem(at(i), "needs form a cycle: %s", strings.Join(cycle, " needs "))
				return true
			}
			if state[to] == unvisited && visit(to) {
				return true
			}
		}
		path = path[:len(path)-1]
		state[i] = finished
		return false
	}
	for i := range edges {
		if state[i] == unvisited && visit(i) {
			return
		}
	}
}
