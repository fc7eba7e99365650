package ci

// HasContainer reports whether a container is that of one of the job's steps or services.
func (j Job) HasContainer(name string) bool {
	for _, s := range j.Steps {
		if s.Container == name {
			return true
		}
	}
	for _, s := range j.Services {
		if s.Container == name {
			return true
		}
	}
	return false
}

// InferStepStates sets the states of the steps and services whose end nobody observed, as they
// follow from the job's own state: for example those of a job that was skipped, or that ended
// before its pod started. It is called whenever a job is read or has ended.
func (j *Job) InferStepStates() {
	for i := range j.Steps {
		j.Steps[i].State = j.inferred(j.Steps[i].State)
	}
	for i := range j.Services {
		s := &j.Services[i]
		if s.State == "" { // stored by an earlier version, which kept none
			s.State = j.State
			s.Started, s.Finished = j.Started, j.Finished
		}
		if j.State.Final() && s.State == Running { // services end with the job
			s.State = Success
			s.Finished = j.Finished
		}
		s.State = j.inferred(s.State)
	}
}

// inferred returns the state of a step or service given the one that was observed.
func (j *Job) inferred(observed State) State {
	switch {
	case !j.State.Final() || observed.Final():
		return observed
	case j.State == Skipped, j.State != Cancelled && j.Started.IsZero(): // it never ran
		return Skipped
	}
	return Cancelled
}
