package ci_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestC19CommandOfAnImage has what a step without run executes.
func TestC19CommandOfAnImage(t *testing.T) {
	words := strings.Fields
	for name, c := range map[string]struct {
		image      ci.Image
		args, want []string
		wrong      string
	}{
		"both":                     {image: ci.Image{Entrypoint: words("trivy"), Cmd: words("--help")}, want: words("trivy --help")},
		"args replace CMD":         {image: ci.Image{Entrypoint: words("trivy"), Cmd: words("--help")}, args: words("fs ."), want: words("trivy fs .")},
		"ENTRYPOINT alone":         {image: ci.Image{Entrypoint: words("/bin/scan -q")}, want: words("/bin/scan -q")},
		"CMD alone":                {image: ci.Image{Cmd: words("serve --once")}, want: words("serve --once")},
		"args alone":               {image: ci.Image{Cmd: words("sh")}, args: words("ls -l"), want: words("ls -l")},
		"nothing":                  {image: ci.Image{Name: "scratch/x"}, wrong: "not valid: image scratch/x has no ENTRYPOINT or CMD: set run on the step"},
		"a shell":                  {image: ci.Image{Name: "golang", Cmd: words("bash")}, wrong: "image golang runs bash"},
		"a shell by its path":      {image: ci.Image{Name: "alpine", Cmd: words("/bin/sh")}, wrong: "image alpine runs sh"},
		"an interpreter":           {image: ci.Image{Name: "python", Cmd: words("python3.13")}, wrong: "image python runs python,"},
		"behind an ENTRYPOINT":     {image: ci.Image{Name: "node", Entrypoint: words("docker-entrypoint.sh"), Cmd: words("node")}, wrong: "image node runs node"},
		"a shell with a script":    {image: ci.Image{Cmd: words("sh -c true")}, want: words("sh -c true")},
		"an ENTRYPOINT shell, CMD": {image: ci.Image{Entrypoint: words("sh"), Cmd: words("/run.sh")}, want: words("sh /run.sh")},
	} {
		got, err := c.image.Command(c.args)
		switch {
		case c.wrong != "":
			if !errors.Is(err, ci.ErrInvalid) || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want %q", name, err, c.wrong)
			}
		case err != nil || !slices.Equal(got, c.want):
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}
