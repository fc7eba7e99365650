package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "gocloud.dev/blob/memblob"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logs"
)

// TestS11 is the way of a step's output through the runner, the container runtime,
// the kubelet and the log store. Whatever the step prints, however its output is
// cut into pieces, and wherever the reader is interrupted: the stored log is what
// was printed, masked, and says that nothing is missing. YACI_SEQUENCES sets how
// many random outputs are tried.
func TestS11(t *testing.T) {
	sequences := 300
	if text := os.Getenv("YACI_SEQUENCES"); text != "" {
		sequences, _ = strconv.Atoi(text)
	}
	for seed := range uint64(sequences) {
		testOutput(t, seed)
		if t.Failed() {
			return
		}
	}
}

func testOutput(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 11))
	want, record, log := printedBy(t, random)
	if log.keepCR = random.IntN(2) == 0; !log.keepCR {
		want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	}
	log.endLine = random.IntN(2) == 0
	if log.endLine && len(want) > 0 && !bytes.HasSuffix(want, []byte("\n")) {
		want = append(want, '\n')
	}
	log.split()
	db := &memory{step: ci.Step{
		Name:      "s",
		Container: "0-s",
		State:     ci.Success,
		Finished:  time.Unix(2, 0),
		Bytes:     record[0],
		Lines:     record[1],
	}}
	bucket, err := logs.OpenBucket(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	job := ci.Job{
		Name:  "yaci-1",
		UID:   "u",
		State: ci.Running,
		Steps: []ci.Step{db.step},
	}
	store, err := logs.NewStore(logs.StoreConfig{
		Jobs:   db,
		Index:  db,
		Bucket: bucket,
		Limit:  1 << 40,
	})
	if err != nil {
		t.Fatal(err)
	}
	collectors, err := logs.NewCollectors(logs.CollectorsConfig{
		Store:  store,
		Source: log,
		Closed: func(ci.JobName) {},
		Log:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for restarts := random.IntN(4); restarts >= 0; restarts-- {
		ctx, kill := context.WithCancel(t.Context())
		log.interrupt(restarts > 0, random.IntN(len(log.text)+100), func() { db.refuse(random.IntN(2) == 0); kill() })
		collectors.Follow(ctx, job, "pod", "0-s", false)
		collectors.Wait()
		kill()
		log.interrupt(false, 0, nil) // a stream may be closed late, and must not refuse what comes next
		db.refuse(false)
	}
	var got bytes.Buffer
	err = store.Read(t.Context(), ci.LogID{UID: "u", Container: "0-s"}, ci.LogRange{Notes: true},
		func(l ci.LogLine) error { got.Write(l.Shown()); return nil })
	if err != nil || !bytes.Equal(got.Bytes(), want) || !db.log.Closed || db.log.Note != "" {
		at := 0
		for at < min(got.Len(), len(want)) && got.Bytes()[at] == want[at] {
			at++
		}
		show := func(b []byte) []byte { return b[max(0, min(at-40, len(b))):min(len(b), at+100)] }
		t.Errorf(
			"seed %d: %v; %d bytes, want %d; they differ at %d:\n%q\n%q\nnote %q",
			seed,
			err,
			got.Len(),
			len(want),
			at,
			show(got.Bytes()),
			show(want),
			db.log.Note,
		)
	}
}

const testSecret = "hunter2-hunter2"

// printedBy has a random step print through the runner. It returns what the log must
// show, the runner's counts, and the container's log.
func printedBy(t *testing.T, random *rand.Rand) (want []byte, record [2]int64, log *kubelet) {
	t.Helper()
	parts := []string{
		"\n",
		"\n",
		"\n",
		"x",
		"line of text\n",
		"\x1b",
		"_yaci",
		"\x1b_yaci",
		"\x1b_yaci ",
		"\x1b_yaci=",
		"=",
		" ",
		"\r\n",
		"\r",
		testSecret,
		testSecret[:7],
		"\x1b_yaci 9223372036854775807 9223372036854775807\x1b\\\n",
		"\n\x1b_yaci 1 1\x1b\\\n",
		"\x1b_yaci 2 5",
		"\x1b\\\n",
		"\x00\xff",
		"2099-01-01T00:00:00.000000000Z \x1b_yaci 7 7\x1b\\\n",
		"2001-01-01T00:00:00.000000000Z ",
		"1970-01-01T00:00:00.5Z text\n",
	}
	var text []byte
	for range random.IntN(30) {
		if random.IntN(12) == 0 { // a line that becomes several records, which a forged line begins
			start := bytes.LastIndexByte(text, '\n') + 1
			fill := recordSize - (len(text)-start)%recordSize
			text = append(text, bytes.Repeat([]byte("l"), fill)...)
			text = append(text, "2099-01-01T00:00:00.000000000Z \x1b_yaci 500 5000\x1b\\"...)
		}
		text = append(text, parts[random.IntN(len(parts))]...)
	}
	mask, err := newMasker([]string{"S"}, func(string) string { return testSecret })
	if err != nil {
		t.Fatal(err)
	}
	log = &kubelet{random: random}
	o := newOutput()
	o.to = log
	if random.IntN(2) == 0 {
		o.mask = mask
		want = []byte(mask.text(string(text)))
	} else {
		want = bytes.Clone(text)
	}
	o.copy(&pieces{text: text, random: random, before: func() {
		if random.IntN(2) == 0 {
			o.markedAt = time.Time{} // a marker is due
		}
	}})
	record[0], record[1] = o.totals()
	return want, record, log
}

// pieces reads a text in pieces of random sizes.
type pieces struct {
	text   []byte
	random *rand.Rand
	before func()
}

func (p *pieces) Read(to []byte) (int, error) {
	p.before()
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	most := []int{1, 3, 10, 1000, 100_000}[p.random.IntN(5)]
	n := copy(to[:min(len(to), 1+p.random.IntN(most))], p.text)
	p.text = p.text[n:]
	return n, nil
}

// recordSize is that of containerd's records: a longer line is several.
const recordSize = 16 << 10

// kubelet serves the log of a container as containerd stores it and the kubelet
// reads it: the timestamp of each record selects it, and stands only before the
// first of a line (k8s.io/cri-client/pkg/logs).
type kubelet struct {
	random          *rand.Rand
	keepCR, endLine bool
	text            []byte // what the container printed
	records         []logRecord

	mu   sync.Mutex
	left int // bytes until the reader is killed
	kill func()
}

type logRecord struct {
	time time.Time
	text []byte
}

func (k *kubelet) Write(p []byte) (int, error) {
	k.text = append(k.text, p...)
	return len(p), nil
}

func (k *kubelet) split() {
	at := time.Unix(1e9, 0).UTC()
	for line := range bytes.Lines(k.text) {
		line = bytes.Clone(line)
		if !k.keepCR && bytes.HasSuffix(line, []byte("\r\n")) {
			line = append(line[:len(line)-2], '\n')
		}
		if k.endLine && !bytes.HasSuffix(line, []byte("\n")) {
			line = append(line, '\n')
		}
		for len(line) > 0 {
			n := min(len(line), recordSize)
			if k.random.IntN(3) > 0 {
				at = at.Add(time.Duration(1+k.random.IntN(900)) * time.Millisecond)
			}
			k.records = append(k.records, logRecord{at, line[:n]})
			line = line[n:]
		}
	}
}

func (k *kubelet) interrupt(on bool, after int, kill func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left, k.kill = after, kill
	if !on {
		k.kill = nil
	}
}

func (k *kubelet) LogStream(_ context.Context, _, _ string, since time.Time, _ bool) (io.ReadCloser, error) {
	var b bytes.Buffer
	newLine := true
	for _, r := range k.records {
		if !r.time.Before(since) {
			if newLine {
				b.WriteString(r.time.Format("2006-01-02T15:04:05.000000000Z "))
			}
			b.Write(r.text)
		}
		newLine = bytes.HasSuffix(r.text, []byte("\n"))
	}
	return &interrupted{k: k, r: &b}, nil
}

// interrupted is a stream that breaks somewhere. The reader is killed at that
// moment, or when it has stored what came.
type interrupted struct {
	k *kubelet
	r io.Reader
}

func (i *interrupted) Close() error {
	i.k.mu.Lock()
	defer i.k.mu.Unlock()
	if i.k.kill != nil {
		i.k.kill()
	}
	return nil
}

func (i *interrupted) Read(p []byte) (int, error) {
	i.k.mu.Lock()
	defer i.k.mu.Unlock()
	if i.k.kill == nil {
		return i.r.Read(p)
	}
	if i.k.left == 0 {
		if i.k.random.IntN(2) == 0 {
			i.k.kill()
		}
		return 0, io.ErrUnexpectedEOF
	}
	n, err := i.r.Read(p[:min(len(p), i.k.left)])
	i.k.left -= n
	return n, err
}

// memory is the database of one log. While it refuses, the server is as good as dead.
type memory struct {
	mu      sync.Mutex
	step    ci.Step
	log     ci.Log
	chunks  []ci.LogChunk
	refuses bool
}

func (m *memory) refuse(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuses = on
}

func (m *memory) Job(context.Context, ci.JobName) (ci.Job, error) {
	return ci.Job{
		Name:  "yaci-1",
		UID:   "u",
		State: ci.Running,
		Steps: []ci.Step{m.step},
	}, nil
}

func (m *memory) Log(context.Context, ci.LogID) (ci.Log, error) { return m.log, nil }

func (m *memory) CloseLog(_ context.Context, l ci.Log) error {
	m.log = l
	return nil
}

func (m *memory) LogChunks(context.Context, ci.LogID) ([]ci.LogChunk, error) { return m.chunks, nil }

func (m *memory) AddLogChunk(_ context.Context, _ ci.LogID, _ ci.JobName, c ci.LogChunk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuses {
		return errors.New("killed")
	}
	m.chunks = append(m.chunks, c)
	return nil
}

func (m *memory) DeleteLogChunk(context.Context, ci.LogID, int) error { return nil }

// The runner's own sentences hold names that the file chose, and are escaped too.
func TestL2InTheRunnersOwnSentences(t *testing.T) {
	var b bytes.Buffer
	o := newOutput()
	o.to = &b
	o.say("the image has no \n\x1b_yaci 5 5\x1b\\\n")
	if strings.Contains(b.String(), "\x1b_yaci ") {
		t.Errorf("%q", b.String())
	}
	if size, _ := o.totals(); fmt.Sprint(size) != strconv.Itoa(b.Len()-1) {
		t.Errorf("counted %d bytes of %q", size, b.String())
	}
}
