package kube

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// UseImages completes the containers of steps without run, whose arguments are those of the file: they run what their
// images are made to run, and their images are those of the digests that the registries gave.
func UseImages(job *batchv1.Job, images []ci.Image) error {
	containers := job.Spec.Template.Spec.Containers
	for n := range containers {
		c := &containers[n]
		if !runner.RunsImageCommand(c.Command) {
			continue
		}
		i := slices.IndexFunc(images, func(i ci.Image) bool { return i.Name == c.Image && i.Pinned != "" })
		if i < 0 {
			return fmt.Errorf("container %s: its image %s is not resolved", c.Name, c.Image)
		}
		var given []string
		for _, arg := range c.Args {
			given = append(given, strings.ReplaceAll(arg, "$$", "$"))
		}
		command, err := images[i].Command(given)
		if err != nil {
			return err
		}
		c.Args = nil
		for _, word := range command { // Kubernetes would fill in $(NAME)
			c.Args = append(c.Args, strings.ReplaceAll(word, "$", "$$"))
		}
		c.Image = images[i].Pinned
	}
	return nil
}
