package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/admin"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/doctor"
)

// doctorCmd checks an installation with the settings of its server.
type doctorCmd struct {
	config.Config
	NoProbe bool `help:"Do not start probe pods; skips the network, user-namespace and hardening checks."`
	JSON    bool `name:"json" help:"Print JSON."`
}

// Run prints the findings. The error is errProblems if one of them is a problem; warnings are no error.
func (d doctorCmd) Run(ctx context.Context, out output) error {
	problems, err := admin.Doctor(ctx, d.Config, admin.DoctorOptions{NoProbe: d.NoProbe, JSON: d.JSON}, out.stdout)
	if err != nil {
		return err
	}
	if problems > 0 {
		return errProblems
	}
	return nil
}

// probe is what the pods of yaci doctor run.
type probe struct {
	Listen string            `help:"Accept connections at this address until the pod is deleted."`
	Dial   map[string]string `help:"Name and host:port of an address to connect to." mapsep:"none"`
	Fill   bool              `help:"Start threads until the kernel refuses one."`
}

// Run listens, starts threads, or reports what this pod can see and reach.
func (p probe) Run(ctx context.Context, out output) error {
	switch {
	case p.Fill:
		return doctor.StartThreads(out.stdout)
	case p.Listen != "":
		return admin.ServeProbe(ctx, p.Listen, out.stdout)
	}
	return admin.Inspect(ctx, p.Dial, startThreads, out.stdout)
}

// startThreadsTimeout is how long starting all threads may take.
const startThreadsTimeout = 20 * time.Second

// startThreads runs yaci probe --fill in a process of its own, since the Go runtime ends a process that is refused a
// thread.
func startThreads(ctx context.Context) doctor.ThreadRun {
	program, err := os.Executable()
	if err != nil {
		return doctor.ThreadRun{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, startThreadsTimeout)
	defer cancel()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, program, "probe", "--fill")
	cmd.Env = append(os.Environ(), "GOTRACEBACK=none")
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	err = cmd.Run()
	return doctor.ThreadRun{Stdout: stdout.String(), Stderr: stderr.String(), Err: err}
}
