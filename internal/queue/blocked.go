package queue

import (
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxBlocked is how many jobs of one repository may be launched without the
// cluster having room for them. It bounds how many slots a repository can hold by
// jobs of which each asks for a little less than the one before.
const maxBlocked = 3

// blockedJob is a launched job with its obstacle.
type blockedJob struct {
	ci.Obstacle
	job *ci.Contender
}

// block takes over the obstacles of launched jobs. A job of which nothing else is
// known has ended meanwhile.
func (l *line) block(obstacles []ci.Obstacle) {
	l.stuck = map[int64]int{}
	for _, o := range obstacles {
		i := slices.IndexFunc(l.Jobs, func(j ci.Contender) bool { return j.Job == o.Job })
		if i < 0 {
			continue
		}
		l.blocked = append(l.blocked, blockedJob{o, &l.Jobs[i]})
		l.stuck[l.Jobs[i].Repo]++
	}
}

// behind returns the obstacle that a job would meet as well, or nil: that of a
// launched job that needs the same pool of the cluster, and no more than it of
// what is missing. A smaller job may fit where that one does not.
func (l *line) behind(j *ci.Contender) *ci.Obstacle {
	for i := range l.blocked {
		b := &l.blocked[i]
		if l.stuck[j.Repo] >= maxBlocked && b.job.Repo == j.Repo || meets(j, *b) {
			return &b.Obstacle
		}
	}
	return nil
}

// meets reports whether a job meets the obstacle of a blocked one. Where several
// amounts are missing, each may be missing on another node, so a job that asks
// for less of one of them may fit.
func meets(j *ci.Contender, b blockedJob) bool {
	if b.Quota && namespace(j) != namespace(b.job) || !b.Quota && j.Pool != b.job.Pool {
		return false
	}
	for _, r := range b.Lacks {
		switch r {
		case ci.ResourceCPU:
			if j.CPU < b.job.CPU {
				return false
			}
		case ci.ResourceMemory:
			if j.Memory < b.job.Memory {
				return false
			}
		case ci.ResourceDisk:
			if j.Disk < b.job.Disk {
				return false
			}
		}
	}
	return true
}

// namespace is the first word of a job's pool.
func namespace(j *ci.Contender) string {
	name, _, _ := strings.Cut(j.Pool, " ")
	return name
}
