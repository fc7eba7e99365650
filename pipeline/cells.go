package pipeline

import (
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// cellsOf is a job once for each cell of its matrix, with the values filled in.
func (d *decoder) cellsOf(j *Job) (jobs []*Job) {
	cells := [][]variable{nil}
	if j.Matrix != nil {
		cells = j.Matrix.expand(d)
	}
	for _, cell := range cells {
		jobs = append(jobs, d.cell(j, cell))
	}
	return jobs
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
	jobEnv := overlay(d.fillEnv(j.Env, cell, j.at("env")), matrixEnv(cell))
	out.Resources = d.amounts(j.Resources, cell)
	out.Steps = nil
	for i, s := range j.Steps {
		c := *s
		if s.has("name") {
			c.Name = fill(s.Name, s.at("name"))
		}
		if c.Image = fill(s.Image, s.at("image")); c.Image == "" {
			c.Image = out.Image
		} else {
			d.image(s.at("image"), c.Image)
		}
		if c.Image == "" {
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
		d.image(s.at("image"), c.Image)
		c.Env = d.fillEnv(s.Env, cell, s.at("env"))
		c.Resources = d.amounts(s.Resources, cell)
		out.Services = append(out.Services, &c)
	}
	d.envSize(&out)
	return &out
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
