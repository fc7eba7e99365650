package kube

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// UseImages completes the containers of steps without run. They execute the command of their image, with the arguments
// that the file gives, and use the image by the digest that the registry returned.
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
		var args []string // of the file, in which a $ is written as $$
		for _, arg := range c.Args {
			args = append(args, strings.ReplaceAll(arg, "$$", "$"))
		}
		command, err := images[i].Command(args)
		if err != nil {
			return err
		}
		c.Args = nil
		for _, word := range command {
			c.Args = append(c.Args, strings.ReplaceAll(word, "$", "$$")) // so that Kubernetes does not expand $(NAME)
		}
		c.Image = images[i].Pinned
	}
	return nil
}
