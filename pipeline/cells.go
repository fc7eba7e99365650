package pipeline

import (
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// cells makes each job once for each cell of its matrix, with the values filled in.
// How many there are and what they come to is known before the first is made.
func (d *decoder) cells(f *File, jobs []*Job) {
	all, count := make([][][]variable, len(jobs)), 0
	for i, j := range jobs {
		d.job(j)
		all[i] = [][]variable{nil}
		if j.Matrix != nil {
			all[i] = j.Matrix.expand(d)
		}
		count += len(all[i])
	}
	d.sameLabels(jobs, all)
	if count > MaxJobs {
		d.tooManyJobs(f.at("jobs"), count)
	}
	d.runSize(f, jobs, all)
	f.Jobs = nil
	for i, j := range jobs {
		for _, cell := range all[i] {
			f.Jobs = append(f.Jobs, d.cell(j, cell))
		}
	}
	d.imageCount(f)
}

// imageCount bounds how many images the server must ask registries about for a file.
func (d *decoder) imageCount(f *File) {
	asked := map[string]bool{}
	for _, j := range f.Jobs {
		for _, s := range j.Steps {
			if !s.runsImage() {
				continue
			}
			if asked[s.Image] = true; len(asked) > MaxAskedImages {
				d.problem(
					s.at("image"),
					"the steps without run have more than %d different images; write run on some of them",
					MaxAskedImages,
				)
				return
			}
		}
	}
}

// sameLabels refuses combinations that people and GitHub could not tell apart.
func (d *decoder) sameLabels(jobs []*Job, all [][][]variable) {
	for i, j := range jobs {
		seen := map[string]bool{}
		for _, cell := range all[i] {
			shown := label(cell)
			if seen[shown] {
				d.problem(
					j.at("matrix"),
					"two combinations of the matrix are shown as %q; make their values differ in the first %d letters",
					shown,
					maxLabelWordBytes,
				)
			}
			seen[shown] = true
		}
	}
}

// cell is a copy of a job for one cell. Images are checked here, where they are whole.
func (d *decoder) cell(j *Job, cell []variable) *Job {
	out := *j
	out.cell = cell
	fill := func(text string, n *yaml.Node) string { return d.fill(text, cell, n) }
	out.Image = fill(j.Image, j.at("image"))
	d.image(j.at("image"), out.Image)
	if n := j.at("working_directory"); j.has("working_directory") {
		out.WorkingDir = d.workingDir(n, fill(j.WorkingDir, n))
	}
	jobEnv := overlay(matrixEnv(cell), d.fillEnv(j.Env, cell, j.at("env"))) // the file's own names hold
	out.Resources = d.amounts(j.Resources, cell)
	out.Steps = nil
	for i, s := range j.Steps {
		c := *s
		if s.has("name") {
			if c.Name = fill(s.Name, s.at("name")); c.Name != s.Name {
				d.name(s.at("name"), c.Name, "step")
			}
		}
		if c.Image = fill(s.Image, s.at("image")); s.has("image") {
			d.ownImage(s.at("image"), c.Image)
		}
		if c.Image == "" {
			c.Image = out.Image
		}
		if c.runsImage() {
			d.fillArgs(&c, s, cell, i)
		}
		if c.Image == "" && !s.meant["image"] && !j.meant["image"] && !d.topMeant["image"] {
			d.problem(s.at(""), "step %d has no image: set image on the step, or at the top for all steps", i+1)
		}
		if c.User == nil {
			c.User = out.User
		}
		c.WorkingDir = out.WorkingDir
		if n := s.at("working_directory"); s.has("working_directory") {
			c.WorkingDir = d.workingDir(n, fill(s.WorkingDir, n))
		}
		c.Env = overlay(jobEnv, d.fillEnv(s.Env, cell, s.at("env")))
		c.Resources = d.amounts(s.Resources, cell).or(out.Resources)
		out.Steps = append(out.Steps, &c)
	}
	out.Services = nil
	for _, s := range j.Services {
		c := *s
		c.Image = fill(s.Image, s.at("image"))
		d.ownImage(s.at("image"), c.Image)
		c.Env = d.fillEnv(s.Env, cell, s.at("env"))
		c.Resources = d.amounts(s.Resources, cell)
		out.Services = append(out.Services, &c)
	}
	d.envSize(&out)
	return &out
}

// fillArgs fills in the args of a step, and its name where they make it. No shell reads args, so values cannot become
// commands.
func (d *decoder) fillArgs(filled, s *Step, cell []variable, i int) {
	filled.Args = nil
	for _, arg := range s.Args {
		filled.Args = append(filled.Args, d.fill(arg, cell, s.at("args")))
	}
	if !s.has("name") {
		filled.Name = title(filled, i)
	}
}

func (d *decoder) fillEnv(env Env, cell []variable, n *yaml.Node) Env {
	out := Env{}
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out[k] = d.fill(env[k], cell, n)
	}
	return out
}

func (d *decoder) amounts(r Resources, cell []variable) Resources {
	for what, q := range map[string]*Quantity{"cpu": &r.CPU, "memory": &r.Memory, "disk": &r.Disk} {
		filled := d.fill(string(*q), cell, r.at(what))
		if filled != string(*q) {
			d.quantity(r.at(what), filled, what)
		}
		*q = Quantity(filled)
	}
	return r
}
