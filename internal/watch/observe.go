package watch

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// View is all that Observe may know: nil and empty are cases, not mistakes.
type View struct {
	Stored ci.Job        // as the database has it
	Job    *batchv1.Job  // nil: there is none of that name
	Pods   []*corev1.Pod // those that the Job controls, by UID

	Refusal  string         // what the cluster says when it does not take the Job's pod
	Nodes    []*corev1.Node // of the cluster, when its pod has none; empty: not known
	Now      time.Time
	Patience time.Duration // how long a pod may wait for a node, or for the quota
}

// Sighting is where a job stands.
type Sighting struct {
	Job    ci.Job
	Cloned bool          // the clone container is done with its Secret
	Note   string        // of the clone container, for an operator
	Stop   bool          // the outcome is known although containers still run
	Lost   string        // the cluster lost the job for this reason, and it shall be run again
	Linger bool          // YACI's containers have ended, and one that admission has added keeps the pod running
	Wait   time.Duration // the outcome counts when it is still seen after this time

	nodes  []*corev1.Node
	blamed string // a step that was skipped because of another's failure
}

// Observe says where a job stands.
func Observe(v View) Sighting {
	s := Sighting{Job: v.Stored, nodes: v.Nodes}
	s.Job.Steps = slices.Clone(v.Stored.Steps)
	s.Job.Services = slices.Clone(v.Stored.Services)
	switch {
	case v.Job == nil || string(v.Job.UID) != v.Stored.UID || v.Job.DeletionTimestamp != nil && (len(v.Pods) == 0 || slices.ContainsFunc(v.Pods, alive)):
		s.end(ci.Cancelled, "Cancelled: the Job was deleted outside YACI.")
		s.Stop = v.Job != nil && string(v.Job.UID) == v.Stored.UID // its finalizer keeps the pods running
	case len(v.Pods) == 0:
		s.withoutPod(v)
	case len(v.Pods) > 1:
		s.lose("its Job controller started it twice") // as one may that has lost its API server
	default:
		s.pod(v, v.Pods[0])
	}
	return s
}

// detail keeps the cluster's own words, which the job's page shows and a status does not.
func (s *Sighting) detail(words string) { s.Job.Detail = ci.CleanText(words, maxDetail) }

// end sets the outcome. Steps that have none are over with the job.
func (s *Sighting) end(state ci.State, message string) {
	s.Job.State, s.Job.Message = state, ci.CleanText(message, maxMessage)
	s.Job.InferStepStates()
}

// pod reads the one pod of the job.
func (s *Sighting) pod(v View, pod *corev1.Pod) {
	seen := containers(pod)
	clone := seen[runner.CloneContainer].State.Terminated
	s.Cloned, s.Note = clone != nil, noteOf(clone)
	all, some, dead := s.steps(seen)
	s.services(seen)
	by := causeOf(pod, s.name)
	if by == (cause{}) {
		by = s.lostContainers(pod)
	}
	over := all || !alive(pod)
	s.Linger = all && alive(pod) && s.foreign(pod, func(t *corev1.ContainerStateTerminated) bool { return t == nil })
	switch {
	case timeIsOver(v.Job) && pod.Status.Phase != corev1.PodSucceeded && s.passed(pod):
		s.verdict(pod, cause{}) // before the time was over; what it ended was not YACI's
	case timeIsOver(v.Job) && pod.Status.Phase != corev1.PodSucceeded:
		if over || unscheduled(pod) != "" { // until then the containers are being told to end
			s.timedOut(v.Job, pod)
		}
	case s.Cloned && clone.ExitCode != 0:
		s.blame(by, cloneMessage(clone))
		if by.detail == "" {
			s.startDetail(seen, runner.CloneContainer)
		}
		s.Stop = alive(pod)
	case over:
		s.verdict(pod, by)
	case by != cause{}:
		s.blame(by, "")
		s.Wait = grace // for its containers to end, so that nothing runs twice at once
	case dead:
		s.verdict(pod, by)
		s.Stop = true
	case !some && s.deadService(seen) != "":
		s.end(ci.Error, s.deadService(seen))
		s.startDetail(seen, s.serviceContainers()...)
		s.Stop = true
	default:
		s.blocked(pod, v.Patience)
	}
}

// containers are the statuses of a pod's containers by name. It copies, because the pod belongs to the informer.
func containers(pod *corev1.Pod) map[string]corev1.ContainerStatus {
	seen := map[string]corev1.ContainerStatus{}
	for _, c := range allContainers(pod) {
		seen[c.Name] = c
	}
	return seen
}

func allContainers(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

func alive(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}
