package pipeline_test

import (
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/citest/hostile"
	"github.com/yaci-ci/yaci/pipeline"
)

// TestThreats refuses files that attacked, or broke, other CI systems. What holds for every Job is in rules_test.go.
func TestThreats(t *testing.T) {
	shapes := hostile.Shapes()
	for name, c := range map[string]struct{ text, problem string }{
		"a patch of the pod: CVE-2026-31892": {
			"image: a\npodSpecPatch: 'x'\nsteps: [b]\n",
			`unknown key "podSpecPatch"`,
		},
		"a patch of a step's pod: CVE-2026-42296": {
			"image: a\nsteps: [{run: b, securityContext: {privileged: true}}]\n",
			`unknown key "securityContext"`,
		},
		"keys that come by a merge: CVE-2026-54526": {
			"x-a: &a {privileged: true}\nimage: a\nsteps: [{run: b, <<: *a}]\n",
			`unknown key "privileged"`,
		},
		"a service account: CVE-2026-61549": {
			"image: a\nserviceAccountName: admin\nsteps: [b]\n",
			`unknown key "serviceAccountName"`,
		},
		"a privileged job: Woodpecker #1646": {
			"image: a\nprivileged: true\nsteps: [b]\n",
			`unknown key "privileged"`,
		},
		"a mount: CVE-2026-40923": {
			"image: a\nvolumes: [/:/host]\nsteps: [b]\n",
			`unknown key "volumes"`,
		},
		"a file that panicked in YAML: CVE-2022-28948": {"0: [:!00 \xef", ""},
		"aliases of aliases: CVE-2019-11254":           {shapes["alias bomb"], ""},
		"merges of merges: CVE-2021-4235":              {shapes["merge bomb"], ""},
		"deep nesting: CVE-2022-3064":                  {shapes["deep flow"], ""},
		"a huge file: GHSA-4fcp-jxh7-23x8":             {shapes["huge"], ""},
		"a secret that is a path: GHSA-vc3v-p3pr-4f5x": {
			"image: a\nsteps: [{run: b, secrets: [../etc]}]\n",
			`secret "../etc"`,
		},
		"a variable of the runner: CVE-2024-41122": {
			"image: a\nenv: {YACI_CLONE_URL: x}\nsteps: [b]\n",
			`"YACI_CLONE_URL" cannot be set`,
		},
		"text that is turned round: Woodpecker #516": {
			"image: a\nsteps: [\"b\", \"c \u202e d\"]\n",
			"U+202E changes the direction",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pipeline.Parse([]byte(c.text))
			if err == nil {
				t.Fatal("the file is accepted")
			}
			if !strings.Contains(err.Error(), c.problem) {
				t.Errorf("problem %q, want %q", err, c.problem)
			}
		})
	}
	t.Run("more time than the operator allows: Woodpecker #1875", func(t *testing.T) {
		file, err := pipeline.Parse([]byte("image: a\ntimeout: 48h\nsteps: [b]\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = pipeline.Compile(file, input(), operator())
		if err == nil || !strings.Contains(err.Error(), "more than this server allows") {
			t.Errorf("problem %v, want that 48h is more than this server allows", err)
		}
	})
}
