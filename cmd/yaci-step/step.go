package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// plan is the part of pipeline.StepPlan that is read here.
type plan struct {
	Name   string   `json:"name"`
	Script string   `json:"script"`
	Needs  []int    `json:"needs"`
	Shell  []string `json:"shell"`
}

// step is one container's life: wait, run, record. It returns the exit code.
func step(index int, at layout) int {
	p, err := readPlan(index, at)
	if err != nil {
		return end(record{Exit: 127, Reason: err.Error(), Finished: now()}, index, at)
	}
	for _, need := range p.Needs {
		r, err := await(at, need)
		if err != nil {
			return end(record{Exit: 127, Reason: err.Error(), Finished: now()}, index, at)
		}
		if r.Exit != 0 || r.Skipped {
			why := fmt.Sprintf("skipped: step %d did not succeed", need+1)
			return end(record{Skipped: true, Reason: why, Finished: now()}, index, at)
		}
	}
	argv := append(append([]string{}, p.Shell...), filepath.Join(at.bin, p.Script))
	r := record{Started: now()}
	r.Exit, r.Reason, r.Bytes, r.Lines = execute(argv)
	r.Finished = now()
	return end(r, index, at)
}

func readPlan(index int, at layout) (plan, error) {
	data, err := os.ReadFile(filepath.Join(at.bin, "plan.json"))
	if err != nil {
		return plan{}, fmt.Errorf("read plan: %w", err)
	}
	var plans []plan
	if err := json.Unmarshal(data, &plans); err != nil {
		return plan{}, fmt.Errorf("read plan: %w", err)
	}
	if index >= len(plans) || len(plans[index].Shell) == 0 {
		return plan{}, fmt.Errorf("read plan: there is no step %d", index+1)
	}
	return plans[index], nil
}

// end records and returns the exit code. A record that cannot be written fails
// the step: success without proof is no success.
func end(r record, index int, at layout) int {
	if r.Reason != "" && !r.Skipped {
		fmt.Fprintln(os.Stderr, "yaci-step: "+r.Reason)
	}
	if err := r.write(at, index); err != nil {
		fmt.Fprintln(os.Stderr, "yaci-step: "+err.Error())
		return max(r.Exit, 1)
	}
	return r.Exit
}

func now() int64 { return time.Now().UnixMilli() }
