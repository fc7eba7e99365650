package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Pick leaves only some of a file: the steps of these names, and of each matrix
// the cells with these values. None picks all. The error names what there is.
func (f *File) Pick(steps []string, values map[string]string) error {
	jobs := f.Jobs
	for _, name := range slices.Sorted(maps.Keys(values)) {
		var kept Jobs
		var has []string
		for _, j := range jobs {
			i := slices.IndexFunc(j.cell, func(v variable) bool { return v.name == name })
			switch {
			case i < 0: // a job without this variable
			case j.cell[i].value == values[name]:
				kept = append(kept, j)
			case !slices.Contains(has, j.cell[i].value):
				has = append(has, j.cell[i].value)
			}
		}
		if len(kept) == 0 && len(has) == 0 {
			return fmt.Errorf("no matrix of the file has %s", name)
		}
		if len(kept) == 0 {
			return fmt.Errorf("%s is never %q in the file's matrix; it has %s", name, values[name], strings.Join(has, ", "))
		}
		jobs = kept
	}
	var has []string
	found := map[string]bool{}
	for _, j := range jobs {
		for _, s := range j.Steps {
			s.left = len(steps) > 0 && !slices.Contains(steps, s.Name)
			found[s.Name] = true
			if !slices.Contains(has, s.Name) {
				has = append(has, s.Name)
			}
		}
	}
	for _, name := range steps {
		if !found[name] {
			return fmt.Errorf("the file has no step %q; it has: %s", name, strings.Join(has, ", "))
		}
	}
	f.Jobs = jobs
	return nil
}
