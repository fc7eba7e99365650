package main

import (
	"fmt"
	"os"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// finish prints the reason and completes a record with what the container printed.
func finish(r *runner.Record, out *output) {
	if r.Reason != "" && !r.Skipped {
		out.say(r.Reason)
	}
	r.Finished = now()
	r.Bytes, r.Lines = out.totals()
}

// report leaves a record where the server reads it.
func report(r runner.Record, at layout, budget int) error {
	if err := os.WriteFile(at.termination, []byte(r.Encode(budget)), 0o666); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

func now() int64 { return time.Now().UnixMilli() }
