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

// Steps hand over through a directory that the clone container prepares:
//
//	sync/N/          belongs to step N, and only it can write there: its container mounts it by a
//	                 sub-path, and all others mount sync read-only
//	sync/N/record    how step N ended
//
// Only a record makes a waiting step start.
const (
	recordFile   = "record"
	maxFileBytes = 4 << 10 // of a file that another step reads
)

// prepareHandOver creates the directories of the steps. Any user can write to them, since images
// choose their users, but only the step's own container mounts its directory writable.
func prepareHandOver(paths podPaths, steps int) error {
	for i := range steps {
		dir := stepDir(paths, i)
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

// stepDir returns the directory to which a step publishes.
func stepDir(paths podPaths, step int) string {
	return filepath.Join(paths.sync, runner.StepPath(step))
}

// publish writes a file for the other steps, with a rename, so that they never see part of it.
func publish(paths podPaths, name string, data []byte) error {
	tmp := filepath.Join(paths.own, "."+name+".tmp")
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
	return os.Rename(tmp, filepath.Join(paths.own, name))
}

// readPublished reads a file that another step has published. Processes of that step control its
// directory, so only a small regular file is accepted.
func readPublished(paths podPaths, step int, name string) ([]byte, error) {
	path := filepath.Join(stepDir(paths, step), name)
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
	if !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%s of step %d is not a regular file of at most %d bytes", name, step+1, maxFileBytes)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("%s of step %d has more than %d bytes", name, step+1, maxFileBytes)
	}
	return data, err
}

// handOver publishes how this step ended.
func handOver(r runner.Record, paths podPaths) error {
	r.Reason, r.Note = runner.Shorten(r.Reason, 1000), runner.Shorten(r.Note, 1000)
	data, err := json.Marshal(r)
	if err == nil {
		err = publish(paths, recordFile, data)
	}
	if err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	return nil
}

// readRecord returns the record of a step, if it exists. A spoiled record, for example by the
// step's own processes, does not prove that the step passed.
func readRecord(paths podPaths, step int) (r runner.Record, ok bool) {
	data, err := readPublished(paths, step, recordFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false
	}
	if err != nil || json.Unmarshal(data, &r) != nil || r.Finished <= 0 {
		return runner.Record{Failed: true}, true
	}
	return r, true
}
