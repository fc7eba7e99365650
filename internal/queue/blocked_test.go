package queue_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/queue"
)

// sized returns a job that requests cores, GiB of memory and GiB of disk.
func sized(name string, repo, cores, memory, disk int64) ci.QueuedJob {
	j := job(name, repo, repo, int(repo))
	j.CPU = cores * 1000
	j.Memory = memory << 30
	j.Disk = disk << 30
	j.Pool = "builds"
	return j
}

func inPool(j ci.QueuedJob, pool string) ci.QueuedJob { j.Pool = pool; return j }

// TestS9Obstacles: behind a job that the cluster has no room for wait only those that request as much of what is
// missing, or need the same thing.
func TestS9Obstacles(t *testing.T) {
	blocked := func(quota bool, lacks ...ci.Resource) ci.Obstacle {
		return ci.Obstacle{
			Job:   "big",
			Lacks: lacks,
			Quota: quota,
			Why:   "no room",
		}
	}
	for name, c := range map[string]struct {
		obstacle ci.Obstacle
		want     string // launched
	}{
		"CPU":            {blocked(false, ci.ResourceCPU), "small sandboxed wide"},
		"memory":         {blocked(false, ci.ResourceMemory), "small sandboxed tall"},
		"disk":           {blocked(false, ci.ResourceDisk), "sandboxed small tall wide"},
		"CPU and memory": {blocked(false, ci.ResourceCPU, ci.ResourceMemory), "sandboxed small tall wide"},
		"a pod":          {blocked(false, ci.ResourcePods), "sandboxed"},
		"something else": {blocked(false, ci.ResourceOther), "sandboxed"},
		"quota of CPU":   {blocked(true, ci.ResourceCPU), "small wide"},
		"quota of pods":  {blocked(true, ci.ResourcePods), ""},
	} {
		snapshot := queue.Snapshot{
			Now:     noon,
			Room:    10,
			Limits:  queue.Limits{Total: 10},
			Blocked: []ci.Obstacle{c.obstacle},
			Jobs: []ci.QueuedJob{
				running(sized("big", 1, 4, 4, 40)),
				sized("same", 2, 4, 4, 40),
				sized("larger", 3, 8, 8, 80),
				sized("small", 4, 1, 1, 10),
				sized("tall", 5, 8, 1, 10),
				sized("wide", 6, 1, 8, 10),
				inPool(sized("sandboxed", 7, 8, 8, 80), "builds runtime=gvisor"),
			},
		}
		var launched []string
		for _, p := range queue.Plan(snapshot) {
			if p.Launch {
				launched = append(launched, string(p.Job))
			} else if !strings.Contains(p.Message, "the cluster is full: no room") || p.Reason != ci.WaitCluster {
				t.Errorf("%s: %s", name, p.Message)
			}
		}
		want := strings.Fields(c.want)
		slices.Sort(launched)
		slices.Sort(want)
		if !slices.Equal(launched, want) {
			t.Errorf("%s: launched %q, want %q", name, launched, want)
		}
	}
}

// TestS9BlockedJobsOfARepository: a repository cannot take all slots with jobs that each request a little less than the
// one before.
func TestS9BlockedJobsOfARepository(t *testing.T) {
	snapshot := queue.Snapshot{Now: noon, Room: 10, Limits: queue.Limits{Total: 50}}
	for n := range int64(3) {
		j := running(sized(fmt.Sprintf("b%d", n), 1, 100-n, 1, 1))
		snapshot.Jobs = append(snapshot.Jobs, j)
		snapshot.Blocked = append(snapshot.Blocked, ci.Obstacle{
			Job:   j.Job,
			Lacks: []ci.Resource{ci.ResourceCPU},
			Why:   "no room",
		})
	}
	snapshot.Jobs = append(snapshot.Jobs, sized("less", 1, 50, 1, 1), sized("other", 2, 50, 1, 1))
	places := queue.Plan(snapshot)
	if len(places) != 2 || places[0].Job != "other" || !places[0].Launch || places[1].Launch {
		t.Errorf("places %+v", places)
	}
}

// TestS9Property: whatever cannot be placed, a job that requests less of what is missing is launched while there are
// slots, and one that requests as much of everything in the same pool is not.
func TestS9Property(t *testing.T) {
	kinds := []ci.Resource{ci.ResourceCPU, ci.ResourceMemory, ci.ResourceDisk, ci.ResourcePods, ci.ResourceOther}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 9))
		size := func() int64 { return int64(r.IntN(4)) }
		s := queue.Snapshot{Now: noon, Room: 1000, Limits: queue.Limits{Total: 1000}}
		for i := range 1 + r.IntN(30) {
			j := inPool(
				sized(fmt.Sprint(i), int64(i+1), size(), size(), size()),
				[]string{"builds", "builds runtime=x", "forks"}[r.IntN(3)],
			)
			if r.IntN(3) == 0 {
				j = running(j)
				if r.IntN(2) == 0 {
					o := ci.Obstacle{Job: j.Job, Quota: r.IntN(3) == 0, Why: "x"}
					for _, k := range kinds {
						if r.IntN(3) == 0 {
							o.Lacks = append(o.Lacks, k)
						}
					}
					s.Blocked = append(s.Blocked, o)
				}
			}
			s.Jobs = append(s.Jobs, j)
		}
		byName := map[ci.JobName]ci.QueuedJob{}
		for _, j := range s.Jobs {
			byName[j.Job] = j
		}
		for _, p := range queue.Plan(clone(s)) {
			j, mayFit := byName[p.Job], true
			for _, o := range s.Blocked {
				b := byName[o.Job]
				less := j.Pool != b.Pool && (!o.Quota || strings.Fields(j.Pool)[0] != strings.Fields(b.Pool)[0])
				for _, k := range o.Lacks {
					less = less || k == ci.ResourceCPU && j.CPU < b.CPU || k == ci.ResourceMemory && j.Memory < b.Memory ||
						k == ci.ResourceDisk && j.Disk < b.Disk
				}
				mayFit = mayFit && less
			}
			if p.Launch != mayFit {
				t.Fatalf("seed %d: job %+v launched %v behind %+v", seed, j, p.Launch, s.Blocked)
			}
		}
	}
}
