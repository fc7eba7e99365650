package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
)

// stepLog asks for the log of a step of the run that was launched last.
func (w *World) stepLog(step int, query string) *http.Response {
	w.T.Helper()
	m := regexp.MustCompile(`msg="launched job" run=(\w+) job=(\S+)`).FindAllStringSubmatch(w.Log.String(), -1)
	if len(m) == 0 {
		w.T.Fatal("no job was launched")
	}
	last := m[len(m)-1]
	return w.jobLog(last[1], last[2], step, query)
}

// jobLog asks for the log of a step of a job.
func (w *World) jobLog(run, job string, step int, query string) *http.Response {
	w.T.Helper()
	req := must(
		http.NewRequestWithContext(
			w.T.Context(),
			"GET",
			fmt.Sprintf("http://%s/api/v1/runs/%s/jobs/%s/steps/%d/log?%s", w.Listen, run, job, step, query),
			nil,
		),
	)(
		w.T,
	)
	req.Header.Set("Authorization", "Bearer "+apiToken)
	res := must(http.DefaultClient.Do(req))(w.T)
	w.T.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		w.T.Fatalf("log of step %d: %s", step, res.Status)
	}
	return res
}

// wholeLog is a step's log to its end.
func (w *World) wholeLog(step int) string {
	w.T.Helper()
	var b strings.Builder
	if _, err := bufio.NewReader(w.stepLog(step, "follow=1").Body).WriteTo(&b); err != nil {
		w.T.Fatal(err)
	}
	return b.String()
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// TestLogs: what a step printed is what is served, byte for byte, however much it prints in its last moment.
func TestLogs(t *testing.T) {
	t.Parallel()
	w := NewWorld(t, "YACI_LOG_LIMIT=1000000000")
	r := w.Repo("logs", false)
	sha := w.push(r, `
image: IMAGE
quiet: true
steps:
  - head -c 3000000 /dev/urandom | tr -d '\r' > noise; cat noise
  - echo >> noise; sha256sum noise
  - head -c 67108864 /dev/zero | tr '\000' x; echo
  - seq 1 500000
  - printf 'no line feed'
  - echo out; echo err >&2
  - "true"
  - printf 'a\r\nb\rc\n'
`)
	if st := w.Final(r, sha); st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	noise := w.wholeLog(1)
	want, _, _ := strings.Cut(w.wholeLog(2), " ")
	if sum(noise) != want && sum(noise+"\n") != want {
		t.Errorf("%d bytes of noise arrived as others: %q ... %q", len(noise), noise[:80], noise[len(noise)-80:])
	}
	got := w.wholeLog(3)
	if len(got) != 67108865 || strings.Trim(got, "x") != "\n" {
		t.Errorf("the long line has %d bytes, and others than x: %.40q", len(got), strings.Trim(got, "x"))
	}
	if got := w.wholeLog(4); !consecutive(t, got, 500000) {
		t.Errorf("lines are missing or doubled: %q ... %q", got[:80], got[len(got)-80:])
	}
	for step, want := range map[int]string{5: "no line feed", 6: "out\nerr\n", 7: "", 8: "a\nb\rc\n"} {
		if got := w.wholeLog(step); got != want {
			t.Errorf("step %d: %q, want %q", step, got, want)
		}
	}
}

// consecutive reports whether a log is the numbers from 1 on, each once.
func consecutive(t *testing.T, log string, last int) bool {
	t.Helper()
	next := 1
	for line := range strings.Lines(log) {
		n, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err != nil || n != next {
			t.Logf("%.100q instead of %d", line, next)
			return false
		}
		next++
	}
	if next != last+1 {
		t.Logf("%d lines instead of %d", next-1, last)
	}
	return next == last+1
}

// TestLogIsLive: a line can be read while its step runs, as text and as an event that resumes.
func TestLogIsLive(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("live", false)
	sha := w.push(r, "image: IMAGE\nquiet: true\nsteps: ['for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 1; done']\n")
	w.Until("launched", func() bool { return strings.Contains(w.Log.String(), `msg="launched job"`) })
	var first string
	w.Until("a line", func() bool {
		first, _ = bufio.NewReader(w.stepLog(1, "").Body).ReadString('\n')
		return first != ""
	})
	all := r.Statuses(sha)
	if citest.Finished(all[len(all)-1]) || first != "1\n" {
		t.Errorf("the first line was %q, with %+v", first, all[len(all)-1])
	}
	if got := w.wholeLog(1); !consecutive(t, got, 9) {
		t.Errorf("followed %q", got)
	}
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	got, err := bufio.NewReader(w.stepLog(1, "from=8&times=1").Body).ReadString('\n')
	at, text, _ := strings.Cut(got, " ")
	if err != nil || text != "8\n" || time.Since(must(time.Parse(time.RFC3339Nano, at))(t)) > time.Hour {
		t.Errorf("line 8 is %q, %v", got, err)
	}
}

// TestLogSurvivesKills: the server is killed again and again while a step prints
// numbered lines and the kubelet rotates them. What is stored has each line once,
// or the log says which are missing. YACI_SOAK=1 makes it a million lines and 50 kills.
func TestLogSurvivesKills(t *testing.T) {
	rounds := 8
	each := 10000
	kills := 5
	if os.Getenv("YACI_SOAK") != "" {
		rounds = 100
		each = 10000
		kills = 50
	}
	w := NewWorld(t)
	r := w.Repo("kills", false)
	sha := w.push(
		r,
		fmt.Sprintf(
			"image: IMAGE\nquiet: true\nsteps:\n  - for i in $(seq 0 %d); do seq $((i * %d + 1)) $((i * %d + %d)); sleep 0.8; done\n",
			rounds-1,
			each,
			each,
			each,
		),
	)
	w.Until("launched", func() bool { return strings.Contains(w.Log.String(), `msg="launched job"`) })
	pause := time.Duration(rounds) * 800 * time.Millisecond / time.Duration(kills+1)
	for range kills {
		time.Sleep(pause) // the fault is meant to hit at any moment; nothing is waited for
		w.Kill()
		w.start()
	}
	st := w.Final(r, sha)
	if st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	log := w.wholeLog(1)
	missing := 0
	doubled := 0
	next := 1
	note := ""
	for line := range strings.Lines(log) {
		if text, ok := strings.CutPrefix(line, "[yaci] "); ok {
			t.Logf("before line %d: %s", next, text)
			note = text
			continue
		}
		n := must(strconv.Atoi(strings.TrimSuffix(line, "\n")))(t)
		switch {
		case n < next:
			doubled++
		default:
			missing += n - next
			next = n + 1
		}
	}
	missing += rounds*each + 1 - next
	t.Logf("%d lines, %d kills: %d missing, %d doubled", rounds*each, kills, missing, doubled)
	if doubled > 0 || missing > 0 && !strings.HasPrefix(note, strconv.Itoa(missing)+" lines ") {
		t.Errorf("%d missing, %d doubled, and the log says %q", missing, doubled, note)
	}
}
