package watch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// How long something that may pass by itself must last before it ends a job.
const (
	doubtFor   = 3 * time.Second  // the Job controller deletes pods first and says why in its next write
	refusalAge = 5 * time.Second  // by then the Job controller has tried to make the pod
	grace      = 45 * time.Second // a registry, or a container runtime, that stumbles
)

// blocked ends a job one of whose containers can never start, or that no node has room for.
func (s *Sighting) blocked(pod *corev1.Pod, patience time.Duration) {
	// A container that admission has added keeps the steps from running only if it is an init container.
	names := own(s.Job)
	foreign := func(c corev1.ContainerStatus) bool { return !names[c.Name] }
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, slices.DeleteFunc(slices.Clone(pod.Status.ContainerStatuses), foreign)) {
		if w := c.State.Waiting; w != nil {
			switch w.Reason {
			case "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError":
				s.cannotStart(c, 0)
			case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable":
				s.cannotStart(c, patienceWith(w.Message))
			case "CreateContainerError", "RunContainerError", "PostStartHookError":
				s.cannotStart(c, grace)
			default:
				continue
			}
			return
		}
	}
	if why := unscheduled(pod); why != "" && alive(pod) {
		if never := tooLarge(pod, s.nodes); never != "" {
			s.end(ci.Error, never)
			s.Stop = true
			return
		}
		s.end(ci.Error, fmt.Sprintf("No node had room for the job for %s: %s Ask for less in resources, or add a node.", ci.Duration(patience), sentence(trim(why))))
		s.Stop, s.Wait = true, patience
	}
}

// final are a registry's words that another try does not change.
var final = regexp.MustCompile(`(?i)not ?found|does not exist|denied|unauthorized|forbidden|manifest unknown|no match for platform|invalid reference`)

func patienceWith(registry string) time.Duration {
	if final.MatchString(registry) && !strings.Contains(registry, "no such host") {
		return 0
	}
	return grace
}

func (s *Sighting) cannotStart(c corev1.ContainerStatus, wait time.Duration) {
	why := fmt.Sprintf("cannot start with image %s: %s", c.Image, words(c.State.Waiting.Message))
	for i := range s.Job.Steps {
		if step := &s.Job.Steps[i]; step.Container == c.Name {
			step.State, step.Reason = ci.Error, ci.CleanText(why, maxText)
		}
	}
	for i := range s.Job.Services {
		if service := &s.Job.Services[i]; service.Container == c.Name {
			service.State = ci.Error
		}
	}
	s.end(ci.Error, s.name(c.Name)+" "+why)
	s.Stop, s.Wait = true, wait
}

// rpc is what the container runtime puts before what the registry said.
var rpc = regexp.MustCompile(`^(Back-off pulling image "[^"]*": )?(ErrImagePull: )?((rpc error: code = \w+ desc = )?[a-z]+ to (pull and unpack image|resolve reference|copy|do request) ?("[^"]*")?: )*((Head|Get) "[^"]*": )?`)

// words are the registry's own, as far as they can be told from the rest.
func words(message string) string {
	if strings.Contains(message, "no match for platform") { // containerd, of an image of other architectures only
		return "the image is not built for the architecture of the node. Use an image for it, or one for several architectures."
	}
	if rest := strings.TrimSpace(rpc.ReplaceAllString(message, "")); rest != "" {
		return rest
	}
	return message
}

// refused ends a job whose pod the cluster does not take. A full quota may have room again.
func (s *Sighting) refused(why string, patience time.Duration) {
	switch {
	case why == "":
		return
	case strings.Contains(why, exceeded):
		s.end(ci.Error, fmt.Sprintf("The namespace's quota had no room for the job for %s: %s", ci.Duration(patience), why))
		s.Wait = patience
	default:
		s.end(ci.Error, "The cluster refuses the job's pod: "+why)
		s.Wait = doubtFor
	}
	s.Stop = true
}
