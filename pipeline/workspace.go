package pipeline

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// settleOwner decides who owns the workspace. It is a directory of its volume, which
// steps mount by a sub-path, so that it can belong to the user of the steps, which
// the root of a volume never does.
//
// When the file names one user for all steps, the clone container runs as that
// user, and nothing else is to be done. Otherwise the first step adopts the
// workspace, and the steps hand it over when their users differ
// (cmd/yaci-step/ownership.go). Root always adopts, since the clone container never
// runs as root.
func settleOwner(clone *corev1.Container, plans []runner.StepPlan, steps []*Step) {
	var classes []string
	for i, s := range steps {
		class := "image " + s.Image
		if s.User != nil {
			class = fmt.Sprint("user ", s.User.UID)
		}
		if !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
		plans[i].Class = slices.Index(classes, class)
	}
	if len(classes) == 1 && steps[0].User != nil && steps[0].User.UID != 0 {
		uid := steps[0].User.UID
		gid := &uid
		if steps[0].User.GID != nil {
			gid = steps[0].User.GID
		}
		clone.SecurityContext.RunAsUser, clone.SecurityContext.RunAsGroup = &uid, gid
		clone.Env = append(clone.Env, environment(runner.Clone{Owned: true}.Environment())...)
		return
	}
	for i := range plans {
		if len(plans[i].Needs) == 0 {
			plans[i].Adopt = true
			return
		}
	}
}
