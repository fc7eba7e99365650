package logs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/internal/store"
)

// source is a cluster with one log, whose streams break. A rotation loses what lies before a line.
type source struct {
	mu      sync.Mutex
	random  *rand.Rand
	text    []byte
	times   []time.Time // of each line
	breaks  int         // streams that end before the log does
	from    int         // first line that is still there
	rest    string      // what a stream from some time on begins with
	stuck   int         // streams that are followed and do not end
	gone    bool
	unclean bool // streams end as broken ones do, and yet have it all
	streams int
}

func (s *source) LogStream(_ context.Context, _, _ string, since time.Time, follow bool) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams++
	if s.gone {
		return nil, fmt.Errorf("pod: %w", ci.ErrNotFound)
	}
	var b bytes.Buffer
	if !since.IsZero() {
		b.WriteString(s.rest)
	}
	for i, line := range bytes.SplitAfter(s.text, []byte("\n")) {
		if len(line) > 0 && i >= s.from && !s.times[i].Before(since) {
			fmt.Fprintf(&b, "%s %s", s.times[i].Format(time.RFC3339Nano), line)
		}
	}
	if s.stuck > 0 && follow {
		s.stuck--
		r, w := io.Pipe()
		go w.Write(b.Bytes())
		return r, nil
	}
	if s.unclean {
		return broken{&b}, nil
	}
	if s.breaks > 0 {
		s.breaks--
		b.Truncate(s.random.IntN(b.Len() + 1))
		return broken{&b}, nil
	}
	return io.NopCloser(&b), nil
}

// broken ends as a lost connection does, not as a log does.
type broken struct{ r io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
func (broken) Close() error { return nil }

// stamps gives each line a time; some share one, as lines of one write do.
func (s *source) stamps() {
	at := time.Unix(1e9, 0).UTC()
	for range bytes.Count(s.text, []byte("\n")) + 1 {
		if s.random.IntN(3) > 0 {
			at = at.Add(time.Duration(s.random.IntN(500)) * time.Millisecond)
		}
		s.times = append(s.times, at)
	}
}

type world struct {
	t          *testing.T
	db         *store.Store
	source     *source
	bucket     *logs.Bucket
	store      *logs.Store
	collectors *logs.Collectors
	job        ci.Job
	closed     chan struct{}
}

var id = ci.LogID{UID: "uid-1", Container: "1-test"}

// newWorld has a job whose only step has printed text, and has ended with a record of it.
func newWorld(t *testing.T, text []byte, limit int64) *world {
	t.Helper()
	return newWorldIn(t, filepath.Join(t.TempDir(), "logs"), text, limit)
}

// newWorldOf is a world whose step ended in a state.
func newWorldOf(t *testing.T, text []byte, state ci.State) *world {
	t.Helper()
	w := newWorld(t, text, 1<<30)
	w.job.Steps[0].State = state
	w.observe()
	return w
}

func newWorldIn(t *testing.T, where string, text []byte, limit int64) *world {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"))
	must(t, err)
	bucket, err := logs.OpenBucket(t.Context(), where)
	must(t, err)
	w := &world{
		t:      t,
		db:     db,
		source: &source{text: text, random: rand.New(rand.NewPCG(1, 2))},
		bucket: bucket,
		closed: make(chan struct{}, 100),
	}
	w.source.stamps()
	w.store, err = logs.NewStore(logs.StoreConfig{
		Jobs:   db,
		Index:  db,
		Bucket: bucket,
		Limit:  limit,
	})
	must(t, err)
	w.collectors, err = logs.NewCollectors(logs.CollectorsConfig{
		Store:  w.store,
		Source: w.source,
		Closed: func(ci.JobName) { w.closed <- struct{}{} },
		Log:    slog.New(slog.DiscardHandler),
	})
	must(t, err)
	t.Cleanup(func() {
		w.collectors.Wait()
		bucket.Close()
		db.Close()
	})
	run := ci.Run{
		ID:      "r1",
		Event:   ci.Event{Kind: ci.API},
		Attempt: 1,
		State:   ci.Queued,
		Created: time.Now(),
	}
	job := ci.NewJob{
		Name:     "yaci-r1-1",
		Run:      "r1",
		Attempt:  1,
		State:    ci.Queued,
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
		Steps:    []ci.Step{{Name: "test", Container: id.Container, State: ci.Queued}},
	}
	must(t, db.CreateRun(t.Context(), permit(run.Event), 0, &run, ci.NewAttempt{Jobs: []ci.NewJob{job}}))
	must(t, db.MarkLaunched(t.Context(), job.Name, id.UID))
	w.job, err = db.Job(t.Context(), job.Name)
	must(t, err)
	w.job.Steps[0] = ci.Step{
		Name:      "test",
		Container: id.Container,
		State:     ci.Success,
		Started:   time.Unix(1e9, 0),
		Finished:  time.Now(),
		Bytes:     int64(len(text)),
		Lines:     int64(bytes.Count(text, []byte("\n"))),
	}
	w.observe()
	return w
}

func (w *world) observe() {
	w.t.Helper()
	_, err := w.db.Observe(w.t.Context(), w.job)
	must(w.t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// follow keeps the log until it is closed.
func (w *world) follow() {
	w.t.Helper()
	w.collectors.Follow(w.t.Context(), w.job, "pod", id.Container, false)
	select {
	case <-w.closed:
	case <-time.After(time.Minute):
		w.t.Fatal("the log was not closed")
	}
}

func (w *world) read(want ci.LogRange) string {
	w.t.Helper()
	var got strings.Builder
	must(w.t, w.store.Read(w.t.Context(), id, want, func(l ci.LogLine) error { got.Write(l.Shown()); return nil }))
	return got.String()
}

func (w *world) note() string {
	w.t.Helper()
	l, err := w.db.Log(w.t.Context(), id)
	must(w.t, err)
	if !l.Closed {
		w.t.Error("the log is open")
	}
	return l.Note
}

// output is text of many kinds of lines: short, empty, larger than any buffer, not text at all.
func output(random *rand.Rand, lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		switch random.IntN(6) {
		case 0:
			b.WriteByte('\n')
		case 1:
			b.Write(append(bytes.Repeat([]byte{'x'}, random.IntN(200<<10)), '\n'))
		case 2:
			b.WriteString("nul \x00, no UTF-8 \xff\xfe, \r, 2026-01-01T00:00:00Z a time\n")
		default:
			fmt.Fprintf(&b, "line %d\n", i)
		}
	}
	return b.Bytes()
}

func TestStreamsThatBreakLoseAndDoubleNothing(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 0))
		text := output(random, 300)
		w := newWorld(t, text, 1<<30)
		w.source.random, w.source.breaks = random, 3
		w.follow()
		if got := w.read(ci.LogRange{}); got != string(text) {
			t.Errorf(
				"seed %d: %d bytes after %d streams, want %d; they differ at %d",
				seed,
				len(got),
				w.source.streams,
				len(text),
				differ(got, string(text)),
			)
		}
		note := w.note()
		if note != "" || w.source.streams != 4 {
			t.Errorf("seed %d: note %q, %d streams", seed, note, w.source.streams)
		}
	}
}

// A log's extent counts a last line without a line feed, and nothing when nothing was printed.
func TestExtent(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "a": 1, "a\n": 1, "a\nb": 2, "a\n\n": 2} {
		w := newWorld(t, []byte(text), 1<<30)
		e, err := w.store.Extent(t.Context(), id)
		if e != (ci.LogExtent{}) || err != nil {
			t.Errorf("%q before it is read: %+v %v", text, e, err)
		}
		w.follow()
		e, err = w.store.Extent(t.Context(), id)
		if e != (ci.LogExtent{Lines: want, Closed: true}) || err != nil {
			t.Errorf("%q: %+v %v, want %d lines", text, e, err, want)
		}
	}
}

// The log of a step that failed tells where to begin to read, from when it is closed.
func TestFirstError(t *testing.T) {
	text := strings.Repeat(
		"fine\n",
		70_000,
	) + "main.go:3:5: " + strings.Repeat(
		"very ",
		20_000,
	) + "undefined: x\n" + "::error::stop\n" + "FAIL"
	for state, want := range map[ci.State]int64{ci.Failure: 70_002, ci.Error: 0, ci.Success: 0} {
		w := newWorldOf(t, []byte(text), state)
		w.follow()
		e, err := w.store.Extent(t.Context(), id)
		if e.Error != want || err != nil {
			t.Errorf("%s: %+v %v, want line %d", state, e, err, want)
		}
	}
}

func differ(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// A server that is killed leaves a cursor; the next one goes on there.
func TestRestart(t *testing.T) {
	text := output(rand.New(rand.NewPCG(9, 9)), 200)
	w := newWorld(t, text, 1<<30)
	w.source.breaks = 1 << 30
	for i := range 5 {
		ctx, kill := context.WithCancel(t.Context())
		w.source.mu.Lock()
		before := w.source.streams
		w.source.mu.Unlock()
		w.collectors.Follow(ctx, w.job, "pod", id.Container, false)
		for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			w.source.mu.Lock()
			streams := w.source.streams
			w.source.mu.Unlock()
			if streams > before {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("start %d: no stream", i)
			}
		}
		kill()
		w.collectors.Wait()
	}
	w.source.breaks = 0
	w.follow()
	got := w.read(ci.LogRange{})
	if got != string(text) || w.note() != "" {
		t.Errorf("%d bytes, want %d; they differ at %d; note %q", len(got), len(text), differ(got, string(text)), w.note())
	}
}

// A stream from some time on begins with the rest of a line that began before.
func TestRestOfALine(t *testing.T) {
	for _, rest := range []string{"x\n", strings.Repeat("no time ", 100<<10) + "\n", strings.Repeat("x", 200<<10) + "\n"} {
		text := output(rand.New(rand.NewPCG(3, 3)), 200)
		w := newWorld(t, text, 1<<30)
		w.source.breaks, w.source.rest = 2, rest
		w.follow()
		got := w.read(ci.LogRange{})
		if got != string(text) || w.note() != "" {
			t.Errorf(
				"%.10q: %d bytes, want %d; they differ at %d; note %q",
				rest,
				len(got),
				len(text),
				differ(got, string(text)),
				w.note(),
			)
		}
	}
}

// A stream that does not end with its step is ended.
func TestStuckStream(t *testing.T) {
	text := []byte("1\n2\n")
	w := newWorld(t, text, 1<<30)
	w.job.State, w.job.Steps[0].State = ci.Running, ci.Running
	done := w.job.Steps[0].Finished
	w.job.Steps[0].Finished = time.Time{}
	w.observe()
	w.source.stuck = 1
	w.collectors.Follow(t.Context(), w.job, "pod", id.Container, false)
	for end := time.Now().Add(time.Minute); w.read(ci.LogRange{}) != string(text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was stored")
		}
	}
	w.job.Steps[0].State, w.job.Steps[0].Finished = ci.Success, done
	w.observe()
	w.follow()
	got := w.read(ci.LogRange{})
	if got != string(text) || w.note() != "" {
		t.Errorf("log %q, note %q", got, w.note())
	}
}

// What the runner counted is enough, however the stream ended: a log is not read again for a clean end.
func TestUncleanEnd(t *testing.T) {
	text := []byte("1\n2\n")
	w := newWorld(t, text, 1<<30)
	w.source.unclean = true
	w.follow()
	got := w.read(ci.LogRange{})
	if got != string(text) || w.note() != "" || w.source.streams != 1 {
		t.Errorf("log %q, note %q, %d streams", got, w.note(), w.source.streams)
	}
}

// A step that printed nothing needs no stream.
func TestSilence(t *testing.T) {
	w := newWorld(t, nil, 1<<30)
	w.follow()
	got := w.read(ci.LogRange{})
	if got != "" || w.note() != "" || w.source.streams != 0 {
		t.Errorf("log %q, note %q, %d streams", got, w.note(), w.source.streams)
	}
}

// What is no step has no record: the cluster tells when it has ended, so that its
// log is closed while the job goes on, and read only once.
func TestEndOfWhatIsNoStep(t *testing.T) {
	w := newWorld(t, []byte("fetched\n"), 1<<20)
	w.collectors.Follow(t.Context(), w.job, "pod", "clone", true)
	select {
	case <-w.closed:
	case <-time.After(time.Minute):
		t.Fatal("the log was not closed")
	}
	if w.source.streams != 1 {
		t.Errorf("%d streams, want 1", w.source.streams)
	}
}

const whyMissing = "they were rotated away, or lost by the container runtime, before they were read."

// count changes what the runner counted.
func (w *world) count(bytes, lines int64) {
	w.t.Helper()
	w.job.Steps[0].Bytes += bytes
	w.job.Steps[0].Lines += lines
	w.observe()
}

func TestNotes(t *testing.T) {
	text := []byte(strings.Repeat("a line\n", 10))
	for name, c := range map[string]struct {
		change func(*world)
		note   string
	}{
		"complete":            {func(*world) {}, ""},
		"last line not ended": {func(w *world) { w.count(-1, -1) }, ""},
		"lines missing": {
			func(w *world) { w.count(14, 2) },
			"2 lines (14 bytes) of the step's output are missing: " + whyMissing,
		},
		"carriage returns kept": {func(w *world) { w.count(-7, 0) }, ""},
		"too much": {
			func(w *world) { w.count(-14, -2) },
			"The log has 14 bytes more than the step wrote: something else in the container wrote to its output.",
		},
		"no record": {func(w *world) {
			w.job.State, w.job.Steps[0] = ci.Error, ci.Step{Name: "test", Container: id.Container, State: ci.Error}
			w.observe()
		}, "The step left no record, so nothing can say whether its log is complete."},
		"pod gone": {
			func(w *world) { w.source.gone = true },
			"The log may end too early: the pod was gone before all of it was read.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, text, 1<<30)
			c.change(w)
			w.follow()
			if got := w.note(); got != c.note {
				t.Errorf("note %q\nwant %q", got, c.note)
			}
			shown := w.read(ci.LogRange{Notes: true})
			if c.note != "" && !strings.HasSuffix(shown, "[yaci] "+c.note+"\n") {
				t.Errorf("shown %q", shown)
			}
		})
	}
}

// A note says where lines were rotated away between two progress markers. The lines behind keep their numbers.
func TestRotatedAway(t *testing.T) {
	marker := func(lines int64) string { return runner.ProgressMarker{Lines: lines, Bytes: 2 * lines}.String() }
	w := newWorld(t, []byte("1\n2\n"+marker(2)+"5\n"+marker(5)+"6\n"+marker(6)+"7\n"), 1<<30)
	w.job.Steps[0].Bytes, w.job.Steps[0].Lines = 14, 7
	w.observe()
	w.follow()
	want := "1\n2\n5\n[yaci] above, in the last second, 2 lines are missing: " + whyMissing + "\n6\n7\n" +
		"[yaci] 2 lines (4 bytes) of the step's output are missing: " + whyMissing + "\n"
	if got := w.read(ci.LogRange{Notes: true}); got != want {
		t.Errorf("log %q\nwant %q", got, want)
	}
	if got := w.read(ci.LogRange{From: 6}); got != "6\n7\n" {
		t.Errorf("from line 6: %q", got)
	}
}

// A log over the limit keeps its head and its tail, and says what lies between.
func TestLimit(t *testing.T) {
	var text bytes.Buffer
	for i := range 600_000 {
		fmt.Fprintf(&text, "line %d of a long log\n", i+1)
	}
	w := newWorld(t, text.Bytes(), 8<<20)
	w.follow()
	got := w.read(ci.LogRange{Notes: true})
	first, rest, cut := strings.Cut(got, "[yaci] lines ")
	note, last, _ := strings.Cut(rest, "\n")
	if !cut || !strings.HasPrefix(first, "line 1 of") || !strings.HasSuffix(last, "line 600000 of a long log\n") ||
		!strings.HasSuffix(note, " are left out: the log is larger than 8 MiB.") {
		t.Fatalf("cut %v: %q", cut, note)
	}
	size := len(first) + len(last)
	if size < 7<<20 || size > 10<<20 {
		t.Errorf("%d bytes are kept", size)
	}
	var from, to int
	_, err := fmt.Sscanf(note, "%d to %d", &from, &to)
	if err != nil || !strings.HasSuffix(first, fmt.Sprintf("line %d of a long log\n", from-1)) ||
		!strings.HasPrefix(last, fmt.Sprintf("line %d of", to+1)) {
		t.Errorf("note %q between %q and %q: %v", note, first[len(first)-30:], last[:30], err)
	}
	if w.note() != "" {
		t.Errorf("note %q", w.note())
	}
}

func TestRange(t *testing.T) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "%d\n", i+1)
	}
	w := newWorld(t, []byte(text.String()), 1<<30)
	w.follow()
	for want, r := range map[string]ci.LogRange{
		"1\n2\n":          {From: 1, To: 2},
		"50000\n50001\n":  {From: 50000, To: 50001},
		"99999\n100000\n": {From: 99999},
		"":                {From: 100001},
		"100000\n":        {From: 100000, To: 200000},
	} {
		if got := w.read(r); got != want {
			t.Errorf("%+v: %.40q, want %q", r, got, want)
		}
	}
	var first ci.LogLine
	must(t, w.store.Read(t.Context(), id, ci.LogRange{From: 1, To: 1}, func(l ci.LogLine) error {
		first = l
		return nil
	}))
	if first.Number != 1 || !first.Time.Equal(w.source.times[0]) || first.Note {
		t.Errorf("line 1 is %+v, want the time %s", first, w.source.times[0])
	}
	stop := errors.New("stop")
	err := w.store.Read(t.Context(), id, ci.LogRange{}, func(ci.LogLine) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("a reader that is gone: %v", err)
	}
}

// A reader that follows gets what comes, and its end.
func TestReadFollows(t *testing.T) {
	w := newWorld(t, []byte("1\n2\n"), 1<<30)
	got, done := make(chan string, 10), make(chan error, 1)
	go func() {
		done <- w.store.Read(t.Context(), id, ci.LogRange{Follow: true}, func(l ci.LogLine) error {
			got <- string(l.Text)
			return nil
		})
	}()
	w.follow()
	for _, want := range []string{"1\n", "2\n"} {
		select {
		case line := <-got:
			if line != want {
				t.Errorf("%q, want %q", line, want)
			}
		case <-time.After(time.Minute):
			t.Fatal("nothing came")
		}
	}
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(time.Minute):
		t.Fatal("the reader was not told of the end")
	}
}

// Only the runner of a step writes progress markers: in the log of a service they are text.
func TestL2InLogsOfOthers(t *testing.T) {
	text := "1\n\x1b_yaci 999 9999\x1b\\\n\x1b_yaci=\n"
	for _, container := range []string{"s0-db", "clone"} {
		w := newWorld(t, []byte(text), 1<<20)
		w.collectors.Follow(t.Context(), w.job, "pod", container, true)
		select {
		case <-w.closed:
		case <-time.After(time.Minute):
			t.Fatal("the log was not closed")
		}
		var got strings.Builder
		other := ci.LogID{UID: id.UID, Container: container}
		must(t, w.store.Read(t.Context(), other, ci.LogRange{Notes: true}, func(l ci.LogLine) error {
			got.Write(l.Shown())
			return nil
		}))
		if got.String() != text {
			t.Errorf("%s: %q, want %q", container, got.String(), text)
		}
	}
}

// Counts that cannot be true neither hide lines nor add false notes of missing ones.
func TestL2CountsThatCannotBeTrue(t *testing.T) {
	text := []byte("1\n2\n")
	const largest, smallest = 1<<63 - 1, -1 << 63
	for _, counts := range [][2]int64{{-1, 0}, {0, -1}, {1, 2}, {largest, 1}, {largest, largest}, {smallest, smallest}} {
		w := newWorld(t, text, 1<<30)
		w.job.Steps[0].Bytes, w.job.Steps[0].Lines = counts[0], counts[1]
		w.observe()
		w.follow()
		got := w.read(ci.LogRange{})
		if got != string(text) || !strings.HasPrefix(w.note(), "The step left no record") {
			t.Errorf("%v: log %q, note %q", counts, got, w.note())
		}
	}
}

// A note behind a line that was cut off has the number of the next line, so that nobody takes
// it for the rest of that line.
func TestNoteBehindALineThatWasCutOff(t *testing.T) {
	w := newWorld(t, []byte("1\ncut o"), 1<<30)
	w.count(100, 0)
	w.follow()
	var last ci.LogLine
	must(t, w.store.Read(t.Context(), id, ci.LogRange{Notes: true}, func(l ci.LogLine) error {
		last = l
		return nil
	}))
	if !last.Note || last.Number != 3 {
		t.Errorf("the log ends with %+v, want a note with number 3", last)
	}
}

// permit returns a permit of the gate for jobs of an event, whatever its action is.
func permit(ev ci.Event) decide.Permit {
	ev.PRAction = map[ci.Kind]string{ci.PullRequest: "opened", ci.MergeGroup: "checks_requested"}[ev.Kind]
	ev.Deleted, ev.SkipCI = false, false
	_, p := decide.Gate(ev, decide.Facts{Forks: decide.ForksAlways})
	return p
}
