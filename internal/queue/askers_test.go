package queue

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestC19SilentRegistriesOfOthers: repositories whose registries never answer take no more than their share of the
// askers, so that the first image of another one is asked for within seconds, and a second try soon.
func TestC19SilentRegistriesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{inquiries: map[ci.JobName]*inquiry{}}
		add := func(name string, repo int64, tries int) {
			q.inquiries[ci.JobName(name)] = &inquiry{
				job:   ci.JobName(name),
				repo:  repo,
				since: time.Now(),
				tries: tries,
			}
		}
		for repo := range int64(6) {
			for i := range 50 {
				add(fmt.Sprintf("silent-%d-%d", repo, i), repo, 0)
			}
		}
		end := func(one *inquiry) { // as Queue.ask does
			q.mu.Lock()
			defer q.mu.Unlock()
			one.asking = false
			one.tries++
			one.until = time.Now().Add(min(time.Second<<min(one.tries, 10), askPause))
		}
		var running atomic.Int64
		asked, most := map[ci.JobName]time.Time{}, int64(0)
		second := func() {
			for _, one := range q.dueInquiries() {
				asked[one.job] = time.Now()
				if one.repo >= 6 {
					end(one)
					continue
				}
				running.Add(1)
				go func() {
					time.Sleep(askTime)
					end(one)
					running.Add(-1)
				}()
			}
			most = max(most, running.Load())
			time.Sleep(time.Second)
			synctest.Wait()
		}
		honest := int64(100)
		for range 30 { // 20 minutes, in which they are tried again and again
			for range 6 {
				second()
			}
			honest++
			first, again := ci.JobName(fmt.Sprintf("first-%d", honest)), ci.JobName(fmt.Sprintf("again-%d", honest))
			add(string(first), honest, 0)
			add(string(again), honest+1000, 3)
			added := time.Now()
			for range 3 {
				second()
			}
			at, ok := asked[first]
			if !ok || at.Sub(added) > 2*time.Second {
				t.Fatalf("the first image of another repository is asked for after %v", at.Sub(added))
			}
			for range askTime / time.Second {
				second()
			}
			at, ok = asked[again]
			if !ok || at.Sub(added) > askTime+3*time.Second {
				t.Fatalf("a second try of another repository comes after %v", at.Sub(added))
			}
			delete(q.inquiries, first)
			delete(q.inquiries, again)
		}
		if most >= askers {
			t.Errorf("repositories with silent registries take %d of %d askers", most, askers)
		}
		time.Sleep(askTime) // the last ones end
	})
}
