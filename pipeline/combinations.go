package pipeline

import (
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// expandJobs sets f.Jobs: each job once for each combination of its matrix, with expressions
// expanded. It checks the number and the size of the jobs before it creates the first one.
func (d *decoder) expandJobs(f *File, jobs []*Job) {
	combinations := make([][]combination, len(jobs))
	count := 0
	for i, j := range jobs {
		d.checkJob(j)
		combinations[i] = []combination{nil}
		if j.Matrix != nil {
			combinations[i] = j.Matrix.combinations(d)
		}
		count += len(combinations[i])
	}
	d.checkLabels(jobs, combinations)
	if count > MaxJobs {
		d.tooManyJobs(f.at("jobs"), count)
	}
	d.checkRunSize(f, jobs, combinations)

	f.Jobs = nil
	for i, j := range jobs {
		for _, c := range combinations[i] {
			f.Jobs = append(f.Jobs, d.expandJob(j, c))
		}
	}
	d.checkImageCount(f)
}

// checkLabels reports combinations that people and GitHub could not tell apart.
func (d *decoder) checkLabels(jobs []*Job, combinations [][]combination) {
	for i, j := range jobs {
		seen := map[string]bool{}
		for _, c := range combinations[i] {
			label := c.label()
			if seen[label] {
				d.problem(j.at("matrix"), "two combinations of the matrix have the same name %q. "+
					"Make their values differ in the first %d characters", label, maxLabelValueBytes)
			}
			seen[label] = true
		}
	}
}

// expandJob returns a copy of a job for one combination. It checks what is complete only now, such
// as the names of images.
func (d *decoder) expandJob(j *Job, c combination) *Job {
	out := *j
	out.combination = c
	out.Image = d.expand(j.Image, c, j.at("image"))
	d.checkImage(j.at("image"), out.Image)
	if n := j.at("working_directory"); j.has("working_directory") {
		out.WorkingDir = d.checkWorkingDir(n, d.expand(j.WorkingDir, c, n))
	}
	env := mergeEnv(c.env(), d.expandEnv(j.Env, c, j.at("env"))) // the file's variables win
	out.Resources = d.expandResources(j.Resources, c)

	out.Steps = nil
	for i, s := range j.Steps {
		out.Steps = append(out.Steps, d.expandStep(&out, env, s, i))
	}
	out.Services = nil
	for _, s := range j.Services {
		out.Services = append(out.Services, d.expandService(s, c))
	}
	d.checkEnvSize(&out)
	return &out
}

// expandStep returns a copy of step i for the combination of a job, with the job's defaults. env has
// the variables of the job and of the combination.
func (d *decoder) expandStep(j *Job, env Env, s *Step, i int) *Step {
	c := j.combination
	out := *s
	if s.has("name") {
		out.Name = d.expand(s.Name, c, s.at("name"))
		if out.Name != s.Name {
			d.checkName(s.at("name"), out.Name, "step")
		}
	}

	out.Image = d.expand(s.Image, c, s.at("image"))
	if s.has("image") {
		d.checkImageIsSet(s.at("image"), out.Image)
	}
	if out.Image == "" {
		out.Image = j.Image
	}
	if out.runsImage() {
		d.expandArgs(&out, s, c, i)
	}
	if out.Image == "" && !s.intended["image"] && !j.intended["image"] && !d.topIntended["image"] {
		d.problem(s.at(""), "step %d has no image. Set image on the step, or at the top of the file for all steps", i+1)
	}

	if out.User == nil {
		out.User = j.User
	}
	out.WorkingDir = j.WorkingDir
	if n := s.at("working_directory"); s.has("working_directory") {
		out.WorkingDir = d.checkWorkingDir(n, d.expand(s.WorkingDir, c, n))
	}
	out.Env = mergeEnv(env, d.expandEnv(s.Env, c, s.at("env")))
	out.Resources = d.expandResources(s.Resources, c).withDefaults(j.Resources)
	return &out
}

// expandArgs sets the args of a step, and its name if that is made from them. No shell reads args, so
// values cannot become commands.
func (d *decoder) expandArgs(out, s *Step, c combination, i int) {
	out.Args = nil
	for _, arg := range s.Args {
		out.Args = append(out.Args, d.expand(arg, c, s.at("args")))
	}
	if !s.has("name") {
		out.Name = title(out, i)
	}
}

// expandService returns a copy of a service for one combination.
func (d *decoder) expandService(s *Service, c combination) *Service {
	out := *s
	out.Image = d.expand(s.Image, c, s.at("image"))
	d.checkImageIsSet(s.at("image"), out.Image)
	out.Env = d.expandEnv(s.Env, c, s.at("env"))
	out.Resources = d.expandResources(s.Resources, c)
	return &out
}

// expandEnv returns env with expressions expanded in the values. It goes through the names in
// order, so that the budget is exceeded at the same place each time.
func (d *decoder) expandEnv(env Env, c combination, n *yaml.Node) Env {
	out := Env{}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out[name] = d.expand(env[name], c, n)
	}
	return out
}

// expandResources returns r with expressions expanded. A quantity with an expression could not be
// checked before.
func (d *decoder) expandResources(r Resources, c combination) Resources {
	for key, q := range map[string]*Quantity{"cpu": &r.CPU, "memory": &r.Memory, "disk": &r.Disk} {
		expanded := d.expand(string(*q), c, r.at(key))
		if expanded != string(*q) {
			d.checkQuantity(r.at(key), expanded, key)
		}
		*q = Quantity(expanded)
	}
	return r
}
