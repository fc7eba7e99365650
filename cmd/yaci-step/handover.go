package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/yaci-ci/yaci/internal/runner"
)

// Steps hand over in a directory that the clone container prepares:
//
//	sync/N/          belongs to step N, which alone can write to it: its container
//	                 mounts it by a sub-path, and all others mount sync read-only
//	sync/N/record    how step N ended
//
// A waiting step starts on a record and on nothing else.
const (
	recordFile = "record"
	factBytes  = 4 << 10 // of a file that another step reads
)

// makeHandOver prepares the directories of the steps. Any user can write to the
// directory of a step, since images choose their users; only the step's own
// container has a writable mount of it.
func makeHandOver(at layout, steps int) error {
	for i := range steps {
		dir := stepDir(at, i)
		err := os.RemoveAll(dir) // of a clone container that was started twice
		if err == nil {
			err = os.Mkdir(dir, 0o777)
		}
		if err == nil {
			err = os.Chmod(dir, 0o777)
		}
		if err != nil {
			return fmt.Errorf("hand-over: %w", err)
		}
	}
	return nil
}

func stepDir(at layout, step int) string { return filepath.Join(at.sync, runner.StepPath(step)) }

// publish writes a file that the other steps can read, in one rename.
func publish(at layout, name string, data []byte) error {
	tmp := filepath.Join(at.own, "."+name+".tmp")
	err := os.Remove(tmp)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(at.own, name))
}

// published reads a file that another step has published. That step's processes
// control its directory, so only a small regular file is accepted.
func published(at layout, step int, name string) ([]byte, error) {
	path := filepath.Join(stepDir(at, step), name)
	// Non-blocking, since opening a FIFO would wait for its other end.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > factBytes {
		return nil, fmt.Errorf("%s of step %d is not a regular file of at most %d bytes", name, step+1, factBytes)
	}
	data, err := io.ReadAll(io.LimitReader(f, factBytes+1))
	if err == nil && len(data) > factBytes {
		err = fmt.Errorf("%s of step %d has more than %d bytes", name, step+1, factBytes)
	}
	return data, err
}

// handOver publishes how this step ended.
func handOver(r runner.Record, at layout) error {
	r.Reason, r.Note = runner.Shorten(r.Reason, 1000), runner.Shorten(r.Note, 1000)
	data, err := json.Marshal(r)
	if err == nil {
		err = publish(at, recordFile, data)
	}
	if err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	return nil
}

// ended returns the record of a step, if it is there. A record that is spoiled,
// as by the step's own processes, is no proof that the step passed.
func ended(at layout, step int) (r runner.Record, ok bool) {
	data, err := published(at, step, recordFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false
	}
	if err != nil || json.Unmarshal(data, &r) != nil || r.Finished <= 0 {
		return runner.Record{Failed: true}, true
	}
	return r, true
}
