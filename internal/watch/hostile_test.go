package watch

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/internal/store"
)

var hostileRecords = flag.Int("hostile-records", 500, "number of hostile records that TestS4HostileRecords tries")

// hostile creates termination messages that a process of a step could write.
type hostile struct{ *rand.Rand }

// number returns a value at which an implementation may break, or any other.
func (h hostile) number() string {
	known := []string{
		"0",
		"1",
		"-1",
		"255",
		"256",
		"9223372036854775807",
		"-9223372036854775808",
		"9223372036854775808",
		"1e308",
		"1e999",
		"253402300800000",
		"-62135596800001",
		"1700000000000",
		"null",
		`"1"`,
		"1.5",
		"true",
		"zik0zj",
		"1y2p0ij32e8e7",
		"ffffffffffffffffffff",
	}
	if i := h.IntN(len(known) + 2); i < len(known) {
		return known[i]
	}
	return fmt.Sprint(h.Int64N(math.MaxInt64) >> h.IntN(63))
}

func (h hostile) text() string {
	known := []string{
		"",
		"x",
		"\x00",
		"\xff\xfe",
		"\u202egnp.exe",
		"\u2028",
		"\x1b[2J\x1b]0;x\a",
		"a\nb\r\nc",
		`\u0000`,
		`\ud800`,
		strings.Repeat("é", 3000),
		strings.Repeat(
			"\xf0\x9f\x98",
			400,
		),
		"skipped: a step before it did not pass",
		"%s%d%n",
		"'; DROP TABLE jobs; --",
		"<script>",
	}
	return known[h.IntN(len(known))] + known[h.IntN(len(known))]
}

// message returns a record with hostile values, in one of the two formats, or something else.
func (h hostile) message() string {
	var b strings.Builder
	switch h.IntN(6) {
	case 0, 1:
		b.WriteByte('{')
		for i, key := range []string{"exit", "started", "finished", "attempts", "bytes", "lines", "memory", "cpu", "oom"} {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%q:%s", key, h.number())
		}
		for _, key := range []string{"skipped", "timed_out", "stopped", "allowed", "failed", "broken"} {
			if h.IntN(3) == 0 {
				fmt.Fprintf(&b, ",%q:true", key)
			}
		}
		fmt.Fprintf(&b, ",\"reason\":%q,\"note\":\"%s\"}", h.text(), h.text())
	case 2, 3:
		b.WriteString("y1")
		for range 10 {
			b.WriteString(" " + h.number())
		}
		b.WriteString("\n" + h.text() + "\n" + h.text())
	case 4: // plausible, so that it is accepted
		fmt.Fprintf(
			&b,
			`{"exit":%d,"started":%s,"finished":%s,"bytes":%s,"lines":%s,"memory":%s,"oom":%d,`+
				`"skipped":%t,"allowed":%t,"failed":%t,"reason":%q}`,
			h.IntN(
				3,
			),
			h.number(),
			h.number(),
			h.number(),
			h.number(),
			h.number(),
			h.IntN(2),
			h.IntN(4) == 0,
			h.IntN(4) == 0,
			h.IntN(2) == 0,
			h.text(),
		)
	default:
		b.WriteString(h.text())
	}
	message := b.String()
	if h.IntN(8) == 0 {
		message = message[:h.IntN(len(message)+1)]
	}
	return message
}

// pod gives the scene's containers hostile messages, exit codes and times.
func (h hostile) pod(s *scene) {
	for _, list := range [][]corev1.ContainerStatus{
		s.pod().Status.InitContainerStatuses,
		s.pod().Status.ContainerStatuses,
	} {
		for i := range list {
			t := list[i].State.Terminated
			if t.Message = h.message(); h.IntN(3) == 0 {
				t.ExitCode = []int32{0, 1, 127, 137, 255, -1, math.MaxInt32}[h.IntN(7)]
			}
			if h.IntN(2) == 0 {
				t.StartedAt = metav1.NewTime(time.Unix(1_700_000_000, 0))
				t.FinishedAt = metav1.NewTime(time.Unix(1_700_000_000+h.Int64N(3600)-10, 0))
			}
		}
	}
	if h.IntN(2) == 0 {
		s.pod().Status.Phase = []corev1.PodPhase{corev1.PodFailed, corev1.PodRunning, corev1.PodUnknown, "Odd"}[h.IntN(4)]
	}
	if h.IntN(4) == 0 {
		s.pod().Status.Reason, s.pod().Status.Message = "Evicted", h.text()
	}
}

// checkVerdict checks what must hold for any records.
func checkVerdict(t *testing.T, s *scene, got Verdict) {
	t.Helper()
	texts := []string{got.Job.Message, got.Note, got.Interruption}
	for i, st := range got.Job.Steps {
		texts = append(texts, st.Reason)
		end := s.pod().Status.ContainerStatuses[i].State.Terminated
		if end.ExitCode != 0 && (st.State == ci.Success || st.State == ci.Skipped || st.Allowed) {
			t.Errorf("step %d is %s although its container ended with %d: %q", i, st.State, end.ExitCode, end.Message)
		}
		for _, n := range []int64{st.Bytes, st.Lines, st.Memory, st.CPU, int64(st.OOM)} {
			if n < 0 || n > runner.MaxCount {
				t.Errorf("step %d has a count of %d: %q", i, n, end.Message)
			}
		}
		if st.Exit != int(end.ExitCode) && (end.ExitCode != 0 || st.State == ci.Success || st.Exit < 1 || st.Exit > 255) {
			t.Errorf("step %d has exit %d, its container %d: %q", i, st.Exit, end.ExitCode, end.Message)
		}
		if st.Finished.Before(st.Started) || st.Finished.Year() > 2200 {
			t.Errorf("step %d ran from %v to %v: %q", i, st.Started, st.Finished, end.Message)
		}
	}
	for _, text := range texts {
		if len(text) > maxMessage || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("text %q", text)
		}
	}
	if _, err := json.Marshal(got.Job); err != nil {
		t.Errorf("cannot be stored: %v", err)
	}
	if s.pod().Status.Phase == corev1.PodSucceeded && !got.Job.State.Final() && got.Interruption == "" {
		t.Errorf("the pod has ended, and the job is %s", got.Job.State)
	}
}

// TestS4HostileRecords throws records at Observe and at the store that no runner
// would write: the kubelet's exit codes always count, and every outcome can be stored.
func TestS4HostileRecords(t *testing.T) {
	h := hostile{rand.New(rand.NewPCG(4, 4))}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const jobsPerRun = 20
	for done := 0; done < *hostileRecords && !t.Failed(); done += jobsPerRun {
		id := ci.RunID(fmt.Sprintf("r%d", done/jobsPerRun))
		var jobs []ci.NewJob
		for i := range jobsPerRun {
			job := queued(passed().stored)
			job.Run, job.Name = id, ci.JobName(fmt.Sprintf("yaci-%s-1-%d", id, i+1))
			jobs = append(jobs, job)
		}
		run := ci.Run{
			ID:      id,
			Event:   ci.Event{Kind: ci.Push, Repo: ci.Repo{ID: 1}, SHA: ci.SHA(id)},
			Attempt: 1,
			State:   ci.Queued,
			Created: time.Now(),
		}
		if err := db.CreateRun(t.Context(), permit(run.Event), 0, &run, ci.NewAttempt{Jobs: jobs}); err != nil {
			t.Fatal(err)
		}
		for _, job := range jobs {
			s := passed()
			h.pod(s)
			s.stored.Run, s.stored.Name = job.Run, job.Name
			got := Observe(Observation{
				Stored: s.stored,
				Job:    s.job,
				Pods:   s.pods,
				Now:    time.Now(),
			})
			checkVerdict(t, s, got)
			if _, err := db.Observe(t.Context(), got.Job); err != nil {
				t.Errorf("%+v: %v", got.Job, err)
			}
			read, err := db.Job(t.Context(), job.Name)
			if err != nil || read.State != got.Job.State || read.Steps[0].Exit != got.Job.Steps[0].Exit {
				t.Errorf("read back %+v, %v", read, err)
			}
		}
	}
}

// FuzzS4Record holds the same for the messages of two steps.
func FuzzS4Record(f *testing.F) {
	f.Add(`{"exit":0,"started":2000,"finished":4000}`, "y1 0 1 2 1 0 0 0 0 0 0\n", int32(0), int32(0))
	f.Add(
		`{"exit":0,"started":4000,"finished":9223372036854775807}`,
		"y1 0 1y2p0ij32e8e7 1y2p0ij32e8e7 1 8 1 1 1 1 1\n\xff",
		int32(0),
		int32(0),
	)
	f.Add(
		`{"exit":1,"started":-1,"finished":253402300800000,"allowed":true}`,
		"y1 -1 1 1 1 z 1 1 1 1 1\n\x00\n\u202e",
		int32(0),
		int32(3),
	)
	f.Fuzz(func(t *testing.T, build, test string, first, second int32) {
		s := passed()
		for i, c := range []corev1.ContainerStatus{ended("1-build", first, build), ended("2-test", second, test)} {
			s.pod().Status.ContainerStatuses[i] = c
		}
		checkVerdict(t, s, Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods}))
	})
}
