package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/server"
)

// doctorCmd examines an installation with the settings of its server.
type doctorCmd struct {
	config.Config
	NoProbe bool `help:"Start no pods; what builds meet is then not looked at."`
	JSON    bool `name:"json" help:"Print JSON."`
}

// Run ends with 1 when there are problems; warnings are none.
func (d doctorCmd) Run(ctx context.Context, out output) error {
	problems, err := server.Doctor(ctx, d.Config, server.Checkup{NoProbe: d.NoProbe, JSON: d.JSON}, out.stdout)
	if err == nil && problems > 0 {
		return errFound
	}
	return err
}

// probe is what the doctor's Jobs run.
type probe struct {
	Listen string            `help:"Accept connections here until the end."`
	Dial   map[string]string `help:"Name and host:port of what to reach for." mapsep:"none"`
	Fill   bool              `help:"Start threads until the kernel refuses one."`
}

// Run looks around.
func (p probe) Run(ctx context.Context, out output) error {
	if p.Fill {
		return server.StartThreads(out.stdout)
	}
	if p.Dial == nil {
		p.Dial = map[string]string{}
	}
	return server.Probe(ctx, p.Listen, p.Dial, fill, out.stdout)
}

// fillTime is how long starting all threads may take.
const fillTime = 20 * time.Second

// fill runs yaci probe --fill in a process of its own, since the Go runtime ends a process that is refused a thread.
func fill(ctx context.Context) (f server.Filled) {
	self, err := os.Executable()
	if err != nil {
		return server.Filled{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, fillTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "probe", "--fill")
	cmd.Env = append(os.Environ(), "GOTRACEBACK=none")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	server.ReserveThreads()
	f.Err = cmd.Run()
	f.Out, f.Errs = out.String(), errs.String()
	return f
}
