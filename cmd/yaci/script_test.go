package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/yaci-ci/yaci/internal/e2e"
)

// TestMain lets scripts call yaci, which is then this binary.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"yaci": main})
}

// Sessions without a server.
func TestOffline(t *testing.T) {
	testscript.Run(
		t,
		testscript.Params{
			Dir:  "../../testdata/script/offline",
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": e2e.ExitCode},
			Setup: func(env *testscript.Env) error {
				env.Setenv("XDG_CONFIG_HOME", env.WorkDir)
				return nil
			},
		},
	)
}
