package ci

// SettleSteps gives the steps and services of a job the states that follow from
// the job's own where nobody has seen them end: of a job that was skipped, or that
// ended before its pod had begun. It is called for each job that is read or ended.
func (j *Job) SettleSteps() {
	for i := range j.Steps {
		j.Steps[i].State = j.settled(j.Steps[i].State)
	}
	for i := range j.Services {
		s := &j.Services[i]
		if s.State == "" { // stored by an earlier version, which kept none
			s.State = j.State
			s.Started = j.Started
			s.Finished = j.Finished
		}
		if j.State.Final() && s.State == Running {
			s.State, s.Finished = Success, j.Finished // ended with the job
		}
		s.State = j.settled(s.State)
	}
}

func (j *Job) settled(state State) State {
	switch {
	case !j.State.Final() || state.Final():
		return state
	case j.State == Skipped, j.State != Cancelled && j.Started.IsZero(): // it never ran
		return Skipped
	}
	return Cancelled
}
