package queue

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestC19SilentRegistriesOfOthers: repositories whose registries never answer use no more than their share of the
// lookups. The first image of another repository is looked up within seconds, and a second try follows soon.
func TestC19SilentRegistriesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{lookups: map[ci.JobName]*imageLookup{}}
		add := func(name string, repo int64, tries int) {
			q.lookups[ci.JobName(name)] = &imageLookup{
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
		end := func(one *imageLookup) { // as Queue.runLookup does
			q.mu.Lock()
			defer q.mu.Unlock()
			one.active = false
			one.tries++
			one.next = time.Now().Add(min(time.Second<<min(one.tries, 10), maxLookupPause))
		}
		var running atomic.Int64
		asked, most := map[ci.JobName]time.Time{}, int64(0)
		second := func() {
			for _, one := range q.dueLookups() {
				asked[one.job] = time.Now()
				if one.repo >= 6 {
					end(one)
					continue
				}
				running.Add(1)
				go func() {
					time.Sleep(lookupTimeout)
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
			for range lookupTimeout / time.Second {
				second()
			}
			at, ok = asked[again]
			if !ok || at.Sub(added) > lookupTimeout+3*time.Second {
				t.Fatalf("a second try of another repository comes after %v", at.Sub(added))
			}
			delete(q.lookups, first)
			delete(q.lookups, again)
		}
		if most >= maxLookups {
			t.Errorf("repositories with silent registries take %d of %d lookups", most, maxLookups)
		}
		time.Sleep(lookupTimeout) // the last ones end
	})
}
