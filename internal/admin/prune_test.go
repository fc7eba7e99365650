package admin

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
)

// The objects of a log go with the rows that name them, and no others.
func TestPruneTakesLogsToo(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	where := config.Storage{DatabaseURL: "sqlite://" + filepath.Join(dir, "yaci.db"), LogStore: filepath.Join(dir, "logs")}
	db, err := store.Open(ctx, where.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, id := range []ci.RunID{"old", "new"} {
		at := time.Now().AddDate(0, 0, -30*(1-i))
		run := ci.Run{
			ID:      id,
			Event:   ci.Event{Kind: ci.API},
			Attempt: 1,
			State:   ci.Queued,
			Created: at,
		}
		job := ci.NewJob{
			Name:     ci.JobNameOf(id, 1),
			Run:      id,
			Attempt:  1,
			State:    ci.Queued,
			Manifest: []byte("{}"),
			Files:    []byte("{}"),
		}
		log := ci.LogID{UID: "uid-" + string(id), Container: "1-test"}
		file := filepath.Join(where.LogStore, log.UID, log.Container, "000000.zst")
		ended := ci.Job{
			Name:     job.Name,
			Run:      id,
			Attempt:  1,
			State:    ci.Success,
			Finished: at,
		}
		for _, err := range []error{
			db.CreateRun(ctx, permit(run.Event), 0, &run, ci.NewAttempt{Jobs: []ci.NewJob{job}}),
			observe(ctx, db, ended),
			db.AddLogChunk(ctx, log, job.Name, ci.LogChunk{}),
			os.MkdirAll(filepath.Dir(file), 0o700),
			os.WriteFile(file, nil, 0o600),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var out bytes.Buffer
	if err := Prune(ctx, where, config.Retention{KeepRunsDays: 7, KeepDeliveriesDays: 7}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "Deleted 1 runs with their logs, and 0 deliveries.\n"; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
	var left []string
	filepath.WalkDir(where.LogStore, func(path string, _ fs.DirEntry, _ error) error {
		left = append(left, strings.TrimPrefix(path, where.LogStore))
		return nil
	})
	if got, want := strings.Join(left, " "), " /uid-new /uid-new/1-test /uid-new/1-test/000000.zst"; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}

func observe(ctx context.Context, db *store.Store, job ci.Job) error {
	_, err := db.Observe(ctx, job)
	return err
}

// permit returns a permit of the gate for jobs of an event, whatever its action is.
func permit(ev ci.Event) decide.Permit {
	ev.PRAction = map[ci.Kind]string{ci.PullRequest: "opened", ci.MergeGroup: "checks_requested"}[ev.Kind]
	ev.Deleted, ev.SkipCI = false, false
	_, p := decide.Gate(ev, decide.Facts{Forks: decide.ForksAlways})
	return p
}
