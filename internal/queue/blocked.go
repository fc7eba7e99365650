package queue

import (
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxBlocked is how many launched jobs of one repository may wait for room in the cluster. It limits how many slots a
// repository can hold with jobs that each request a little less than the one before.
const maxBlocked = 3

// blockedJob is a launched job with the obstacle that keeps it from starting.
type blockedJob struct {
	ci.Obstacle
	job *ci.QueuedJob
}

// addObstacles finds the jobs of obstacles. An obstacle of an unknown job is ignored, because that job has ended.
func (p *planner) addObstacles(obstacles []ci.Obstacle) {
	p.blockedIn = map[int64]int{}
	for _, o := range obstacles {
		i := slices.IndexFunc(p.Jobs, func(j ci.QueuedJob) bool { return j.Job == o.Job })
		if i < 0 {
			continue
		}
		job := &p.Jobs[i]
		p.blocked = append(p.blocked, blockedJob{Obstacle: o, job: job})
		p.blockedIn[job.Repo]++
	}
}

// obstacle returns the obstacle that a job would meet if it were launched, or nil. It is the obstacle of a launched job
// that needs the same pool of nodes and requests no more of what is missing. A smaller job may fit where that one does
// not.
func (p *planner) obstacle(j *ci.QueuedJob) *ci.Obstacle {
	for i := range p.blocked {
		b := &p.blocked[i]
		tooMany := b.job.Repo == j.Repo && p.blockedIn[j.Repo] >= maxBlocked
		if tooMany || meets(j, b) {
			return &b.Obstacle
		}
	}
	return nil
}

// meets reports whether a job would meet the obstacle of a blocked job. Each of several missing resources may be
// missing on another node, so a job that requests less of one of them may fit.
func meets(j *ci.QueuedJob, b *blockedJob) bool {
	if b.Quota {
		if poolNamespace(j) != poolNamespace(b.job) {
			return false
		}
	} else if j.Pool != b.job.Pool {
		return false
	}
	for _, resource := range b.Lacks {
		if requested(j, resource) < requested(b.job, resource) {
			return false
		}
	}
	return true
}

// requested returns the amount of a resource that a job requests. It is the same for all jobs if the resource has no
// amount.
func requested(j *ci.QueuedJob, resource ci.Resource) int64 {
	switch resource {
	case ci.ResourceCPU:
		return j.CPU
	case ci.ResourceMemory:
		return j.Memory
	case ci.ResourceDisk:
		return j.Disk
	}
	return 0
}

// poolNamespace returns the namespace of a job's pool, which is the first word of its name.
func poolNamespace(j *ci.QueuedJob) string {
	name, _, _ := strings.Cut(j.Pool, " ")
	return name
}
