package logs_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logs"
)

// oneJob is a database with one job, and no log.
type oneJob struct{ job ci.Job }

func (o *oneJob) Job(context.Context, ci.JobName) (ci.Job, error)                      { return o.job, nil }
func (o *oneJob) Log(_ context.Context, id ci.LogID) (ci.Log, error)                   { return ci.Log{ID: id}, nil }
func (o *oneJob) CloseLog(context.Context, ci.Log) error                               { return nil }
func (o *oneJob) LogChunks(context.Context, ci.LogID) ([]ci.LogChunk, error)           { return nil, nil }
func (o *oneJob) AddLogChunk(context.Context, ci.LogID, ci.JobName, ci.LogChunk) error { return nil }
func (o *oneJob) DeleteLogChunk(context.Context, ci.LogID, int) error                  { return nil }

// newStore returns a store over a database with one job.
func newStore(t *testing.T, db interface {
	logs.Jobs
	logs.Index
}) *logs.Store {
	t.Helper()
	bucket, err := logs.OpenBucket(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { bucket.Close() })
	s, err := logs.NewStore(logs.StoreConfig{
		Jobs:   db,
		Index:  db,
		Bucket: bucket,
		Limit:  1,
	})
	must(t, err)
	return s
}

// L1: following the log of a step that never printed ends with its job, with a sentence, and not before.
func TestL1FollowingEndsWithTheJob(t *testing.T) {
	step := func(state ci.State, reason string) ci.Step {
		return ci.Step{
			Name:      "test",
			Container: "1-test",
			State:     state,
			Reason:    reason,
		}
	}
	ran := step(ci.Failure, "")
	ran.Started = time.Now()
	job := func(state ci.State, uid, message string, settled bool, s ci.Step) ci.Job {
		return ci.Job{
			Name:      "j",
			State:     state,
			UID:       uid,
			Message:   message,
			CleanedUp: settled,
			Steps:     []ci.Step{s},
			Services:  []ci.Service{{Name: "db", Container: "s1-db"}},
		}
	}
	for name, c := range map[string]struct {
		job  ci.Job
		id   ci.LogID
		want string // empty: it waits
	}{
		"superseded before its launch": {
			job(ci.Cancelled, "", "Superseded by 9c2f1ab.", false, step(ci.Cancelled, "")),
			ci.LogID{Container: "1-test"},
			"This step did not run: Superseded by 9c2f1ab.",
		},
		"refused by the cluster": {
			job(ci.Error, "", "The cluster refuses the job.", false, step(ci.Cancelled, "")),
			ci.LogID{Container: "1-test"},
			"This step did not run: The cluster refuses the job.",
		},
		"a skipped job": {
			job(ci.Skipped, "", "Skipped: build did not pass.", false, step(ci.Queued, "")),
			ci.LogID{Container: "1-test"},
			"This step did not run: Skipped: build did not pass.",
		},
		"a skipped step, its job runs": {
			job(ci.Running, "u", "", false, step(ci.Skipped, "lint failed")),
			ci.LogID{UID: "u", Container: "1-test"},
			"This step did not run: lint failed.",
		},
		"a skipped step, no reason": {
			job(ci.Running, "u", "", false, step(ci.Skipped, "")),
			ci.LogID{UID: "u", Container: "1-test"},
			"This step did not run.",
		},
		"its service died": {
			job(ci.Error, "u", "Service db exited with code 1.", true, step(ci.Cancelled, "")),
			ci.LogID{UID: "u", Container: "1-test"},
			"This step did not run: Service db exited with code 1.",
		},
		"its image cannot be pulled": {
			job(ci.Error, "u", "test cannot start.", true, step(ci.Error, "")),
			ci.LogID{UID: "u", Container: "1-test"},
			"This step did not run: test cannot start.",
		},
		"a service that never began": {
			job(ci.Error, "u", "Service db cannot start.", true, step(ci.Cancelled, "")),
			ci.LogID{UID: "u", Container: "s1-db"},
			"This step did not run: Service db cannot start.",
		},
		"a lost pod": {
			job(ci.Running, "v", "", false, step(ci.Queued, "")),
			ci.LogID{UID: "u", Container: "1-test"},
			"The cluster lost this pod. The job runs again, with a log of its own.",
		},
		"ran, but its node is gone": {
			job(ci.Error, "u", "x", true, ran),
			ci.LogID{UID: "u", Container: "1-test"},
			"No output of this step was kept.",
		},
		"queued": {
			job(ci.Queued, "", "Waiting.", false, step(ci.Queued, "")),
			ci.LogID{Container: "1-test"},
			"",
		},
		"runs": {
			job(ci.Running, "u", "", false, step(ci.Running, "")),
			ci.LogID{UID: "u", Container: "1-test"},
			"",
		},
		"has ended, logs are still read": {
			job(ci.Failure, "u", "x", false, ran),
			ci.LogID{UID: "u", Container: "1-test"},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := &oneJob{c.job}
			k := newStore(t, db)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if c.want == "" {
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
			}
			got := ""
			err := k.Read(ctx, c.id, ci.LogRange{
				From:   1,
				Follow: true,
				Notes:  true,
				Job:    "j",
			}, func(l ci.LogLine) error {
				got += string(l.Shown())
				return nil
			})
			if (err != nil) != (c.want == "") {
				t.Errorf("err %v", err)
			}
			if strings.TrimSuffix(strings.TrimPrefix(got, "[yaci] "), "\n") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// endsMeanwhile is a database whose job ends, and whose log is closed, just after the chunks were listed once.
type endsMeanwhile struct {
	oneJob
	log ci.Log
}

func (e *endsMeanwhile) Log(context.Context, ci.LogID) (ci.Log, error) { return e.log, nil }

func (e *endsMeanwhile) LogChunks(context.Context, ci.LogID) ([]ci.LogChunk, error) {
	e.job.State, e.job.CleanedUp = ci.Success, true
	e.log = ci.Log{Closed: true, Note: "This is the whole log."}
	return nil, nil
}

// L1: what is stored and closed while a follower reads is read as well, although the job has ended by then.
func TestL1FollowingReadsWhatCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &endsMeanwhile{oneJob: oneJob{ci.Job{
			Name:  "j",
			State: ci.Running,
			UID:   "u",
			Steps: []ci.Step{{Container: "1-test", State: ci.Running, Started: time.Now()}},
		}}}
		k := newStore(t, db)
		got := ""
		err := k.Read(t.Context(), ci.LogID{UID: "u", Container: "1-test"}, ci.LogRange{
			From:   1,
			Follow: true,
			Notes:  true,
			Job:    "j",
		}, func(l ci.LogLine) error {
			got += string(l.Shown())
			return nil
		})
		if err != nil || got != "[yaci] This is the whole log.\n" {
			t.Errorf("%q, %v", got, err)
		}
	})
}
